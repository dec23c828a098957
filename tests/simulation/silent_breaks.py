"""Ways to break what nobody is told of: what ends by itself, what is offered, refusals that look like others, and what
others have (see `controls`).
"""

from collections.abc import Iterable
from typing import Any

import pytest

from actors.core import block as core
from actors.core import waiting
from actors.core.commands import Command, PlaceHold, Write
from actors.core.entries import Entry, HoldExpired, OrderExpired
from actors.core.ground import Ground
from actors.core.ids import BlockId
from actors.core.inventory import Inventory
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.state import BlockState, Hold
from actors.core.wishes import Wish
from actors.engine import block_host
from actors.engine.hosted import HostedBlock
from actors.engine.withholding import Withholding
from actors.link.batch import Answer, Failed, Fault, Refused

LATE_MS = 30_000
NOW_AND_THEN = 4


def nothing_expires(patch: pytest.MonkeyPatch) -> None:
    """Holds and unpaid orders live for ever."""
    next_due = core.next_due

    def never(state: BlockState, now_ms: int, *patience: int) -> Entry | None:
        due = next_due(state, now_ms, *patience)
        return None if isinstance(due, HoldExpired | OrderExpired) else due

    patch.setattr(core, "next_due", never)


def holds_end_late(patch: pytest.MonkeyPatch) -> None:
    """Holds and unpaid orders live for half a minute longer than they may."""
    next_deadline = BlockState.next_deadline

    def later(self: BlockState) -> tuple[int, Hold] | None:
        due = next_deadline(self)
        return None if due is None else (due[0] + LATE_MS, due[1])

    patch.setattr(BlockState, "next_deadline", later)


def nobody_is_offered_anything(patch: pytest.MonkeyPatch) -> None:
    """Who waits, waits for ever."""
    patch.setattr(waiting, "next_offer", lambda *_: None)


def holds_are_called_malformed(patch: pytest.MonkeyPatch) -> None:
    """Now and then, who asks for a hold is told that there is something wrong with the request."""
    place = core._DECIDE[PlaceHold]

    def refuse(state: BlockState, command: PlaceHold, now_ms: int) -> Outcome:
        if not command.hold % NOW_AND_THEN:
            return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("units: are odd",)))
        return place(state, command, now_ms)

    patch.setitem(core._DECIDE, PlaceHold, refuse)


def refused_for_nothing(patch: pytest.MonkeyPatch, command: type[Write], reason: Reason) -> None:
    """Half of what would be accepted is refused for this reason: of wishes, those that name units, which are told."""
    decide = core._DECIDE[command]

    def refuse(state: BlockState, asked: Write, now_ms: int) -> Outcome:
        outcome, seats = decide(state, asked, now_ms), getattr(asked, "wish", Wish(("",))).seats
        if isinstance(outcome, Accepted) and seats and asked.stamp.key[0] % 2:
            return Rejected(reason, Details(units=tuple(filter(None, seats))))
        return outcome

    patch.setitem(core._DECIDE, command, refuse)


def a_copy_is_served_that_was_refused(patch: pytest.MonkeyPatch) -> None:
    """Now and then, what is asked of a block for the first time is refused for what others have, and a copy is not."""
    serve = block_host._serve
    met = set[bytes]()

    def refuse_first(hosted: HostedBlock, command: Command, batch: Any, *, crowded: bool) -> Answer:
        if isinstance(command, PlaceHold) and command.stamp.key not in met and not command.hold % NOW_AND_THEN:
            met.add(command.stamp.key)
            return Refused(Reason.UNITS_HELD, Details())
        return serve(hosted, command, batch, crowded=crowded)

    patch.setattr(block_host, "_serve", refuse_first)


def who_is_quarantined_says_no(patch: pytest.MonkeyPatch) -> None:
    """From a block that is quarantined nobody gets anything; but by what it has, others are told no."""
    serve = block_host._serve
    withheld: set[HostedBlock] = set()

    def note(self: Withholding, block: BlockId) -> None:
        withheld.update(hosted for hosted in (self._residence.blocks.get(block),) if hosted is not None)

    def refuse_only(hosted: HostedBlock, command: Command, batch: Any, *, crowded: bool) -> Answer:
        if hosted not in withheld:
            return serve(hosted, command, batch, crowded=crowded)
        outcome = core.decide(hosted.state, command, batch.now_ms, sure_ms=batch.sure_ms, owned=hosted.claimed)
        return Refused(outcome.reason, outcome.details) if isinstance(outcome, Rejected) else Failed(Fault.QUARANTINED)

    patch.setattr(Withholding, "_withhold", note)
    patch.setattr(block_host, "_serve", refuse_only)


def units_are_had_twice(patch: pytest.MonkeyPatch) -> None:
    """Now and then who asks for units by name gets them, whoever has them; both are served as if they had them."""
    refuse, claim, sell, give_back = Ground._refuse_claimed, Inventory.claim, Inventory.sell, Inventory.give_back

    def refuse_mostly(self: Ground, units: list[int]) -> Rejected | None:
        return refuse(self, units) if sum(units) % NOW_AND_THEN else None

    def claim_anyway(self: Inventory, hold: int, units: Iterable[int], *more: Any) -> None:
        taken = tuple(units)
        for unit in taken:
            self.owners[unit] = 0
        claim(self, hold, taken, *more)

    def own(self: Inventory, hold: int, units: Iterable[int]) -> list[int]:
        return [unit for unit in units if self.owners[unit] == hold]

    patch.setattr(Ground, "_refuse_claimed", refuse_mostly)
    patch.setattr(Inventory, "claim", claim_anyway)
    patch.setattr(Inventory, "sell", lambda self, hold, units, areas: sell(self, hold, own(self, hold, units), areas))
    patch.setattr(
        Inventory,
        "give_back",
        lambda self, hold, units, *more, **how: give_back(self, hold, own(self, hold, units), *more, **how),
    )

"""What clients were told, held against the journal: every acknowledged reply is there, no later and no different."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import msgspec

from actors.core import entries as e
from loadtests.audit.findings import Fault, Finding
from loadtests.audit.ids import HOLD, ORDER, home_of
from loadtests.audit.keys import journaled_key
from loadtests.audit.ledger import Ledger


class Told(StrEnum):
    """What a reply acknowledged."""

    HELD = "held"
    EXTENDED = "extended"
    RELEASED = "released"
    ORDERED = "ordered"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


_Done: TypeAlias = e.HoldPlaced | e.HoldExtended | e.HoldReleased | e.OrderPlaced | e.OrderConfirmed | e.OrderCancelled
_OfOrder: TypeAlias = e.OrderPlaced | e.OrderConfirmed | e.OrderCancelled

_TOLD: dict[type, Told] = {
    e.HoldPlaced: Told.HELD,
    e.HoldExtended: Told.EXTENDED,
    e.HoldReleased: Told.RELEASED,
    e.OrderPlaced: Told.ORDERED,
    e.OrderConfirmed: Told.CONFIRMED,
    e.OrderCancelled: Told.CANCELLED,
}


class Acknowledged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reply as a client got it.

    `id`: of the hold, or from ORDERED on of the order. `position`: of the row that the reply named, 0 if it named none.
    `expires_at_ms`: as told, 0 if it is not to be compared (a replay tells the deadline as it is by then).
    `key`: the idempotency key under which it was asked for; empty if that was not kept.
    """

    told: Told
    id: str
    units: tuple[str, ...]
    areas: tuple[tuple[str, int], ...]
    total_minor: int
    hold_id: str = ""
    expires_at_ms: int = 0
    position: int = 0
    key: str = ""


_decoder = msgspec.json.Decoder(Acknowledged)


def read_acknowledged(paths: Iterable[Path]) -> Iterator[Acknowledged]:
    """The replies in files of one JSON document a line. Raises OSError, msgspec.DecodeError."""
    for path in paths:
        with path.open("rb") as lines:
            for line in lines:
                yield _decoder.decode(line)


def by_block(replies: Iterable[Acknowledged]) -> dict[str, list[Acknowledged]]:
    """The replies by the home block that their ids bear. Raises ValueError for what is no id."""
    found: dict[str, list[Acknowledged]] = {}
    for reply in replies:
        found.setdefault(_home(reply)[0], []).append(reply)
    return found


class ReplyCheck:
    """Meets a block's entries one by one; what is left at the end never was in the journal."""

    def __init__(self, block: str, replies: Iterable[Acknowledged]) -> None:
        self.findings: list[Finding] = []
        self._block = block
        self._missing: dict[tuple[Told, int], list[Acknowledged]] = {}
        for reply in replies:
            self._missing.setdefault((reply.told, _home(reply)[1]), []).append(reply)

    def meet(self, entry: e.Entry, position: int, ledger: Ledger) -> None:
        """The entry is in the row at `position`; `ledger` has not folded it yet."""
        if not isinstance(entry, _Done):
            return
        left = []
        fact = _TOLD[type(entry)], entry.order if isinstance(entry, _OfOrder) else entry.hold
        for reply in self._missing.pop(fact, ()):
            if _acknowledges(reply, entry, ledger.tenant):
                self._compare(reply, entry, position, ledger)
            else:
                left.append(reply)
        if left:
            self._missing[fact] = left

    def finish(self) -> None:
        """The journal is at its end."""
        for replies in self._missing.values():
            for reply in replies:
                self._found(0, Fault.REPLY_NOT_IN_JOURNAL, f"{reply.id} was said to be {reply.told}")
        self._missing = {}

    def _compare(self, reply: Acknowledged, entry: _Done, position: int, ledger: Ledger) -> None:
        if reply.position and reply.position < position:
            self._found(
                position, Fault.REPLY_AHEAD_OF_JOURNAL, f"{reply.id} was said to be {reply.told} at {reply.position}"
            )
        if reply.key and journaled_key(ledger.tenant, reply.key) != entry.key:
            self._found(
                position, Fault.REPLY_OF_ANOTHER_KEY, f"{reply.id} was said to be {reply.told} to key {reply.key}"
            )
        placed = entry if isinstance(entry, e.HoldPlaced) else _hold_of(entry, ledger)
        if placed is None:
            return  # which the ledger reports
        units = sorted(map(ledger.units.seat_name, placed.seats))
        places = sorted((ledger.units.area_name(area), quantity) for area, quantity in placed.areas)
        total_minor = sum(quantity * each for _, quantity, each in placed.prices)
        told = (sorted(reply.units), sorted(reply.areas), reply.total_minor)
        if told != (units, places, total_minor) or _differs(reply, entry, placed, self._block):
            self._found(
                position,
                Fault.REPLY_DIFFERS,
                f"{reply.id} was said to be {reply.told} with {', '.join(reply.units)} {reply.areas} "
                f"for {reply.total_minor}",
            )

    def _found(self, position: int, fault: Fault, sentence: str) -> None:
        self.findings.append(Finding(self._block, position, fault, sentence))


def _home(reply: Acknowledged) -> tuple[str, int]:
    return home_of(HOLD if reply.told in (Told.HELD, Told.EXTENDED, Told.RELEASED) else ORDER, reply.id)


def _acknowledges(reply: Acknowledged, entry: _Done, tenant: str) -> bool:
    """Whether the reply is about this very entry: a hold can be extended more than once."""
    if not isinstance(entry, e.HoldExtended):
        return True
    return journaled_key(tenant, reply.key) == entry.key if reply.key else reply.expires_at_ms == entry.expires_at_ms


def _hold_of(entry: _Done, ledger: Ledger) -> e.HoldPlaced | None:
    if isinstance(entry, e.OrderConfirmed | e.OrderCancelled):
        order = ledger.orders.get(entry.order)
        number = order.hold if order is not None else 0
    else:
        number = entry.hold
    claim = ledger.claims.get(number)
    return claim.placed if claim is not None else None


def _differs(reply: Acknowledged, entry: _Done, placed: e.HoldPlaced, block: str) -> bool:
    """Whether the reply names another deadline or another hold than the journal."""
    if isinstance(entry, e.HoldPlaced | e.HoldExtended) and reply.expires_at_ms not in (0, entry.expires_at_ms):
        return True
    return bool(reply.hold_id) and home_of(HOLD, reply.hold_id) != (block, placed.hold)

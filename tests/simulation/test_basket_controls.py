"""Each rule of the desk protocol, broken on purpose: the unchanged check of a run notices, which else finds nothing."""

import msgspec
import pytest

from actors.baskets import Baskets
from actors.core import legs, snapshot
from actors.core.block import _DECIDE_ERRAND
from actors.core.commands import AcknowledgeLeg, AskAboutLeg, BookLeg, IntendBasket, ReleaseLeg, SettleBasket
from actors.core.desk_state import Todo
from actors.core.entries import LegBooked, LegReleased
from actors.core.event_layout import reclaim
from actors.core.ids import BlockId
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import PinReply
from actors.core.state import BlockState, Hold
from actors.engine.errands import Errands
from actors.engine.hosted import HostedBlock
from actors.link.batch import command_decoder
from tests.simulation.basket_controls import check_noticed
from tests.simulation.breaks import Break, hasty, pins_before_the_intent, reply_before_durable


def _without_waiting(patch: pytest.MonkeyPatch, kind: type[msgspec.Struct]) -> None:
    """Answers to commands of this kind do not wait until they are durable."""
    hasty(patch, lambda _, call: isinstance(command_decoder.decode(call.command), kind))


def the_intent_is_not_durable(patch: pytest.MonkeyPatch) -> None:
    """Who means a basket is told so before it is in the journal."""
    _without_waiting(patch, IntendBasket)


def a_leg_in_doubt_is_answered_from_memory(patch: pytest.MonkeyPatch) -> None:
    """What a desk tells a leg in doubt need not be in the journal."""
    _without_waiting(patch, AskAboutLeg)


def a_decision_is_told_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    """Who settles a basket is told so before it is in the journal."""
    _without_waiting(patch, SettleBasket)


def deeds_are_done_before_they_are_durable(patch: pytest.MonkeyPatch) -> None:
    """What follows from a decision does not wait for the journal."""
    begin = Errands._begin

    async def hurry(self: Errands) -> None:
        with pytest.MonkeyPatch.context() as patched:
            reply_before_durable(patched)
            await begin(self)

    patch.setattr(Errands, "_begin", hurry)


def no_revisions(patch: pytest.MonkeyPatch) -> None:
    """What comes again, or late, is done again."""

    def book(state: BlockState, command: BookLeg, now_ms: int) -> Outcome:
        return Accepted((LegBooked(now_ms, command.leg, command.revision),), PinReply(command.leg))

    def release(state: BlockState, command: ReleaseLeg, now_ms: int) -> Outcome:
        if command.leg not in state.legs:
            return legs.decide_release_leg(state, command, now_ms)
        entry = LegReleased(now_ms, command.leg, command.revision, command.tickets)
        return Accepted((entry,), PinReply(command.leg))

    patch.setitem(_DECIDE_ERRAND, BookLeg, book)
    patch.setitem(_DECIDE_ERRAND, ReleaseLeg, release)


def no_tombstones(patch: pytest.MonkeyPatch) -> None:
    """A leg that is released before it came is not barred."""
    release = legs.decide_release_leg

    def forget(state: BlockState, command: ReleaseLeg, now_ms: int) -> Outcome:
        return release(state, command, now_ms) if command.leg in state.legs else Accepted((), PinReply(command.leg))

    patch.setitem(_DECIDE_ERRAND, ReleaseLeg, forget)


def deeds_are_tried_once(patch: pytest.MonkeyPatch) -> None:
    """A deed counts as done whatever comes of it."""

    async def carry_out(self: Errands, hosted: HostedBlock, todo: Todo) -> None:
        tenant = hosted.state.tenant
        await self._ask(BlockId(todo.block), ReleaseLeg(tenant, todo.leg, todo.revision, todo.tickets))
        await self._host.tell(hosted.block, AcknowledgeLeg(tenant, todo.leg, todo.revision))

    patch.setattr(Errands, "_carry_out", carry_out)


def a_leg_ends_by_itself(patch: pytest.MonkeyPatch) -> None:
    """A leg that comes from a snapshot ends when its time is over, whatever its desk says."""

    def thaw(state: BlockState, hold: Hold) -> None:
        state.holds[hold.number] = hold
        reclaim(state, hold)
        if state.claims_units(hold):
            state.push_deadline(hold)

    patch.setattr(snapshot, "_thaw_hold", thaw)


def legs_do_not_ask(patch: pytest.MonkeyPatch) -> None:
    """A leg waits for its desk for ever."""
    patch.setattr(Errands, "_doubts", lambda _, __: [])


def only_the_gateway_drops(patch: pytest.MonkeyPatch) -> None:
    """A desk waits for ever for who places its legs."""
    patch.setattr("actors.core.desk.next_drop", lambda *_: None)
    patch.setattr("actors.core.desk_state.Desk.next_place_by_ms", lambda _: None)


CONTROLS: tuple[tuple[Break, str, str], ...] = (
    (
        pins_before_the_intent,
        "hold, client is gone | kill gateway @ gateway>leg2 PinLeg send 1",
        "is pinned and no desk means it",
    ),
    (
        the_intent_is_not_durable,
        "hold, client is gone | late @ desk BasketIntended append 1",
        "is pinned and no desk means it",
    ),
    (
        a_leg_in_doubt_is_answered_from_memory,
        "confirm in doubt, client is gone | kill gateway @ gateway>desk ConfirmOrder receive 1"
        " | late @ desk OrderConfirmed append 1",
        "is sold, and by its desk it must be pinned",
    ),
    (
        a_decision_is_told_before_it_is_durable,
        "hold, client is gone | kill desk @ desk BasketSettled append 1",
        "basket was told done, and no journal says so",
    ),
    (
        deeds_are_done_before_they_are_durable,
        "confirm, client is gone | late @ desk OrderConfirmed append 1",
        "is sold, and by its desk it must be pinned",
    ),
    (
        no_revisions,
        "confirm, cancel, client is gone | repeat @ desk>leg1 BookLeg send 1",
        "is quarantined: AssertionError('only what is pinned is booked')",
    ),
    (
        no_tombstones,
        "hold in vain, client is gone | repeat @ gateway>leg3 PinLeg send 1",
        "is pinned and no desk means it",
    ),
    (
        deeds_are_tried_once,
        "release, client is gone | away leg2 @ desk>leg2 ReleaseLeg send 1",
        "is pinned, and by its desk it must be absent or released",
    ),
    (
        a_leg_ends_by_itself,
        "confirm in doubt, client is gone, from snapshots | kill leg1 @ gateway>desk ConfirmOrder send 1",
        "is expired, and by its desk it must be pinned",
    ),
    (legs_do_not_ask, "event ends, paid, client is gone", "a leg is in doubt for"),
    (
        only_the_gateway_drops,
        "hold, client is gone | kill gateway @ gateway>leg2 PinLeg send 1",
        "a leg is in doubt for",
    ),
)
"""What is broken, in which run, and the fault that tells of it."""


@pytest.mark.parametrize(("sabotage", "name", "expected"), CONTROLS, ids=[control[0].__name__ for control in CONTROLS])
def test_the_check_notices(sabotage: Break, name: str, expected: str) -> None:
    check_noticed(name, sabotage, expected)


def breaks_down(patch: pytest.MonkeyPatch) -> None:
    """What is put in the place of a rule is wrong itself."""
    patch.setattr(Baskets, "_pin_all", lambda *_: [][0])


def test_what_breaks_down_and_what_is_wrong_otherwise_is_no_catch() -> None:
    with pytest.raises(IndexError):
        check_noticed("hold, client is gone", breaks_down, "")
    with pytest.raises(AssertionError, match=r"other faults: \['a leg is in doubt"):
        check_noticed("event ends, paid, client is gone", legs_do_not_ask, "is pinned")

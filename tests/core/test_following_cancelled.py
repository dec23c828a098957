"""What an event was counts after it has become something else: parts that hear late that it was cancelled."""

from collections.abc import Callable

import msgspec
import pytest

from actors.core import block as core
from actors.core import snapshot
from actors.core.commands import AskAboutLeg, ChangeStatus, ConfirmOrder, FollowEvent, PlaceOrder
from actors.core.outcomes import Outcome
from actors.core.replies import EventStatus
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish
from tests.core.checked_house import BASKET, DESK, ORDER, TENANT, stamp
from tests.core.divided_house import HOME, LEDGER_1, NORTH, PARTS, DividedHouse, counted, counting


def paid(house: DividedHouse) -> None:
    """A seat in the north and two places at home, paid."""
    plans = (
        counted(1, HOME, Wish(areas=(AreaPlaces("floor", 2),))),
        counted(2, NORTH, Wish(("north/1/3",))),
        counting(3, 3),
    )
    house.hold(BASKET, sorted(plans, key=lambda plan: plan.block))
    house.say(DESK, PlaceOrder(stamp("order"), BASKET, ORDER))
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    house.do_deeds()


def check_that_a_part_hears_late_of_a_cancelled_event() -> None:
    house = DividedHouse()
    paid(house)
    house.say(HOME, ChangeStatus(stamp("cancel"), EventStatus.CANCELLED))
    house.say(HOME, ChangeStatus(stamp("archive"), EventStatus.ARCHIVED))
    assert list(house.state(HOME).asking) == [1]
    house.follow()
    north = house.state(NORTH)
    assert (north.status, north.revision, north.was_cancelled) == (EventStatus.ARCHIVED, 4, True)
    assert list(north.asking) == [2]
    for block, leg in ((HOME, 1), (NORTH, 2)):
        state = house.state(block)
        house.say(DESK, AskAboutLeg(TENANT, BASKET, leg, state.legs[leg].revision, state.was_cancelled))
    house.do_deeds()
    for block in (HOME, NORTH, LEDGER_1):
        state = house.state(block)
        assert not any((*state.inventory.owners, *state.inventory.area_sold)), block
        assert not state.asking


def test_a_part_that_hears_late_of_a_cancelled_event_hears_that_it_was() -> None:
    check_that_a_part_hears_late_of_a_cancelled_event()


def test_a_part_that_begins_late_knows_that_its_event_was_cancelled() -> None:
    house = DividedHouse(opens=False)
    house.say(HOME, ChangeStatus(stamp("cancel"), EventStatus.CANCELLED))
    house.say(HOME, ChangeStatus(stamp("archive"), EventStatus.ARCHIVED))
    house.follow()
    assert {(house.state(part.block).status, house.state(part.block).was_cancelled) for part in PARTS} == {
        (EventStatus.ARCHIVED, True)
    }


def parts_are_not_told(patch: pytest.MonkeyPatch) -> None:
    follow = core._DECIDE_ERRAND[FollowEvent]

    def as_it_is(state: BlockState, command: FollowEvent, now_ms: int) -> Outcome:
        return follow(state, msgspec.structs.replace(command, was_cancelled=False), now_ms)

    patch.setitem(core._DECIDE_ERRAND, FollowEvent, as_it_is)


def snapshots_do_not_bear_it(patch: pytest.MonkeyPatch) -> None:
    thaw = snapshot._thaw_head

    def forgetful(state: BlockState, head: snapshot._Head) -> None:
        thaw(state, head)
        state.was_cancelled = False

    patch.setattr(snapshot, "_thaw_head", forgetful)


@pytest.mark.parametrize("break_it", [parts_are_not_told, snapshots_do_not_bear_it])
def test_control_what_is_forgotten_of_a_cancelled_event_is_noticed(
    break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        check_that_a_part_hears_late_of_a_cancelled_event()

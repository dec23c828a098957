"""A failover takes from a leg's block what its desk has seen acknowledged: the desk tells it again, once it asks."""

from collections.abc import Callable

import pytest

from actors.core import desk
from actors.core.baskets import Deed
from actors.core.commands import (
    AskAboutLeg,
    BookLeg,
    CancelOrder,
    CancelTickets,
    ConfirmOrder,
    ReleaseHold,
    ReleaseLeg,
)
from actors.core.outcomes import Accepted
from actors.core.replies import LegFateReply
from tests.core.checked_house import BASKET, DESK, FIRST, LEG_1, ORDER, TENANT, CheckedState, House, stamp

OF_LEG = (0, 1, 2, 3)
PINNED, BOOKED = 1, 2


def released(house: House) -> None:
    house.hold()
    house.say(DESK, ReleaseHold(stamp("release"), BASKET))


def expired(house: House) -> None:
    house.hold()
    house.now_ms = house.state(DESK).holds[BASKET].expires_at_ms
    house.blocks[DESK].tick(house.now_ms)


def unpaid(house: House) -> None:
    house.order()
    house.say(DESK, CancelOrder(stamp("cancel"), ORDER))


def paid(house: House) -> None:
    house.order()
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))


def partly_cancelled(house: House) -> None:
    house.pay()
    house.say(DESK, CancelTickets(stamp("some"), ORDER, OF_LEG[:1]))


def cancelled_for_the_leg(house: House) -> None:
    house.pay()
    house.say(DESK, CancelTickets(stamp("all of it"), ORDER, OF_LEG))


def cancelled(house: House) -> None:
    house.pay()
    house.say(DESK, CancelOrder(stamp("cancel"), ORDER))


def forget(house: House, rows: int) -> None:
    """The leg's block has lost its last rows."""
    kept = house.blocks[FIRST].journal[:-rows]
    house.blocks[FIRST] = CheckedState()
    for entry in kept:
        house.blocks[FIRST].apply((entry,))


def ask(house: House, *, is_void: bool = False) -> LegFateReply:
    """What the leg is told, that asks under the revision which it has."""
    revision = house.state(FIRST).legs[LEG_1].revision
    told = house.say(DESK, AskAboutLeg(TENANT, BASKET, LEG_1, revision, is_void))
    assert isinstance(told, LegFateReply)
    return told


def do(house: House, told: LegFateReply) -> None:
    """What it was told."""
    revision, tickets = told.revision, told.tickets
    is_sold = told.deed is Deed.BOOK
    house.say(FIRST, BookLeg(TENANT, LEG_1, revision) if is_sold else ReleaseLeg(TENANT, LEG_1, revision, tickets))


ENDS = pytest.mark.parametrize(
    ("comes_about", "rows", "deed", "revision", "seats"),
    [
        (released, 1, Deed.RELEASE, 2, "AAAAAA"),
        (expired, 1, Deed.RELEASE, 2, "AAAAAA"),
        (unpaid, 1, Deed.RELEASE, 2, "AAAAAA"),
        (paid, 1, Deed.BOOK, 2, "SSAAAA"),
        (partly_cancelled, 2, Deed.BOOK, 2, "SSAAAA"),
        (cancelled_for_the_leg, 2, Deed.RELEASE, 3, "AAAAAA"),
        (cancelled, 2, Deed.RELEASE, 3, "AAAAAA"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)


def check_it_does_it_again(
    comes_about: Callable[[House], None], rows: int, deed: Deed, revision: int, seats: str
) -> None:
    house = House()
    comes_about(house)
    house.do_deeds()
    forget(house, rows)
    assert house.state(FIRST).legs[LEG_1].revision == PINNED
    told = ask(house)
    assert (told.deed, told.revision, told.tickets) == (deed, revision, ())
    do(house, told)
    assert house.statuses(FIRST) == seats


@ENDS
def test_what_a_leg_has_forgotten_it_does_again(
    comes_about: Callable[[House], None], rows: int, deed: Deed, revision: int, seats: str
) -> None:
    check_it_does_it_again(comes_about, rows, deed, revision, seats)


@ENDS
def test_control_a_desk_that_does_not_look_lets_the_leg_wait(
    comes_about: Callable[[House], None],
    rows: int,
    deed: Deed,
    revision: int,
    seats: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk, "_forgotten_by_leg", lambda *_: None)
    with pytest.raises(AssertionError):
        check_it_does_it_again(comes_about, rows, deed, revision, seats)


def test_what_was_asked_long_ago_changes_nothing() -> None:
    """It was on its way while the leg did what it was told."""
    late = AskAboutLeg(TENANT, BASKET, LEG_1, PINNED)
    for comes_about in (released, paid, partly_cancelled, cancelled):
        house = House()
        comes_about(house)
        house.do_deeds()
        before = house.statuses(FIRST)
        told = house.say(DESK, late)
        assert isinstance(told, LegFateReply)
        done = len(house.blocks[FIRST].journal)
        do(house, told)
        assert house.statuses(FIRST) == before
        assert len(house.blocks[FIRST].journal) == done


def test_a_leg_that_has_forgotten_that_it_is_sold_loses_it_with_its_event() -> None:
    """What is left of the order is not the buyer's any more, whatever the leg knows."""
    house = House()
    house.pay()
    forget(house, 1)
    asked = house.ask(DESK, AskAboutLeg(TENANT, BASKET, LEG_1, PINNED, is_void=True))
    assert isinstance(asked, Accepted)
    assert [type(entry).__name__ for entry in asked.entries] == ["TicketsCancelled"]
    told = ask(house, is_void=True)
    assert (told.deed, told.revision) == (Deed.RELEASE, 3)
    do(house, told)
    assert house.statuses(FIRST) == "AAAAAA"


def test_a_leg_that_has_forgotten_its_end_ends_when_its_event_is_cancelled() -> None:
    house = House()
    cancelled(house)
    house.do_deeds()
    forget(house, 1)
    assert house.state(FIRST).legs[LEG_1].revision == BOOKED
    told = ask(house, is_void=True)
    assert (told.deed, told.revision) == (Deed.RELEASE, 3)

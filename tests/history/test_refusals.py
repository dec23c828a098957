"""Refusals for what a buyer has, for what is set aside, and for choices that leave none for each other: hand-made."""

from collections.abc import Callable
from typing import Any

import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.core.commands import CreateEvent, OpenSale, PlaceHold
from actors.core.rules import Allotment, Channel, Rules
from actors.core.wishes import AreaPlaces, Wish
from loadtests.history import refusals, rooms
from loadtests.history.calls import Call, Kind
from loadtests.history.tally import Tally
from loadtests.history.witness import Witness
from tests.history.notes import fail, ok
from tests.loadtests.journals import HOLD_TTL_MS, LAYOUT, Journal, Shop

HOLD = Kind.HOLD
A = ("A/1/1",)
RULES = Rules(
    channels=(Channel("club"),),
    max_per_buyer=3,
    allotments=(
        Allotment("house", "", ("A/2/1",), (AreaPlaces("floor", 2),)),
        Allotment("members", "club", ("A/2/2",)),
    ),
)
MINE = ok(HOLD, 1, (0, 10), "hold 1", units=A, buyer="buyer")
LATER = ok(HOLD, 2, (21, 30), "hold 2", units=("A/1/6",), buyer="ben")


def _journal() -> Journal:
    """Two seats and the whole of the floor but three places are held of an event with `RULES`."""
    shop = Shop()
    shop.take_over()
    shop.ask(CreateEvent(shop.stamp("the event's key"), "A concert", LAYOUT, HOLD_TTL_MS, RULES))
    shop.ask(OpenSale(shop.stamp("open")))
    for number, buyer in enumerate(("ana", "cem"), 11):
        wish = Wish((), (AreaPlaces("floor", 3),))
        shop.ask(PlaceHold(shop.stamp(f"hold {number}", buyer), number, wish))
    shop.ask(PlaceHold(shop.stamp("hold 13", "dan"), 13, Wish((), (AreaPlaces("floor", 1),))))
    shop.commit()
    shop.hold(1, A)
    shop.commit()
    shop.ask(PlaceHold(shop.stamp("hold 2", "ben"), 2, Wish(("A/1/6",))))
    shop.commit()
    return shop.journal()


JOURNAL = _journal()


def _watched(refused: Call) -> tuple[list[Fault], Tally]:
    witness = Witness(JOURNAL.block, [MINE, refused, LATER], 10_000_000, tolerance_ms=None)
    audit = BlockAudit(JOURNAL.block, watcher=witness)
    found = [finding.fault for row in JOURNAL.rows() for finding in audit.take(row)]
    return [*found, *(finding.fault for finding in audit.finish())], witness.tally


def refused(reason: str, **asked: Any) -> Call:
    """Between the two holds."""
    return fail(HOLD, 0, (12, 15), reason, **asked)


RIGHT = {
    "limit": refused("BUYER_LIMIT_EXCEEDED", units=("A/1/2", "A/1/3", "A/1/4"), buyer="buyer"),
    "limit of who has nothing": refused("BUYER_LIMIT_EXCEEDED", best=(4,), buyer="eve"),
    "house": refused("UNITS_BLOCKED", units=("A/1/2", "A/2/1"), named=("A/2/1",)),
    "channel": refused("CHANNEL_REQUIRED", units=("A/2/2",), named=("A/2/2",)),
    "places": refused("NOT_ENOUGH_AVAILABLE", areas=(("floor", 4),)),
    "one of several choices": refused("NOT_ENOUGH_AVAILABLE", best=(1, 7)),
}
VAGUE = {
    "nobody knows who": refused("BUYER_LIMIT_EXCEEDED", units=("A/1/2",)),
    "nobody knows how many": refused("BUYER_LIMIT_EXCEEDED", units=("A/9/9",), buyer="buyer"),
    "places that are kept": refused("NOT_ENOUGH_AVAILABLE", areas=(("floor", 2),)),
    "one choice beside another": refused("NOT_ENOUGH_AVAILABLE", best=(5, 4)),
    "seats that are kept": refused("NOT_ENOUGH_AVAILABLE", units=("A/1/3",), best=(5,)),
    "seats of a section": refused("NOT_ENOUGH_AVAILABLE", best=(1,), is_particular=True),
}
WRONG = {
    "limit": refused("BUYER_LIMIT_EXCEEDED", units=("A/1/2", "A/1/3"), buyer="buyer"),
    "limit of who has nothing": refused("BUYER_LIMIT_EXCEEDED", best=(3,), buyer="eve"),
    "house": refused("UNITS_BLOCKED", units=("A/1/2", "A/2/1"), named=("A/1/2",)),
    "channel": refused("CHANNEL_REQUIRED", units=("A/2/1",), named=("A/2/1",)),
    "places": refused("NOT_ENOUGH_AVAILABLE", areas=(("floor", 1),)),
    "one of several choices": refused("NOT_ENOUGH_AVAILABLE", best=(2, 2)),
    "a choice beside what is set aside": refused("NOT_ENOUGH_AVAILABLE", best=(4,)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_refusal_that_the_books_bear_out_is_right(name: str) -> None:
    found, tally = _watched(RIGHT[name])
    assert (found, tally.vague, tally.unchecked) == ([], 0, 0)


@pytest.mark.parametrize("name", VAGUE)
def test_what_nobody_can_judge_is_counted_apart(name: str) -> None:
    found, tally = _watched(VAGUE[name])
    assert (found, tally.vague, tally.unchecked) == ([], 1, 0)
    assert not tally.suffices, "it is one of three"


@pytest.mark.parametrize("name", WRONG)
def test_a_refusal_for_what_was_not_so_is_found(name: str) -> None:
    found, tally = _watched(WRONG[name])
    assert (found, tally.vague) == ([Fault.REFUSED_WRONGLY], 0)


@pytest.mark.parametrize(
    ("owner", "rule", "by", "passes"),
    [
        (refusals, "quantity_of", lambda *_: 4, "limit"),
        (refusals, "quantity_of", lambda *_: 4, "limit of who has nothing"),
        (refusals, "_all_of", lambda *_: True, "house"),
        (refusals, "channel_of", lambda *_: "club", "channel"),
        (rooms, "_for_all", lambda *_: 0, "places"),
        (rooms, "_has_room", lambda *_: False, "one of several choices"),
        (rooms, "_has_room", lambda *_: False, "a choice beside what is set aside"),
    ],
)
def test_without_a_rule_a_wrong_refusal_passes(
    monkeypatch: pytest.MonkeyPatch, owner: object, rule: str, by: Callable[..., object], passes: str
) -> None:
    monkeypatch.setattr(owner, rule, by)
    assert _watched(WRONG[passes])[0] == []

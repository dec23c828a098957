"""What an organizer was told, held against journals made by hand: good ones, and each thing that can be wrong once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import pytest

from actors.audit.ids import HOLD, WAITER, event_of, id_of
from actors.audit.keys import journaled_key
from actors.core import entries as e
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.parts import LEDGER_AREA, Part
from actors.core.replies import EventStatus
from actors.core.rules import Rules
from actors.core.wishes import Wish
from loadtests.history.calls import Outcome
from loadtests.history.timed import Written
from tests.chaos import organizer_audit
from tests.chaos.organizer_audit import (
    DONE_THOUGH_REFUSED,
    LOST,
    NOT_DROPPED,
    NOT_READ,
    OF_NOBODY,
    OUT_OF_ORDER,
    PART_BEHIND,
    PART_UNKNOWN,
    READ_OTHERWISE,
    SHOWN_OTHERWISE,
    TWICE,
    UNLIKE,
    AtDesks,
    Found,
    judged,
)
from tests.chaos.organizer_front import Deed, Kind, Write
from tests.event_states import EventState

TENANT = "organizer"
HOME, PART, LEDGER = (f"{number:016}" for number in (1, 2, 3))
DESK = "9" * 16
EVENT = event_of(HOME)
PRINT = bytes(16)
PARTS = (Part(PART, ("North",)), Part(LEDGER))
OF_LEDGER = Layout("EUR", (Category("", 0),), (), (Area(LEDGER_AREA, 0, 2),))
CAME = Written([row * 1_000_000 for row in range(1, 20)])
LAST = EventState(6, "CLOSED", "second", 1_200)


def layout(price_minor: int) -> Layout:
    """A seat, and a place."""
    return Layout("EUR", (Category("All", price_minor),), (Section("North", (Row("1", 0, 1, 1),)),), (Area("L", 0, 1),))


def key(name: str, event: str = "") -> bytes:
    """As entries bear it."""
    return journaled_key(TENANT, name, event)


class Told(NamedTuple):
    """What an organizer has asked, and the journals of its event by block; what is shown of it, and read, in the end.

    `desk`: the journal of one.
    Lists, to be spoilt. The entry in each place is in the row of that number, which came as many seconds after 1970.
    """

    writes: list[Write]
    journals: dict[str, list[e.Entry]]
    shown: dict[str, EventState]
    read: list[EventState]
    desk: list[e.Entry]

    def wrong(self) -> list[str]:
        """What is found."""
        desks = AtDesks({}, set())
        desks.meet(DESK, self.desk, range(len(self.desk)))
        rows = range(len(self.journals[HOME]))
        found = Found(self.journals, self.shown, self.read[0] if self.read else None, rows)
        return judged(TENANT, self.writes, {EVENT: found}, desks, lambda _: CAME)


def wrote(deed: Deed, kind: Kind, *told: object, own: str = "") -> Write:
    """It was acknowledged, under a key that is named like it."""
    event = EventState(*told) if told else None  # type: ignore[arg-type]
    return Write(deed, kind, own or deed.value, EVENT, Outcome.OK, event)


def whole() -> Told:
    """All that can be done with an event that is not split."""
    waiter, hold = id_of(WAITER, HOME, 7), id_of(HOLD, HOME, 8)
    writes = [
        wrote(Deed.CREATED, Kind.WHOLE, 1, "DRAFT", "first", 1_000),
        wrote(Deed.OPENED, Kind.WHOLE, 2, "ON_SALE", "first", 1_000),
        wrote(Deed.EDITED, Kind.WHOLE, 3, "ON_SALE", "second", 1_000),
        msgspec.structs.replace(wrote(Deed.HELD, Kind.WHOLE), id=hold),
        msgspec.structs.replace(wrote(Deed.JOINED, Kind.WHOLE), id=waiter),
        wrote(Deed.EDITED, Kind.WHOLE, 4, "ON_SALE", "second", 1_200, own="priced"),
        msgspec.structs.replace(wrote(Deed.LEFT, Kind.WHOLE), id=waiter),
        wrote(Deed.PAUSED, Kind.WHOLE, 5, "PAUSED", "second", 1_200),
        msgspec.structs.replace(wrote(Deed.RELEASED, Kind.WHOLE), id=hold),
        wrote(Deed.CLOSED, Kind.WHOLE, 6, "CLOSED", "second", 1_200),
    ]
    journal: list[e.Entry] = [
        e.Activated(1, "shard-1", bytes(8)),
        e.EventCreated(1, TENANT, "first", layout(1_000), 900_000, key("created"), PRINT),
        e.SaleOpened(2, key("opened"), PRINT),
        e.EventEdited(3, "second", None, None, None, key("edited"), PRINT),
        e.HoldPlaced(4, 8, "", (), ((0, 1),), ((0, 1, 1_000),), 9_000, 9_000, key("held"), PRINT),
        e.WaiterJoined(5, 7, "", Wish(), key("joined"), PRINT),
        e.EventEdited(6, "second", layout(1_200), None, None, key("priced"), PRINT),
        e.WaiterLeft(7, 7, key("left"), PRINT),
        e.StatusChanged(8, EventStatus.PAUSED, key("paused"), PRINT),
        e.HoldReleased(9, 8, key("released"), PRINT),
        e.StatusChanged(10, EventStatus.CLOSED, key("closed"), PRINT),
    ]
    return Told(writes, {HOME: journal}, {HOME: msgspec.structs.replace(LAST, revision=0)}, [LAST], [])


def split() -> Told:
    """An event with a part and a ledger; holds of it are at a desk: one that was given back, one that was dropped."""
    writes = [
        wrote(Deed.CREATED, Kind.SPLIT, 1, "DRAFT", "first", 1_000),
        wrote(Deed.OPENED, Kind.SPLIT, 2, "ON_SALE", "first", 1_000),
        msgspec.structs.replace(wrote(Deed.HELD, Kind.SPLIT), id=id_of(HOLD, DESK, 8)),
        Write(Deed.HELD, Kind.SPLIT, "dropped", EVENT, Outcome.FAIL, reason="UNITS_HELD"),
        msgspec.structs.replace(wrote(Deed.RELEASED, Kind.SPLIT), id=id_of(HOLD, DESK, 8)),
        wrote(Deed.EDITED, Kind.SPLIT, 3, "ON_SALE", "second", 1_200),
    ]
    home: list[e.Entry] = [
        e.EventCreated(1, TENANT, "first", layout(1_000), 900_000, key("created"), PRINT, Rules(), PARTS),
        e.SaleOpened(2, key("opened"), PRINT),
        e.PartFollowed(3, PART, 2),
        e.EventEdited(4, "second", layout(1_200), None, None, key("edited"), PRINT),
        e.PartFollowed(5, PART, 3),
        e.PartFollowed(5, LEDGER, 3),
    ]
    on_sale = EventStatus.ON_SALE
    journals: dict[str, list[e.Entry]] = {
        HOME: home,
        PART: [
            e.EventFollowed(2, TENANT, HOME, 2, "first", on_sale, 900_000, layout(1_000), Rules()),
            e.EventFollowed(4, TENANT, HOME, 3, "second", on_sale, 900_000, layout(1_200), None),
        ],
        LEDGER: [e.EventFollowed(4, TENANT, HOME, 3, "second", on_sale, 900_000, OF_LEDGER, Rules())],
    }
    desk: list[e.Entry] = [
        e.Activated(1, "shard-1", bytes(8)),
        e.BasketIntended(2, TENANT, 8, "", (), 900_000, 9_000, key("held", HOME), PRINT),
        e.BasketIntended(3, TENANT, 9, "", (), 900_000, 9_000, key("dropped", HOME), PRINT),
        e.BasketSettled(4, 8, (), 9_000, 9_000),
        e.BasketDropped(5, 9),
        e.HoldReleased(6, 8, key("released"), PRINT),
    ]
    shown = EventState(0, "ON_SALE", "second", 1_200)
    return Told(writes, journals, {HOME: shown, PART: shown}, [msgspec.structs.replace(shown, revision=3)], desk)


def place_of(told: Told, kind: type, block: str = HOME) -> int:
    """Of the last entry of this kind."""
    return max(place for place, entry in enumerate(told.journals[block]) if type(entry) is kind)


def replace(told: Told, kind: type, block: str = HOME, **changes: object) -> None:
    """Falsify the last entry of this kind."""
    place = place_of(told, kind, block)
    told.journals[block][place] = msgspec.structs.replace(told.journals[block][place], **changes)


def write_of(told: Told, name: str, **changes: object) -> None:
    """Falsify what was told under this key."""
    place = next(place for place, write in enumerate(told.writes) if write.key == name)
    told.writes[place] = msgspec.structs.replace(told.writes[place], **changes)


def lose(told: Told, kind: type) -> None:
    """The last entry of this kind is not there."""
    del told.journals[HOME][place_of(told, kind)]


def swap(told: Told, one: type, other: type) -> None:
    """Each stands in the place of the other."""
    first, second, journal = place_of(told, one), place_of(told, other), told.journals[HOME]
    journal[first], journal[second] = journal[second], journal[first]


def given_up(told: Told, *, happened: bool) -> None:
    """Of the last write nobody knows what came of it."""
    write_of(told, "closed", outcome=Outcome.INFO, event=None)
    if not happened:
        lose(told, e.StatusChanged)
        before = EventState(5, "PAUSED", "second", 1_200)
        told.read[:] = [before]
        told.shown[HOME] = msgspec.structs.replace(before, revision=0)


def lose_at_desk(told: Told, kind: type) -> None:
    """The last entry of this kind is not at the desk."""
    told.desk.remove([entry for entry in told.desk if isinstance(entry, kind)][-1])


def turned_away(told: Told, name: str, asked_s: float) -> None:
    """The first tries under this key; another was asked then."""
    write_of(told, name, turned_away="UNAVAILABLE", asked_us=int(asked_s * 1_000_000))


def add_edit(told: Told, name: str) -> None:
    """One more, under this key."""
    told.journals[HOME].append(e.EventEdited(11, "third", None, None, None, key(name), PRINT))


Spoil = Callable[[Told], object]

OF_WHOLE: dict[str, tuple[Spoil, set[str]]] = {
    "an edit that is lost": (lambda told: lose(told, e.EventEdited), {LOST, UNLIKE, READ_OTHERWISE, SHOWN_OTHERWISE}),
    "an end that is lost": (lambda told: lose(told, e.StatusChanged), {LOST, READ_OTHERWISE, SHOWN_OTHERWISE}),
    "a waiter that is lost": (lambda told: lose(told, e.WaiterJoined), {LOST}),
    "one that never left": (lambda told: lose(told, e.WaiterLeft), {LOST}),
    "a hold that is lost": (lambda told: lose(told, e.HoldPlaced), {LOST}),
    "twice under a key": (
        lambda told: told.journals[HOME].append(e.HoldReleased(9, 8, key("released"), PRINT)),
        {TWICE},
    ),
    "refused and done": (
        lambda told: write_of(told, "left", outcome=Outcome.FAIL, reason="WAITER_GONE"),
        {DONE_THOUGH_REFUSED},
    ),
    "done before it was asked for again": (lambda told: turned_away(told, "left", 7.2), {DONE_THOUGH_REFUSED}),
    "turned away each time, and done": (lambda told: turned_away(told, "left", 0), {DONE_THOUGH_REFUSED}),
    "another price": (lambda told: write_of(told, "priced", event=EventState(4, "ON_SALE", "second", 1_201)), {UNLIKE}),
    "another name": (lambda told: write_of(told, "edited", event=EventState(3, "ON_SALE", "other", 1_000)), {UNLIKE}),
    "another revision": (
        lambda told: write_of(told, "paused", event=EventState(6, "PAUSED", "second", 1_200)),
        {UNLIKE},
    ),
    "another status": (lambda told: write_of(told, "paused", event=EventState(5, "CLOSED", "second", 1_200)), {UNLIKE}),
    "another waiter": (lambda told: write_of(told, "joined", id=id_of(WAITER, HOME, 9)), {UNLIKE}),
    "another hold": (lambda told: write_of(told, "released", id=id_of(HOLD, HOME, 9)), {UNLIKE}),
    "another deed": (lambda told: write_of(told, "left", deed=Deed.JOINED), {UNLIKE}),
    "out of order": (lambda told: swap(told, e.WaiterJoined, e.WaiterLeft), {OUT_OF_ORDER}),
    "by nobody": (lambda told: add_edit(told, "unknown"), {OF_NOBODY, READ_OTHERWISE, SHOWN_OTHERWISE}),
    "not read": (lambda told: told.read.clear(), {NOT_READ}),
    "read otherwise": (
        lambda told: told.read.__setitem__(0, EventState(5, "PAUSED", "second", 1_200)),
        {READ_OTHERWISE},
    ),
    "shown otherwise": (
        lambda told: told.shown.__setitem__(HOME, EventState(0, "PAUSED", "second", 1_200)),
        {SHOWN_OTHERWISE},
    ),
    "not shown": (lambda told: told.shown.clear(), {SHOWN_OTHERWISE}),
}

OF_SPLIT: dict[str, tuple[Spoil, set[str]]] = {
    "a hold that was refused and done": (
        lambda told: write_of(told, "held", outcome=Outcome.FAIL, reason="SALE_NOT_OPEN"),
        {DONE_THOUGH_REFUSED},
    ),
    "a release that was refused and done": (
        lambda told: write_of(told, "released", outcome=Outcome.FAIL, reason="HOLD_EXPIRED"),
        {DONE_THOUGH_REFUSED},
    ),
    "a hold that was done before it was asked for again": (
        lambda told: turned_away(told, "held", 3.2),
        {DONE_THOUGH_REFUSED},
    ),
    "a hold that is lost": (lambda told: lose_at_desk(told, e.BasketSettled), {LOST}),
    "a hold that was only meant": (lambda told: lose_at_desk(told, e.BasketDropped), {NOT_DROPPED}),
    "a release that is lost": (lambda told: lose_at_desk(told, e.HoldReleased), {LOST}),
    "twice at a desk": (
        lambda told: told.desk.append(e.HoldReleased(7, 8, key("released"), PRINT)),
        {TWICE},
    ),
    "a part that has not heard": (lambda told: told.journals[PART].pop(), {PART_BEHIND, SHOWN_OTHERWISE}),
    "a part at another price": (
        lambda told: replace(told, e.EventFollowed, PART, layout=layout(1_300)),
        {PART_BEHIND, SHOWN_OTHERWISE},
    ),
    "a part with another name": (
        lambda told: replace(told, e.EventFollowed, PART, name="other"),
        {PART_BEHIND, SHOWN_OTHERWISE},
    ),
    "a part with another status": (
        lambda told: replace(told, e.EventFollowed, PART, status=EventStatus.PAUSED),
        {PART_BEHIND, SHOWN_OTHERWISE},
    ),
    "a ledger that has not heard": (lambda told: told.journals[LEDGER].clear(), {PART_BEHIND}),
    "a part of which the home has not heard": (lambda told: lose(told, e.PartFollowed), {PART_UNKNOWN}),
    "a part that is not shown": (lambda told: told.shown.pop(PART), {SHOWN_OTHERWISE}),
    "an edit that is lost": (
        lambda told: lose(told, e.EventEdited),
        {LOST, READ_OTHERWISE, SHOWN_OTHERWISE, PART_BEHIND},
    ),
}
SAID = (
    LOST, TWICE, DONE_THOUGH_REFUSED, NOT_DROPPED, UNLIKE, OUT_OF_ORDER, OF_NOBODY, NOT_READ, READ_OTHERWISE,
    SHOWN_OTHERWISE, PART_BEHIND, PART_UNKNOWN,
)  # fmt: skip


def kinds_in(wrong: Sequence[str]) -> set[str]:
    """What is said, each sentence once."""
    kinds = [[said for said in SAID if said in one] for one in wrong]
    assert all(len(said) == 1 for said in kinds), wrong
    return {said for (said,) in kinds}


def check_each_is_found() -> None:
    for tell, cases in ((whole, OF_WHOLE), (split, OF_SPLIT)):
        assert tell().wrong() == []
        for name, (spoil, said) in cases.items():
            told = tell()
            spoil(told)
            assert kinds_in(told.wrong()) == said, name


def test_what_was_told_and_is_so_is_right_and_each_thing_that_is_not_is_found() -> None:
    check_each_is_found()
    assert {said for _, found in (*OF_WHOLE.values(), *OF_SPLIT.values()) for said in found} == set(SAID)


@pytest.mark.parametrize("happened", [True, False])
def test_what_came_of_a_last_write_that_nobody_knows_of_may_be_either(happened: bool) -> None:
    told = whole()
    given_up(told, happened=happened)
    assert told.wrong() == []


def test_a_refused_write_without_an_effect_is_right() -> None:
    told = whole()
    told.writes.append(Write(Deed.PAUSED, Kind.WHOLE, "late", EVENT, Outcome.FAIL, reason="SALE_CLOSED"))
    assert told.wrong() == []


def test_what_was_turned_away_and_is_done_by_the_next_try_is_right() -> None:
    """As far as the clocks tell: the row of the one who left came 7 seconds after 1970, that of the hold 3."""
    for tell, name, asked_s in ((whole, "left", 6.9), (whole, "left", 7.1), (split, "held", 3.1)):
        told = tell()
        turned_away(told, name, asked_s)
        assert told.wrong() == [], name


@pytest.mark.parametrize(
    "name", ["_of_writes", "_not_dropped", "_done_before", "_out_of_order", "_of_nobody", "_of_event"]
)
def test_control_each_part_of_the_judgement_is_missed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(organizer_audit, name, lambda *_: [])
    with pytest.raises(AssertionError):
        check_each_is_found()

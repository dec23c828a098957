"""What is refused for what is in other blocks is borne out by one of them, or not: hand-made calls against journals."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.audit.books import Books
from actors.audit.findings import Fault
from actors.core import commands as c
from actors.core.ids import BlockId
from actors.core.wishes import AreaPlaces, Wish
from loadtests.history import elsewhere as elsewhere_module
from loadtests.history import rooms
from loadtests.history.calls import Call, Kind, Term
from loadtests.history.elsewhere import Elsewhere
from loadtests.history.recorded import Checked, checked
from loadtests.history.wished import units_named
from loadtests.history.witness import Witness
from tests.chaos.stage import AHEAD_MS
from tests.history.notes import fail, info, ok
from tests.loadtests.basket_shops import DESK, FIRST, SECOND, THIRD, BasketShops
from tests.loadtests.journals import START_MS, Journal, Shop, made_event
from tests.loadtests.split_shops import HOME, PARTS, SplitShops

HOLD, RELEASE, EXCHANGE = Kind.HOLD, Kind.RELEASE, Kind.EXCHANGE
ONE_MACHINE, CHAOS, NONE = (100, None), (None, AHEAD_MS), (None, None)
"""What is tolerated of clocks: on one machine, in a chaos run, and where they have nothing to do with each other."""
Tolerated: TypeAlias = tuple[int | None, int | None]
Events: TypeAlias = Mapping[str, Sequence[str]]
AUDITED_US = (START_MS + 10**8) * 1000
EVENTS: Events = {event: [event] for event in (FIRST, SECOND, THIRD)}
SPLIT: Events = {HOME: [HOME, *(part.block for part in PARTS)]}


def at(begins_ms: int, ends_ms: int) -> tuple[int, int]:
    """From then to then, of the run."""
    return START_MS + begins_ms, START_MS + ends_ms


def refused(reason: str, span: tuple[int, int], *units: str, kind: Kind = HOLD, **asked: Any) -> Call:
    """Of a basket, if no more is said."""
    return fail(kind, 1 if kind is EXCHANGE else 0, at(*span), reason, **{"block": "", "units": units, **asked})


@cache
def sale() -> tuple[tuple[Journal, ...], tuple[Call, ...]]:
    """Baskets, with all that was told: 1 has A/1/1 of the second event and A/2/1 of the third from 1 to 10 s, 2 has
    A/1/2 of the second from 20 s, and 3 the floor of the third from 30 s.
    """
    shops = BasketShops()
    shops.open()
    calls = [_held(shops, 1, 1_000, {SECOND: Wish(("A/1/1",)), THIRD: Wish(("A/2/1",))})]
    shops.wait(9_000)
    shops.desk.ask(c.ReleaseHold(shops.stamp(), 1))
    shops.carry_out()
    shops.commit()
    calls.append(ok(RELEASE, 1, at(9_990, 10_010), _last_key(shops), block=DESK))
    calls.append(_held(shops, 2, 10_000, {SECOND: Wish(("A/1/2",))}))
    calls.append(_held(shops, 3, 10_000, {THIRD: Wish((), (AreaPlaces("floor", 10),))}))
    return shops.journals(), tuple(calls)


@cache
def split_sale() -> tuple[tuple[Journal, ...], tuple[Call, ...]]:
    """A basket has A/1/1 of a part of the event from 1 s on."""
    shops = SplitShops()
    shops.open()
    calls = (_held(shops, 1, 1_000, {HOME: Wish(("A/1/1",))}),)
    return shops.journals(), calls


def _held(shops: BasketShops, number: int, after_ms: int, wishes: Mapping[BlockId, Wish]) -> Call:
    shops.wait(after_ms)
    shops.hold(number, wishes, ttl_ms=600_000)
    shops.commit()
    now_ms = shops.now_ms - START_MS
    return ok(HOLD, number, at(now_ms - 10, now_ms + 10), _last_key(shops), block="")


def _last_key(shops: BasketShops) -> str:
    return f"basket key {shops._keys}"


def judged(
    journals: Iterable[Journal], calls: Sequence[Call], events: Events, tolerated: Tolerated
) -> tuple[list[Fault], Checked]:
    """What all blocks say, of which the first is that in which the calls are at home."""
    elsewhere = Elsewhere(events)
    found: list[Fault] = []
    witnesses: dict[str, Witness] = {}
    for journal in journals:
        own = [] if witnesses else sorted(calls, key=lambda call: call.invoked_us)
        witnesses[journal.block] = Witness(journal.block, own, AUDITED_US, *tolerated, elsewhere=elsewhere)
        audit = BlockAudit(journal.block, watcher=witnesses[journal.block])
        found += [finding.fault for row in journal.rows() for finding in audit.take(row)]
        found += [finding.fault for finding in audit.finish()]
    return found, checked(witnesses, 0.0)


def of_sale(*more: Call, tolerated: Tolerated = ONE_MACHINE) -> tuple[list[Fault], Checked]:
    """What the journals of the sale say of these calls as well."""
    journals, calls = sale()
    return judged(journals, [*calls, *more], EVENTS, tolerated)


def of_split_sale(*more: Call, tolerated: Tolerated = ONE_MACHINE) -> tuple[list[Fault], Checked]:
    """What those of the event that is split say."""
    journals, calls = split_sale()
    return judged(journals, [*calls, *more], SPLIT, tolerated)


L = ("L/1/1",)
IN, OUT, LATE = f"{SECOND}/A/1/1", f"{THIRD}/A/1/1", f"{SECOND}/A/1/2"

GOOD = {
    "held in its window": [refused("UNITS_HELD", (5_000, 5_010), IN)],
    "held in its window, and named": [refused("UNITS_HELD", (5_000, 5_010), IN, OUT, named=("A/1/1",))],
    "released while it was asked for": [refused("UNITS_HELD", (9_990, 10_200), IN)],
    "held while it was asked for": [refused("UNITS_HELD", (900, 1_005), IN)],
    "held when its key was asked for first": [
        msgspec.structs.replace(info(HOLD, 0, START_MS + 5_000, "k", block="", units=(IN,)), over_us=1),
        refused("UNITS_HELD", (15_000, 15_010), IN, key="k"),
    ],
    "no place left": [refused("NOT_ENOUGH_AVAILABLE", (31_000, 31_010), areas=((f"{THIRD}/floor", 1),))],
    "no such row": [refused("NOT_ENOUGH_AVAILABLE", (5_000, 5_010), best=(7,), best_of=(SECOND,))],
    "exchanged for what is held": [refused("UNITS_HELD", (25_000, 25_010), LATE, kind=EXCHANGE)],
    "no such section": [
        refused(
            "UNIT_UNKNOWN", (25_000, 25_010), best=(2,), best_of=(SECOND,), named=("Z",), is_particular=True,
            terms=((Term.SECTION, f"{SECOND}/Z"),),
        ),
    ],
}  # fmt: skip

BAD = {
    "free all the time": [refused("UNITS_HELD", (5_000, 5_010), f"{SECOND}/B/1/left")],
    "another of its units is held than it says": [
        refused("UNITS_HELD", (5_000, 5_010), f"{SECOND}/B/1/left", OUT, named=("A/1/1",)),
    ],
    "held in another event": [refused("UNITS_HELD", (5_000, 5_010), f"{THIRD}/A/1/1")],
    "held later": [refused("UNITS_HELD", (900, 980), IN)],
    "released before, and others were told of what came next": [refused("UNITS_HELD", (25_000, 25_010), IN)],
    "sold, it says": [refused("UNITS_SOLD", (5_000, 5_010), IN)],
    "places left": [refused("NOT_ENOUGH_AVAILABLE", (25_000, 25_010), areas=((f"{THIRD}/floor", 1),))],
    "a row left": [refused("NOT_ENOUGH_AVAILABLE", (5_000, 5_010), best=(2,), best_of=(SECOND,))],
    "exchanged for what is free": [refused("UNITS_HELD", (25_000, 25_010), IN, kind=EXCHANGE)],
    "the event is there": [refused("EVENT_NOT_FOUND", (25_000, 25_010), IN)],
    "the seat is there": [refused("UNIT_UNKNOWN", (25_000, 25_010), IN, named=("A/1/1",))],
    "the section is there": [
        refused(
            "UNIT_UNKNOWN", (25_000, 25_010), best=(2,), best_of=(SECOND,), named=("A",), is_particular=True,
            terms=((Term.SECTION, f"{SECOND}/A"),),
        ),
    ],
    "the sale is not closed": [refused("SALE_CLOSED", (25_000, 25_010), IN, named=("A/1/1",))],
    "nor to an exchange": [refused("SALE_CLOSED", (25_000, 25_010), IN, kind=EXCHANGE)],
    "no table is torn": [refused("TABLE_NOT_WHOLE", (25_000, 25_010), IN)],
    "of seats that are named there is enough": [refused("NOT_ENOUGH_AVAILABLE", (25_000, 25_010), IN)],
    "blocked before there was anything": [
        refused("UNITS_BLOCKED", (-900, -890), IN, best=(2,), best_of=(SECOND,), named=("A/1/1",)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("tolerated", [ONE_MACHINE, CHAOS])
@pytest.mark.parametrize("name", GOOD)
def test_what_a_block_bears_out_is_clean(name: str, tolerated: Tolerated) -> None:
    found, said = of_sale(*GOOD[name], tolerated=tolerated)
    assert (found, said.clean) == ([], True)
    assert (said.tally.elsewhere, said.tally.held, said.tally.borne_out, said.tally.vague) == (1, 1, 1, 0)


@pytest.mark.parametrize("tolerated", [ONE_MACHINE, CHAOS])
@pytest.mark.parametrize("name", BAD)
def test_what_no_block_bears_out_is_found(name: str, tolerated: Tolerated) -> None:
    found, said = of_sale(*BAD[name], tolerated=tolerated)
    assert (found, said.clean) == ([Fault.REFUSED_WRONGLY], False)
    assert (said.tally.elsewhere, said.tally.held, said.tally.borne_out, said.finding_count) == (1, 1, 0, 1)


@pytest.mark.parametrize(("tolerated", "found"), [(ONE_MACHINE, [Fault.REFUSED_WRONGLY]), (CHAOS, []), (NONE, [])])
def test_where_nobody_was_told_of_what_came_next_only_clocks_say_that_it_was_released(
    tolerated: Tolerated, found: list[Fault]
) -> None:
    assert of_sale(refused("UNITS_HELD", (15_000, 15_010), IN), tolerated=tolerated)[0] == found


@pytest.mark.parametrize("tolerated", [ONE_MACHINE, CHAOS])
@pytest.mark.parametrize(
    ("call", "found"),
    [
        (refused("UNITS_HELD", (5_000, 5_010), "A/1/1", block=HOME), []),
        (refused("UNITS_HELD", (5_000, 5_010), f"{HOME}/A/1/1", block=HOME), []),
        (refused("UNITS_HELD", (5_000, 5_010), "A/1/1", "L/1/1", block=HOME, named=L), [Fault.REFUSED_WRONGLY]),
        (refused("UNITS_HELD", (5_000, 5_010), "L/1/1", block=HOME), [Fault.REFUSED_WRONGLY]),
        (refused("UNITS_HELD", (500, 510), "A/1/1", block=HOME), [Fault.REFUSED_WRONGLY]),
        (refused("UNIT_UNKNOWN", (5_000, 5_010), "Z/1/1", block=HOME), []),
        (refused("UNIT_UNKNOWN", (5_000, 5_010), "A/1/1", block=HOME), [Fault.REFUSED_WRONGLY]),
        (
            refused("UNIT_UNKNOWN", (5_000, 5_010), "A/1/1", "L/1/1", block=HOME, named=("A/1/1", "L/1/1")),
            [Fault.REFUSED_WRONGLY],
        ),
        (refused("NOT_ENOUGH_AVAILABLE", (5_000, 5_010), block=HOME, best=(49,)), []),
        (refused("NOT_ENOUGH_AVAILABLE", (5_000, 5_010), block=HOME, best=(2,)), [Fault.REFUSED_WRONGLY]),
    ],
)  # fmt: skip
def test_of_a_split_event_any_part_may_bear_it_out_and_of_a_choice_all_must(
    call: Call, found: list[Fault], tolerated: Tolerated
) -> None:
    seen, said = of_split_sale(call, tolerated=tolerated)
    assert (seen, said.clean, said.tally.held) == (found, not found, 1)


def test_a_thousand_of_a_thousand_that_are_refused_for_nothing_are_found() -> None:
    shop = Shop()
    made_event(shop)
    shop.now_ms += 1
    desk = Journal([], [], shop.journal().live, DESK)
    many = [
        refused("UNITS_HELD", (1_000 + number, 1_001 + number), "A/1/1", block=shop.block) for number in range(1_000)
    ]
    found, said = judged([desk, shop.journal()], many, {shop.block: [shop.block]}, ONE_MACHINE)
    assert found.count(Fault.REFUSED_WRONGLY) == 1_000
    assert (said.tally.elsewhere, said.tally.held, said.clean) == (1_000, 1_000, False)


def test_where_nobody_looks_at_the_other_blocks_nothing_is_known() -> None:
    many = [refused("UNITS_HELD", (number, number + 1), "A/1/1", block=HOME) for number in range(1_000)]
    witness = Witness(DESK, many, AUDITED_US)
    witness.finish(Books(DESK))
    said = checked({DESK: witness}, 0.0)
    assert (said.finding_count, said.tally.elsewhere, said.tally.held) == (0, 1_000, 0)
    assert not said.tally.is_known
    assert not said.clean


def test_a_block_that_is_not_read_or_before_its_desk_leaves_it_open() -> None:
    journals, calls = sale()
    call = refused("UNITS_HELD", (5_000, 5_010), f"{SECOND}/B/1/left")
    by_block = {journal.block: journal for journal in journals}
    found, said = judged([by_block[DESK], by_block[THIRD]], [*calls, call], EVENTS, ONE_MACHINE)
    assert (found, said.tally.held, said.tally.is_known) == ([], 0, False)
    elsewhere = Elsewhere(EVENTS)
    for block in (SECOND, DESK):
        witness = Witness(block, [call] if block == DESK else [], AUDITED_US, elsewhere=elsewhere)
        audit = BlockAudit(block, watcher=witness)
        assert not [finding for row in by_block[block].rows() for finding in audit.take(row)]
        assert not list(audit.finish())
    assert not witness.tally.is_known


@pytest.mark.parametrize(
    "call",
    [
        refused("A_REASON_OF_TOMORROW", (5_000, 5_010), IN),
        refused("UNITS_HELD", (5_000, 5_010), f"{'0' * 16}/A/1/1"),
        refused("UNITS_HELD", (5_000, 5_010), "A/1/1", kind=EXCHANGE),
        refused("NOT_ENOUGH_AVAILABLE", (5_000, 5_010), IN, best=(2,)),
    ],
    ids=["a reason", "an event", "whose seat", "whose choice"],
)
def test_what_cannot_be_held_against_anything_is_known_to_be_open(call: Call) -> None:
    found, said = of_sale(call)
    assert (found, said.tally.elsewhere, said.tally.held, said.tally.is_known) == ([], 1, 0, False)


def test_what_nobody_can_judge_is_counted_and_has_a_ceiling() -> None:
    call = refused("BUYER_LIMIT_EXCEEDED", (5_000, 5_010), f"{FIRST}/A/1/1")  # whose it was is not known
    found, said = of_sale(call)
    assert (found, said.tally.held, said.tally.vague, said.tally.is_known, said.clean) == ([], 1, 1, True, False)
    reads = [
        fail(RELEASE, 9, at(50_000 + number, 50_001 + number), "HOLD_NOT_FOUND", block=DESK) for number in range(250)
    ]
    assert of_sale(call, *reads)[1].clean


@pytest.mark.parametrize("name", [name for name in BAD if name != "the event is there"])
def test_control_without_a_look_at_the_blocks_it_passes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere_module, "stood_in_the_way", lambda *_: True)
    found, said = of_sale(*BAD[name])
    assert (found, said.clean) == ([], True)


@pytest.mark.parametrize(
    ("owner", "rule", "by", "passes"),
    [
        (Elsewhere, "pinned", lambda *_: None, "released before, and others were told of what came next"),
        (Elsewhere, "asked_us", lambda *_: 0, "held later"),
        (rooms, "in_the_way", units_named, "another of its units is held than it says"),
    ],
)
def test_control_without_the_order_of_what_others_were_told_it_passes(
    owner: object, rule: str, by: object, passes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, rule, by)
    assert of_sale(*BAD[passes], tolerated=CHAOS)[0] == []

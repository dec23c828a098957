"""The journal bears out a history or does not: hand-made calls against one journal, of which each row is known."""

import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.audit.keys import HOLD_KEY_KEPT_MS
from actors.core.commands import CancelOrder, ConfirmOrder, CreateEvent, OpenSale, PlaceOrder, ReleaseHold
from actors.core.layout import Area, Category, Layout, Row, RowKind, Section
from actors.core.wishes import Wish
from loadtests.history import asking, shown
from loadtests.history import witness as witness_module
from loadtests.history.calls import Call, Kind
from loadtests.history.shown import Shown
from loadtests.history.tally import Tally
from loadtests.history.witness import Witness
from tests.history.notes import fail, info, ok, order_id, read
from tests.loadtests.basket_shops import DESK, FIRST, BasketShops
from tests.loadtests.journals import HOLD_TTL_MS, START_MS, Journal, Shop, made_event

HOLD, RELEASE, ORDER, CONFIRM, CANCEL = Kind.HOLD, Kind.RELEASE, Kind.ORDER, Kind.CONFIRM, Kind.CANCEL
SEE, SEE_ORDER = Kind.READ_HOLD, Kind.READ_ORDER
A, B = ("A/1/1",), ("A/1/2",)
FLOOR = (("floor", 10),)
ENDS_MS = START_MS + HOLD_TTL_MS + 1
AUDITED_US = 10_000_000
BOUGHT = order_id(103)


def _journal() -> Journal:
    """Rows: 4 hold 1 on A/1/1, 5 its release, 6 hold 3 on A/1/1, 7 order 103 of it, 8 paid, 9 hold 4 on A/1/2,
    10 its end by time, 11 hold 5 on the whole floor, 12 order 103 cancelled, 13 hold 6 on A/1/1.
    """
    shop = Shop()
    made_event(shop)
    shop.now_ms += 1
    shop.hold(1, A)
    shop.commit()
    shop.ask(ReleaseHold(shop.stamp("release 1"), 1))
    shop.commit()
    shop.hold(3, A)
    shop.commit()
    shop.ask(PlaceOrder(shop.stamp("order 3"), 3, 103))
    shop.commit()
    shop.ask(ConfirmOrder(shop.stamp("confirm 3"), 103))
    shop.commit()
    shop.hold(4, B)
    shop.commit()
    shop.now_ms += HOLD_TTL_MS
    shop.expire()
    shop.commit()
    shop.hold(5, (), 10)
    shop.commit()
    shop.ask(CancelOrder(shop.stamp("cancel 3"), 103))
    shop.commit()
    shop.hold(6, A)
    shop.commit()
    return shop.journal()


JOURNAL = _journal()
ONE = ok(HOLD, 1, (0, 10), "hold 1", units=A)
BACK = ok(RELEASE, 1, (11, 20), "release 1")
LATE_BACK = ok(RELEASE, 1, (16, 20), "release 1")
THREE = ok(HOLD, 3, (21, 30), "hold 3", units=A)
SOLD = [ONE, BACK, THREE, ok(ORDER, 3, (31, 40), "order 3"), ok(CONFIRM, 103, (41, 50), "confirm 3")]
FOUR = ok(HOLD, 4, (51, 60), "hold 4", units=B, expires_at_ms=ENDS_MS)
FIVE = ok(HOLD, 5, (71, 80), "hold 5", areas=FLOOR)
ALL = [*SOLD, FOUR, FIVE, ok(CANCEL, 103, (81, 90), "cancel 3"), ok(HOLD, 6, (91, 100), "hold 6", units=A)]

GOOD: dict[str, list[Call]] = {
    "all that happened": ALL,
    "at once": [ok(HOLD, 3, (0, 10), "hold 3", units=A), ok(HOLD, 1, (5, 20), "hold 1", units=A)],
    "refused in its window": [ONE, fail(HOLD, 0, (15, 40), "UNITS_HELD", units=A), BACK, THREE],
    "refused beside the hold": [
        ok(HOLD, 1, (0, 100), "hold 1"),
        fail(HOLD, 0, (5, 20), "UNITS_HELD", units=A, named=A),
    ],
    "refused as sold": [*SOLD, fail(HOLD, 0, (51, 55), "UNITS_SOLD", units=(*A, *B), named=A), FOUR],
    "seen while it was so": [ONE, read(SEE, 1, (12, 40), "ACTIVE"), BACK],
    "seen as it became": [ONE, read(SEE, 1, (12, 15), "RELEASED"), BACK],
    "overdue, and not ended yet": [*SOLD, FOUR, read(SEE, 4, (61, 70), "EXPIRED"), FIVE],
    "exchanged for its own seat and one that is held": [
        *SOLD,
        FOUR,
        fail(Kind.EXCHANGE, 103, (61, 70), "UNITS_HELD", units=(*A, *B), named=B, tickets=(0,)),
        FIVE,
    ],
    "a full floor": [*SOLD, FOUR, FIVE, fail(HOLD, 0, (81, 90), "NOT_ENOUGH_AVAILABLE", areas=(("floor", 1),))],
    "no room beside what is named and what is held": [
        ONE,
        fail(HOLD, 0, (12, 15), "NOT_ENOUGH_AVAILABLE", units=("A/2/1",), best=(6,)),
        LATE_BACK,
    ],
    "no answer, and it happened": [info(HOLD, 0, 0, "hold 1", units=A), fail(HOLD, 0, (5, 10), "UNITS_HELD", units=A)],
    "no answer, and it did not happen": [ONE, info(HOLD, 0, 12, "lost", units=B, over_us=50_000)],
    "no answer, and it was found": [info(HOLD, 0, 0, "hold 1", units=A), ok(HOLD, 1, (20, 30), "hold 1"), BACK],
    "an old answer again": [*SOLD, ok(HOLD, 1, (51, 60), "hold 1", units=A, replayed=True)],
    "turned away, and done by the next try": [
        fail(HOLD, 0, (0, 5), "OVERLOADED", "hold 1"),
        ok(HOLD, 1, (6, 9), "hold 1"),
    ],
    "refused, and done by the next try": [
        ONE,
        fail(HOLD, 0, (12, 15), "UNITS_HELD", "hold 3", units=A),
        LATE_BACK,
        THREE,
    ],
    "what it has, seen": [ONE, read(SEE, 1, (12, 14), "ACTIVE", units=A), LATE_BACK],
    "what it had, and what it became, seen": [
        *ALL,
        read(SEE, 1, (101, 110), "RELEASED", units=A),
        read(SEE, 3, (101, 110), "CONFIRMED", units=A, order_id=BOUGHT),
        read(SEE_ORDER, 103, (101, 110), "CANCELLED", units=A),
        read(SEE, 5, (101, 110), "ACTIVE", units=(), areas=FLOOR),
    ],
    "an order read": [*SOLD, read(SEE_ORDER, 103, (51, 60), "CONFIRMED"), FOUR],
    "there was no such hold": [fail(RELEASE, 9, (0, 10), "HOLD_NOT_FOUND"), ONE],
    "too late": [*SOLD, FOUR, FIVE, fail(ORDER, 4, (81, 90), "HOLD_EXPIRED")],
    "as of a row that was named": [ONE, read(SEE, 1, (12, 15), "ACTIVE", position=4), BACK],
}

BAD: dict[str, tuple[list[Call], Fault]] = {
    "a lost acknowledgement": ([ok(HOLD, 9, (0, 10), "hold 9", units=A)], Fault.REPLY_NOT_IN_JOURNAL),
    "against real time": (
        [ok(HOLD, 3, (0, 10), "hold 3", units=A), ok(HOLD, 1, (11, 20), "hold 1", units=A)], Fault.AGAINST_REAL_TIME,
    ),
    "against what a read has named": (
        [read(SEE, 1, (0, 10), "RELEASED", position=5), ok(HOLD, 1, (11, 20), "hold 1")], Fault.AGAINST_REAL_TIME,
    ),
    "an effect before it was asked for": (
        [BACK, THREE, info(HOLD, 0, 51, "hold 1", units=A)], Fault.AGAINST_REAL_TIME,
    ),
    "an effect before the try that was not refused": (
        [fail(HOLD, 0, (0, 1), "OVERLOADED", "hold 1"), BACK, ok(HOLD, 1, (21, 30), "hold 1")], Fault.AGAINST_REAL_TIME,
    ),
    "refused, and done": ([fail(HOLD, 0, (0, 5), "OVERLOADED", "hold 1", units=A)], Fault.DONE_THOUGH_REFUSED),
    "refused though it was there all the time": (
        [ONE, fail(HOLD, 0, (12, 15), "UNITS_HELD", units=("A/2/1",)), BACK], Fault.REFUSED_WRONGLY,
    ),
    "refused after the release": (
        [ONE, BACK, fail(HOLD, 0, (21, 22), "UNITS_HELD", units=A), ok(HOLD, 3, (23, 30), "hold 3")],
        Fault.REFUSED_WRONGLY,
    ),
    "refused before the hold": (
        [fail(HOLD, 0, (0, 1), "UNITS_HELD", units=A), ok(HOLD, 1, (2, 10), "hold 1")], Fault.REFUSED_WRONGLY,
    ),
    "refused as held when it is sold": (
        [*SOLD, fail(HOLD, 0, (51, 52), "UNITS_HELD", units=A), ok(CANCEL, 103, (53, 60), "cancel 3")],
        Fault.REFUSED_WRONGLY,
    ),
    "exchanged for what is sold and what is held": (
        [
            *SOLD, FOUR, fail(Kind.EXCHANGE, 102, (61, 70), "UNITS_HELD", units=(*A, *B), named=A, tickets=(0,)), FIVE,
        ],
        Fault.REFUSED_WRONGLY,
    ),
    "places denied": (
        [ONE, fail(HOLD, 0, (12, 15), "NOT_ENOUGH_AVAILABLE", areas=(("floor", 1),)), LATE_BACK], Fault.REFUSED_WRONGLY,
    ),
    "a seat denied": ([ONE, fail(HOLD, 0, (12, 15), "NOT_ENOUGH_AVAILABLE", best=(2,)), BACK], Fault.REFUSED_WRONGLY),
    "a seat denied beside one that is named": (
        [ONE, fail(HOLD, 0, (12, 15), "NOT_ENOUGH_AVAILABLE", units=("A/2/1",), best=(5,)), BACK],
        Fault.REFUSED_WRONGLY,
    ),
    "refused for what its own key holds": (
        [info(HOLD, 0, 0, "hold 1", units=A), fail(HOLD, 0, (5, 10), "UNITS_HELD", "hold 1", units=A), BACK],
        Fault.REFUSED_WRONGLY,
    ),
    "refused for what its own key holds, which was told": (
        [ONE, fail(HOLD, 0, (12, 15), "UNITS_HELD", "hold 1", units=A), LATE_BACK], Fault.REFUSED_WRONGLY,
    ),
    "refused for its own release": (
        [ONE, BACK, fail(RELEASE, 1, (21, 22), "HOLD_RELEASED", "release 1")], Fault.REFUSED_WRONGLY,
    ),
    "a stale read": ([ONE, BACK, read(SEE, 1, (21, 30), "ACTIVE"), THREE], Fault.READ_WRONGLY),
    "a read of what is yet to come": ([ONE, read(SEE, 1, (11, 12), "RELEASED"), LATE_BACK], Fault.READ_WRONGLY),
    "lost, says a read": ([ONE, read(SEE, 1, (11, 15), "NOT_FOUND"), BACK], Fault.READ_WRONGLY),
    "expired too early": ([*SOLD, FOUR, read(SEE, 3, (61, 70), "EXPIRED"), FIVE], Fault.READ_WRONGLY),
    "other seats": ([ONE, read(SEE, 1, (11, 12), "ACTIVE", units=B), LATE_BACK], Fault.READ_WRONGLY),
    "nothing": ([ONE, read(SEE, 1, (11, 12), "ACTIVE", units=()), LATE_BACK], Fault.READ_WRONGLY),
    "other seats than it had": ([*ALL, read(SEE, 1, (101, 110), "RELEASED", units=B)], Fault.READ_WRONGLY),
    "fewer places": (
        [*SOLD, FOUR, FIVE, read(SEE, 5, (101, 110), "ACTIVE", units=(), areas=(("floor", 9),))], Fault.READ_WRONGLY,
    ),
    "another order": (
        [*ALL, read(SEE, 3, (101, 110), "CONFIRMED", units=A, order_id=order_id(104))], Fault.READ_WRONGLY,
    ),
    "no order": ([*ALL, read(SEE, 3, (101, 110), "CONFIRMED", units=A)], Fault.READ_WRONGLY),
    "an order too early": (
        [ONE, read(SEE, 1, (11, 12), "ACTIVE", units=A, order_id=BOUGHT), LATE_BACK], Fault.READ_WRONGLY,
    ),
    "an order with other seats": (
        [*SOLD, read(SEE_ORDER, 103, (51, 52), "CONFIRMED", units=B), ok(HOLD, 4, (53, 60), "hold 4", units=B)],
        Fault.READ_WRONGLY,
    ),
    "an order with other seats than it had": (
        [*ALL, read(SEE_ORDER, 103, (101, 110), "CANCELLED", units=B)], Fault.READ_WRONGLY,
    ),
    "another deadline": ([ONE, read(SEE, 1, (11, 15), "ACTIVE", expires_at_ms=7), BACK], Fault.READ_WRONGLY),
    "as of an old row": ([*SOLD, read(SEE, 1, (51, 60), "RELEASED", position=5)], Fault.READ_STALE),
    "an order that is paid": (
        [*SOLD, fail(CONFIRM, 103, (51, 52), "ORDER_CANCELLED"), ok(HOLD, 4, (53, 60), "hold 4")],
        Fault.REFUSED_WRONGLY,
    ),
}  # fmt: skip


def _watched(calls: list[Call], journal: Journal = JOURNAL) -> tuple[list[Fault], Tally]:
    ordered = sorted(calls, key=lambda call: call.invoked_us)
    witness = Witness(journal.block, ordered, AUDITED_US, tolerance_ms=None)
    audit = BlockAudit(journal.block, watcher=witness)
    found = [finding.fault for row in journal.rows() for finding in audit.take(row)]
    return [*found, *(finding.fault for finding in audit.finish())], witness.tally


@pytest.mark.parametrize("name", GOOD)
def test_a_history_that_the_journal_bears_out_is_clean(name: str) -> None:
    found, tally = _watched(GOOD[name])
    assert found == []
    assert tally.suffices
    assert tally.call_count == len(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_a_history_that_it_does_not_bear_out_is_found(name: str) -> None:
    calls, fault = BAD[name]
    assert _watched(calls)[0] == [fault]


def test_what_nobody_knows_is_counted_and_too_much_of_it_does_not_suffice() -> None:
    unknown = [info(HOLD, 0, 200 + number, f"lost {number}", units=B) for number in range(2)]
    over = msgspec.structs.replace(unknown[0], key="over", over_us=AUDITED_US)
    found, tally = _watched([*ALL, *unknown, over])
    assert (found, tally.info, tally.unresolved, tally.suffices) == ([], 3, 2, False)
    many = [read(SEE, 1, (300 + number, 301 + number), "RELEASED") for number in range(100)]
    assert _watched([*ALL, *unknown, *many])[1].suffices


@pytest.mark.parametrize(
    "reason",
    [
        "EVENT_NOT_FOUND", "SALE_NOT_OPEN", "SALE_CLOSED", "UNIT_UNKNOWN", "TABLE_NOT_WHOLE", "BUYER_LIMIT_EXCEEDED",
        "UNITS_BLOCKED", "CHANNEL_REQUIRED",
    ],
)  # fmt: skip
def test_what_an_event_never_was_is_no_reason(reason: str) -> None:
    """It is on sale to everybody, without limit, table or channel, and has the seat."""
    found, tally = _watched([ONE, fail(HOLD, 0, (12, 15), reason, units=B)])
    assert (found, tally.unchecked) == ([Fault.REFUSED_WRONGLY], 0)


@pytest.mark.parametrize(
    "refused",
    [
        fail(HOLD, 0, (12, 15), "UNIT_UNKNOWN", units=("Z/1/1",)),
        fail(HOLD, 0, (12, 15), "INVALID_ARGUMENT", units=B),
        fail(Kind.WAIT, 0, (12, 15), "NO_WAITING_LIST", units=A),
    ],
)
def test_what_the_event_is_like_is_a_reason(refused: Call) -> None:
    found, tally = _watched([ONE, refused, BACK])
    assert (found, tally.unchecked) == ([], 0)


@pytest.mark.parametrize(("later_ms", "found"), [(0, [Fault.REFUSED_WRONGLY]), (HOLD_KEY_KEPT_MS, [])])
def test_when_its_key_is_forgotten_somebody_is_refused_as_if_he_had_had_nothing(
    later_ms: int, found: list[Fault]
) -> None:
    shop = Shop()
    made_event(shop)
    shop.hold(1, A)
    shop.commit()
    shop.ask(ReleaseHold(shop.stamp("release 1"), 1))
    shop.commit()
    shop.now_ms += later_ms
    shop.hold(2, A)
    shop.commit()
    refused = fail(HOLD, 0, (31, 40), "UNITS_HELD", "hold 1", units=A)
    two = ok(HOLD, 2, (21, 30), "hold 2", units=A)
    assert _watched([ONE, BACK, two, refused], shop.journal())[0] == found


@pytest.mark.parametrize(("quantity", "found"), [(2, []), (3, [Fault.REFUSED_WRONGLY])])
def test_a_whole_table_has_room_for_as_many_as_it_seats(quantity: int, found: list[Fault]) -> None:
    shop = Shop()
    shop.take_over()
    table = Row("T", 0, 1, 3, kind=RowKind.WHOLE_TABLE)
    layout = Layout("EUR", (Category("near", 5_000),), (Section("A", (table,)),), (Area("floor", 0, 10),))
    shop.ask(CreateEvent(shop.stamp("the event's key"), "A dinner", layout, HOLD_TTL_MS))
    shop.ask(OpenSale(shop.stamp("open")))
    shop.hold(1, (), 1)
    shop.commit()
    refused = fail(HOLD, 0, (12, 15), "NOT_ENOUGH_AVAILABLE", best=(quantity,))
    assert _watched([ok(HOLD, 1, (0, 10), "hold 1", areas=(("floor", 1),)), refused], shop.journal())[0] == found


@pytest.mark.parametrize(("key", "found"), [("", [Fault.REFUSED_WRONGLY]), ("another", [])])
def test_a_basket_is_not_refused_for_what_its_own_key_holds(key: str, found: list[Fault]) -> None:
    """What is in its way otherwise is in other blocks than its desk."""
    shops = BasketShops()
    shops.open()
    shops.hold(1, {FIRST: Wish(A)})
    shops.commit()
    own = shops.desk.replies[-1].key
    calls = [
        ok(HOLD, 1, (0, 10), own, block=DESK),
        fail(HOLD, 0, (11, 20), "UNITS_HELD", key or own, block=DESK),
    ]
    seen, tally = _watched(calls, shops.desk.journal())
    assert (seen, tally.elsewhere, tally.unchecked) == (found, 1, 0)


@pytest.mark.parametrize(("reason", "is_so"), [("ORDER_NOT_DUE", True), ("TICKET_VOID", False)])
def test_what_is_said_of_tickets_is_so(reason: str, is_so: bool) -> None:
    found, tally = _watched([*SOLD, fail(Kind.CLOSE, 103, (51, 60), reason, tickets=(0,))])
    assert (found == [], tally.unchecked) == (is_so, 0)


def test_what_cannot_be_checked_does_not_suffice() -> None:
    found, tally = _watched([ONE, fail(HOLD, 0, (12, 15), "A_REASON_OF_TOMORROW", units=B)])
    assert (found, tally.unchecked, tally.suffices) == ([], 1, False)


def test_behind_an_answer_that_was_lost_nothing_is_judged() -> None:
    lost = ok(HOLD, 9, (0, 10), "hold 9", units=A)
    found, tally = _watched([lost, fail(HOLD, 0, (12, 15), "UNITS_HELD", units=("A/2/1",))])
    assert (found, tally.unchecked) == ([Fault.REPLY_NOT_IN_JOURNAL], 1)


@pytest.mark.parametrize(
    ("owner", "rule", "by", "passes"),
    [
        (Witness, "_check_order", lambda *_: None, "against real time"),
        (Witness, "_check_order", lambda *_: None, "an effect before it was asked for"),
        (Witness, "_refuse", lambda *_: None, "refused, and done"),
        (Witness, "_close", lambda *_: None, "refused before the hold"),
        (Witness, "_close", lambda *_: None, "a stale read"),
        (witness_module, "denies_its_key", lambda _: False, "refused for what its own key holds"),
        (witness_module, "denies_its_key", lambda _: False, "refused for what its own key holds, which was told"),
        (witness_module, "denies_its_key", lambda _: False, "refused for its own release"),
        (witness_module, "agrees", lambda *_: True, "places denied"),
        (witness_module, "agrees", lambda *_: True, "another deadline"),
        (Shown, "agrees", lambda *_: True, "other seats"),
        (Shown, "agrees", lambda *_: True, "fewer places"),
        (Shown, "agrees", lambda *_: True, "another order"),
        (Shown, "agrees", lambda *_: True, "an order with other seats"),
        (shown, "_as_order", lambda lot, _: lot, "another order"),
        (shown, "_as_order", lambda lot, _: lot, "no order"),
        (asking, "TURNED_AWAY", {"UNITS_HELD"}, "refused after the release"),
    ],
)
def test_without_a_rule_a_bad_history_passes(
    monkeypatch: pytest.MonkeyPatch, owner: object, rule: str, by: object, passes: str
) -> None:
    monkeypatch.setattr(owner, rule, by)
    assert _watched(BAD[passes][0])[0] == []

"""Nobody is told what was yet to come, also when it came by no client's key: by time, or from a basket's desk."""

from collections.abc import Sequence

import pytest

from actors.audit.findings import Fault
from actors.core.commands import PlaceOrder
from actors.core.wishes import Wish
from loadtests.history.calls import Call, Kind
from loadtests.history.witness import Witness
from tests.chaos.stage import AHEAD_MS
from tests.history.notes import fail, ok, read
from tests.history.watched import CHAOS, NARROW, NONE, Tolerated, watched
from tests.loadtests.basket_shops import SECOND, BasketShops
from tests.loadtests.journals import HOLD_TTL_MS, Journal, Shop, made_event

A, B, C = ("A/1/1",), ("A/1/2",), ("A/1/3",)


def _ended() -> tuple[Journal, int, int]:
    """1 on A/1/1, and 2 on A/1/2, ordered as 102, which end by time before 3 is held; when they began and ended."""
    shop = Shop()
    made_event(shop)
    shop.now_ms += 1
    began_ms = shop.now_ms
    shop.hold(1, A)
    shop.hold(2, B)
    shop.ask(PlaceOrder(shop.stamp("order 2"), 2, 102))
    shop.commit()
    shop.now_ms += HOLD_TTL_MS
    ended_ms = shop.now_ms
    shop.expire()
    shop.commit()
    shop.now_ms += HOLD_TTL_MS
    shop.hold(3, C)
    shop.commit()
    return shop.journal(), began_ms, ended_ms


JOURNAL, BEGAN_MS, ENDED_MS = _ended()
LAST_MS = ENDED_MS + HOLD_TTL_MS
ONE = ok(Kind.HOLD, 1, (BEGAN_MS, BEGAN_MS + 5), "hold 1", units=A, expires_at_ms=ENDED_MS)
TWO = ok(Kind.HOLD, 2, (BEGAN_MS, BEGAN_MS + 5), "hold 2", units=B)
ORDERED = ok(Kind.ORDER, 2, (BEGAN_MS, BEGAN_MS + 5), "order 2", units=B)
THREE = ok(Kind.HOLD, 3, (LAST_MS - 5, LAST_MS + 5), "hold 3", units=C)


def _found(answer: Call, tolerated: Tolerated) -> list[Fault]:
    calls = sorted((ONE, TWO, ORDERED, THREE, answer), key=lambda call: call.invoked_us)
    return _watched(JOURNAL, calls, tolerated)


def _watched(journal: Journal, calls: Sequence[Call], tolerated: Tolerated) -> list[Fault]:
    return watched(journal, calls, LAST_MS + 10**6, tolerated)


def _answers(at_ms: int) -> dict[str, Call]:
    """What is only true of what has ended, told then."""
    span = (at_ms - 10, at_ms)
    return {
        "a hold read": read(Kind.READ_HOLD, 1, span, "EXPIRED"),
        "an order read": read(Kind.READ_ORDER, 102, span, "EXPIRED"),
        "an order refused": fail(Kind.ORDER, 1, span, "HOLD_EXPIRED"),
        "a payment refused": fail(Kind.CONFIRM, 102, span, "ORDER_EXPIRED"),
    }


@pytest.mark.parametrize("what", _answers(0))
@pytest.mark.parametrize(
    ("tolerated", "early_ms", "is_found"),
    [
        (CHAOS, 59_000, True),
        (CHAOS, AHEAD_MS + 1_000, True),
        (CHAOS, AHEAD_MS - 500, False),
        (CHAOS, 5_000, False),
        (CHAOS, 0, False),
        (CHAOS, -30_000, False),
        (NARROW, 59_000, True),
        (NARROW, 500, True),
        (NARROW, 50, False),
        (NARROW, -30_000, False),
        (NONE, 59_000, False),
    ],
)
def test_what_ends_by_time_has_not_ended_for_anybody_long_before(
    what: str, tolerated: Tolerated, early_ms: int, is_found: bool
) -> None:
    """Who may be told early is served by a shard whose clock is ahead, as far as one may be."""
    answer = _answers(ENDED_MS - early_ms)[what]
    wrongly = Fault.READ_WRONGLY if what.endswith("read") else Fault.REFUSED_WRONGLY
    assert _found(answer, tolerated) == ([wrongly] if is_found else [])


@pytest.mark.parametrize("late_ms", [0, 20_000, 50_000])
def test_in_chaos_the_journals_clock_may_be_behind_by_anything(late_ms: int) -> None:
    """As when Postgres is away, and nothing ends."""
    held = fail(Kind.HOLD, 0, (ENDED_MS + late_ms, ENDED_MS + late_ms + 5), "UNITS_HELD", units=A, named=A)
    assert _found(held, CHAOS) == []


def _of_a_basket() -> tuple[Journal, int]:
    """A basket's leg takes A/1/1 of an event in which no client has done anything; when."""
    shops = BasketShops()
    shops.open()
    shops.wait(HOLD_TTL_MS)
    shops.hold(1, {SECOND: Wish(A)})
    shops.commit()
    return shops.events[SECOND].journal(), shops.now_ms


@pytest.mark.parametrize(("early_ms", "is_found"), [(30_000, True), (AHEAD_MS - 500, False), (-5, False)])
def test_what_a_basket_takes_stands_in_nobodys_way_long_before(early_ms: int, is_found: bool) -> None:
    journal, taken_ms = _of_a_basket()
    span = (taken_ms - early_ms - 10, taken_ms - early_ms)
    refused = fail(Kind.HOLD, 0, span, "UNITS_HELD", units=A, named=A, block=SECOND)
    assert _watched(journal, [refused], CHAOS) == ([Fault.REFUSED_WRONGLY] if is_found else [])


@pytest.mark.parametrize("what", _answers(0))
@pytest.mark.parametrize("tolerated", [CHAOS, NARROW])
def test_control_a_witness_that_knows_no_time_lets_it_pass(
    monkeypatch: pytest.MonkeyPatch, what: str, tolerated: Tolerated
) -> None:
    begin = Witness.__init__

    def timeless(self: Witness, block: str, calls: Sequence[Call], audited_us: int, *_: object, **__: object) -> None:
        begin(self, block, calls, audited_us, *NONE)

    monkeypatch.setattr(Witness, "__init__", timeless)
    assert _found(_answers(ENDED_MS - 59_000)[what], tolerated) == []

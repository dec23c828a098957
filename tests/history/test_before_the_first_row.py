"""Before a block's first row there was nothing, and so is told whoever was served then."""

import pytest

from actors.audit.findings import Fault
from actors.core.wishes import Wish
from loadtests.history.calls import Call, Kind
from loadtests.history.witness import Witness
from tests.history.notes import fail, ok
from tests.history.watched import CHAOS, NARROW, NONE, Tolerated, watched
from tests.loadtests.basket_shops import SECOND, BasketShops
from tests.loadtests.journals import HOLD_TTL_MS, START_MS, Journal, Shop, made_event

A = ("A/1/1",)

CLOCKS = pytest.mark.parametrize("tolerated", [CHAOS, NARROW, NONE])


def _found(journal: Journal, tolerated: Tolerated, *calls: Call) -> list[Fault]:
    return watched(journal, calls, START_MS + 10**8, tolerated)


def _not_there(at_ms: int) -> Call:
    return fail(Kind.HOLD, 0, (START_MS + at_ms, START_MS + at_ms + 5), "EVENT_NOT_FOUND", units=A, named=A)


def _taken_over() -> Journal:
    """All that came of a block was that a shard took it over: its event was lost, or is yet to come."""
    shop = Shop()
    shop.take_over()
    return shop.journal()


def _made() -> Journal:
    shop = Shop()
    made_event(shop)
    shop.now_ms += 1
    shop.hold(1, A)
    shop.commit()
    return shop.journal()


@CLOCKS
@pytest.mark.parametrize("at_ms", [-20_000, 0, 20_000])
@pytest.mark.parametrize(
    ("kind", "number", "reason", "found"),
    [
        (Kind.HOLD, 0, "EVENT_NOT_FOUND", []),
        (Kind.RELEASE, 1, "HOLD_NOT_FOUND", []),
        (Kind.RELEASE, 1, "HOLD_EXPIRED", [Fault.REFUSED_WRONGLY]),
    ],
)
def test_in_a_block_that_a_shard_took_over_and_no_more_there_is_nothing(
    tolerated: Tolerated, at_ms: int, kind: Kind, number: int, reason: str, found: list[Fault]
) -> None:
    refused = fail(kind, number, (START_MS + at_ms, START_MS + at_ms + 5), reason)
    assert _found(_taken_over(), tolerated, refused) == found


@pytest.mark.parametrize(
    ("tolerated", "at_ms", "is_found"),
    [
        (NARROW, -50, False),
        (NARROW, 50, False),
        (NARROW, 500, True),
        (CHAOS, 20_000, False),
        (NONE, 20_000, False),
    ],
)
def test_until_somebody_is_answered_there_may_be_nothing_as_long_as_the_clocks_let_it(
    tolerated: Tolerated, at_ms: int, is_found: bool
) -> None:
    found = _found(_made(), tolerated, _not_there(at_ms))
    assert found == ([Fault.REFUSED_WRONGLY] if is_found else [])


@CLOCKS
def test_once_somebody_was_answered_there_is_something(tolerated: Tolerated) -> None:
    held = ok(Kind.HOLD, 1, (START_MS, START_MS + 5), "hold 1", units=A)
    before, behind = _not_there(2), _not_there(20)
    assert _found(_made(), tolerated, held, behind) == [Fault.REFUSED_WRONGLY]
    assert _found(_made(), tolerated, held, before) == []


@CLOCKS
def test_control_a_witness_that_forgets_who_was_answered_lets_it_pass_without_clocks(
    monkeypatch: pytest.MonkeyPatch, tolerated: Tolerated
) -> None:
    monkeypatch.setattr(Witness, "_may_have_seen_nothing", lambda *_: True)
    with pytest.raises(AssertionError):
        test_once_somebody_was_answered_there_is_something(tolerated)


def _of_a_desk() -> tuple[Journal, int]:
    """Its first rows are about a basket; when that came."""
    shops = BasketShops()
    shops.desk.now_ms += HOLD_TTL_MS
    shops.open()
    shops.wait(1)
    shops.hold(1, {SECOND: Wish(A)})
    shops.commit()
    return shops.desk.journal(), shops.now_ms


@pytest.mark.parametrize(
    ("kind", "number", "reason", "found"),
    [
        (Kind.HOLD, 0, "EVENT_NOT_FOUND", []),
        (Kind.RELEASE, 1, "HOLD_NOT_FOUND", []),
        (Kind.RELEASE, 1, "HOLD_EXPIRED", [Fault.REFUSED_WRONGLY]),
    ],
)
def test_before_a_journals_first_row_there_was_nothing(
    kind: Kind, number: int, reason: str, found: list[Fault]
) -> None:
    journal, came_ms = _of_a_desk()
    refused = fail(kind, number, (came_ms - 30_005, came_ms - 30_000), reason, block=journal.block)
    assert _found(journal, CHAOS, refused) == found

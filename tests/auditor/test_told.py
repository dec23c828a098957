"""What was found is told once, however much it is and however often, and what is known of it has a bound."""

import gc
import tracemalloc
from collections.abc import Awaitable, Callable, Iterable, Iterator
from random import Random

import pytest

from actors.audit.findings import Fault, Finding
from actors.auditor import told
from actors.auditor.told import Told
from actors.core import entries as e
from tests.auditor.in_memory import LARGE_LAYOUT, Office

pytestmark = pytest.mark.anyio

Check = Callable[[], Awaitable[None]]
Sabotage = Callable[[pytest.MonkeyPatch], None]
MOST = 5
MANY = 20_000
KNOWN_BYTES = 400_000


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of only a few is known."""
    monkeypatch.setattr(told, "MAX_TOLD", MOST)


def found(positions: Iterable[int], fault: Fault = Fault.LEG_MISSING) -> list[Finding]:
    """One in each of these rows."""
    return [Finding("b", position, fault, f"in row {position}") for position in positions]


def between(known: Told, findings: list[Finding], settled: int = 0) -> list[int]:
    """The rows of what is told."""
    return [one.position for one in known.news_between(findings, lambda one: one.position <= settled)]


async def check_rows() -> None:
    """Many rows are wrong, and the block is audited again and again: each is told once, as is what comes later."""
    office = Office()
    events = await office.event(layout=LARGE_LAYOUT), await office.event()
    auditor = office.auditor(max_kept_bytes=1)
    for number in range(4 * MOST):
        await events[0].append_unseen(e.HoldExpired(events[0].now_ms, 1_000 + number))
        if number == 2 * MOST:
            await office.round(auditor)
    for number in range(1, 6):
        for _ in range(4):
            await office.round(auditor)
        assert auditor.figures.finding_count == 4 * MOST + number - 1
        await events[1].live_at_random(Random(number), 3)
        await office.round(auditor)
        await events[0].append_unseen(e.HoldExpired(events[0].now_ms, 2_000 + number))
    await office.round(auditor)
    assert auditor.figures.row_count > 3 * len(events[0].rows), "it was audited again"


async def check_other_rows() -> None:
    """What stands in the place of rows that are gone is told."""
    known = Told()
    assert len(list(known.news(found(range(1, 2 * MOST))))) == 2 * MOST - 1
    assert not list(known.news(found(range(1, 2 * MOST))))
    known.rows_are_others()
    again = [Finding("b", 2 * MOST - 1, Fault.LEG_MISSING, "otherwise")]
    assert list(known.news(again)) == again


async def check_between() -> None:
    """The same again is not told; if any of it is new, some that stop the block at its first row and its last are."""
    known = Told()
    rows = [*range(10, 10 + 3 * MOST)]
    assert between(known, found(rows)) == [*rows[:MOST], rows[MOST], rows[-1]]
    for _ in range(3):
        assert between(known, found(rows)) == []
    assert between(known, found([*rows, 9])) == [9, rows[-1]], "an old row shows what it did not"
    assert between(known, found([*rows, 9])) == []
    assert between(known, found(rows, Fault.DEED_MISSING)) == [rows[0], rows[-1]]


async def check_settled() -> None:
    """What a correction has settled is not told then, nor when it is found again."""
    known = Told()
    rows = [*range(10, 10 + 3 * MOST)]
    assert between(known, found(rows), settled=rows[-1]) == []
    assert between(known, found(rows)) == []
    assert between(known, found([*rows, 100]))[-1] == 100


async def check_memory() -> None:
    """However many there are."""
    told.MAX_TOLD = 1_000
    known = Told()
    gc.collect()
    tracemalloc.start()
    try:
        assert sum(1 for _ in known.news(found(range(1, MANY)))) == MANY - 1
        assert len(between(known, found(range(MANY, 2 * MANY)))) == 2
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < KNOWN_BYTES
    finally:
        tracemalloc.stop()


CHECKS: tuple[Check, ...] = (check_rows, check_other_rows, check_between, check_settled, check_memory)


@pytest.mark.parametrize("check", CHECKS)
async def test_what_is_found_is_told_once_and_known_within_a_bound(check: Check) -> None:
    await check()


def _knows_each(patch: pytest.MonkeyPatch) -> None:
    """As it was."""
    shipped = Told.__init__

    def begin(self: Told) -> None:
        shipped(self)
        told.MAX_TOLD = 1 << 60

    patch.setattr(Told, "__init__", begin)


def _tells_no_more(patch: pytest.MonkeyPatch) -> None:
    shipped = Told.news_between

    def news_between(
        self: Told, findings: Iterable[Finding], is_settled: Callable[[Finding], bool]
    ) -> Iterator[Finding]:
        known = len(self._marks)
        for number, finding in enumerate(shipped(self, findings, is_settled)):
            if known + number < MOST:
                yield finding

    patch.setattr(Told, "news_between", news_between)


def _forgets(patch: pytest.MonkeyPatch) -> None:
    """What is beyond is told each time."""
    shipped = Told.news

    def news(self: Told, findings: Iterable[Finding]) -> Iterator[Finding]:
        self.rows_are_others()
        return shipped(self, findings)

    patch.setattr(Told, "news", news)


def _believes_other_rows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Told, "rows_are_others", lambda _: None)


def _knows_no_sums(patch: pytest.MonkeyPatch) -> None:
    shipped = Told.news_between

    def news_between(
        self: Told, findings: Iterable[Finding], is_settled: Callable[[Finding], bool]
    ) -> Iterator[Finding]:
        self._sums.clear()
        return shipped(self, findings, is_settled)

    patch.setattr(Told, "news_between", news_between)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_knows_each, check_memory),
        (_tells_no_more, check_between),
        (_forgets, check_rows),
        (_believes_other_rows, check_other_rows),
        (_knows_no_sums, check_between),
        (_knows_no_sums, check_settled),
    ],
)
async def test_control_who_tells_too_much_or_too_little_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check()

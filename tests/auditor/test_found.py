"""What was found in a block is kept within a bound until it is judged, and what stops the block is not lost by it."""

import gc
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from actors.audit.findings import Fault, Finding
from actors.auditor import found as found_module
from actors.auditor.found import Found
from actors.core import entries as e
from tests.auditor.in_memory import LARGE_LAYOUT, Office
from tests.auditor.watched import plant_double_claim

pytestmark = pytest.mark.anyio

Check = Callable[[], Awaitable[None]]
Sabotage = Callable[[pytest.MonkeyPatch], None]
FEW = 5
MANY = 20_000
KEPT_BYTES = 1_000_000


def in_row(position: int, fault: Fault = Fault.LEG_MISSING) -> Finding:
    """One that shows there."""
    return Finding("b", position, fault, f"in row {position}")


def rows_of(findings: Found) -> list[tuple[str, int]]:
    """Where they show, and what, in order."""
    return [(one.fault.name, one.position) for one in findings]


async def check_ends() -> None:
    """The first ones, each once, and of each fault the first and the last behind them, in whatever order they come."""
    findings = Found()
    assert not findings
    for position in (*range(1, 20), 7, 19):
        findings.add(in_row(position))
    findings.add(in_row(20, Fault.UNIT_CLAIMED_TWICE))
    first = [("LEG_MISSING", position) for position in range(1, FEW + 1)]
    assert rows_of(findings) == [*first, ("LEG_MISSING", FEW + 1), ("LEG_MISSING", 19), ("UNIT_CLAIMED_TWICE", 20)]
    assert len(rows_of(findings)) == FEW + 3
    findings.add(in_row(18, Fault.UNIT_CLAIMED_TWICE))
    assert rows_of(findings)[-2:] == [("UNIT_CLAIMED_TWICE", 18), ("UNIT_CLAIMED_TWICE", 20)]


async def check_weighed() -> None:
    """What was found since is weighed, among the first ones and behind them."""
    findings = Found()
    for position in range(1, FEW):
        findings.add(in_row(position))
    findings.were_weighed()
    assert findings.unweighed() == []
    for position in range(FEW, 9):
        findings.add(in_row(position))
    assert [one.position for one in findings.unweighed()] == [FEW, FEW + 1, 8]
    findings.were_weighed()
    findings.add(in_row(8))
    assert findings.unweighed() == []
    findings.add(in_row(9))
    assert [one.position for one in findings.unweighed()] == [9]


async def check_memory() -> None:
    """However many there are."""
    found_module.MAX_KEPT = 1_000
    gc.collect()
    tracemalloc.start()
    try:
        findings = Found()
        for position in range(1, MANY):
            findings.add(in_row(position))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < KEPT_BYTES
    finally:
        tracemalloc.stop()


async def check_stopped() -> None:
    """A danger that shows behind many things that are none stops its block, and not much more is told than is kept."""
    office = Office()
    event = await office.event(layout=LARGE_LAYOUT)
    for number in range(4 * FEW):
        await event.append_unseen(e.WaiterLeft(event.now_ms, 1_000 + number, bytes([number]) * 16, b"k" * 16))
    await plant_double_claim(event)
    auditor = office.auditor()
    for _ in range(4):
        await office.round(auditor)
    assert event.block in office.stopped
    assert auditor.figures.finding_count < 3 * FEW


CHECKS: tuple[Check, ...] = (check_ends, check_weighed, check_memory, check_stopped)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a few are kept."""
    monkeypatch.setattr(found_module, "MAX_KEPT", FEW)


@pytest.mark.parametrize("check", CHECKS, ids=["ends", "weighed", "memory", "stopped"])
async def test_what_is_found_is_kept_within_a_bound(check: Check) -> None:
    await check()


def _keeps_each(patch: pytest.MonkeyPatch) -> None:
    """As it was."""

    def add(self: Found, finding: Finding) -> None:
        self._kept[finding] = None

    patch.setattr(Found, "add", add)


def _keeps_the_first_alone(patch: pytest.MonkeyPatch) -> None:
    shipped = Found.add

    def add(self: Found, finding: Finding) -> None:
        if len(self._kept) < FEW:
            shipped(self, finding)

    patch.setattr(Found, "add", add)


def _weighs_the_first_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Found, "unweighed", lambda self: [one for one in self._kept if one not in self._weighed])


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        pytest.param(_keeps_each, check_memory, id="keeps each: memory"),
        pytest.param(_keeps_each, check_stopped, id="keeps each: stopped"),
        pytest.param(_keeps_the_first_alone, check_ends, id="keeps the first: ends"),
        pytest.param(_keeps_the_first_alone, check_stopped, id="keeps the first: stopped"),
        pytest.param(_weighs_the_first_alone, check_weighed, id="weighs the first"),
    ],
)
async def test_control_who_keeps_too_much_or_too_little_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check()

"""The continuous auditor that follows every run sees all rows, and what it tells of them makes the run a wrong one."""

from collections.abc import Callable, Collection, Mapping

import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault, Finding
from actors.audit.rows import Row
from actors.auditor.auditor import Auditor
from actors.auditor.crossing import Crossing
from actors.auditor.journals import Heads, Page, Span
from tests.simulation import faults
from tests.simulation.auditing import MemoryReading
from tests.simulation.runs import simulate

SEED = 3
LOSING = frozenset({faults.Fault.LOST_TAIL, faults.Fault.CRASH, faults.Fault.MOVED})
WITHIN = 6
BEFALLING = frozenset({faults.Fault.AUDITOR_CRASH, faults.Fault.AUDITOR_CUT})
LONG_ROWS = 30

Sabotage = Callable[[pytest.MonkeyPatch], None]


def loses_a_row(patch: pytest.MonkeyPatch) -> None:
    """What it reads lacks one."""
    rows = MemoryReading.rows

    async def losing(self: MemoryReading, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
        pages = await rows(self, spans, limit)
        for page in pages.values():
            page.rows = [row for row in page.rows if row.position != 20 or row is page.rows[-1]]  # not the head
        return pages

    patch.setattr(MemoryReading, "rows", losing)


def sees_no_end(patch: pytest.MonkeyPatch) -> None:
    """It does not hear that journals go on."""
    all_heads = MemoryReading.all_heads

    async def early(self: MemoryReading) -> Heads:
        heads = await all_heads(self)
        return Heads({block: min(position, 9) for block, position in heads.positions.items()})

    async def page(self: MemoryReading, _: str | None, __: int, ___: Collection[str]) -> Heads:
        return await early(self)

    patch.setattr(MemoryReading, "all_heads", early)
    patch.setattr(MemoryReading, "heads", page)


def finds_what_is_not_there(patch: pytest.MonkeyPatch) -> None:
    """A rule that nobody broke."""
    take = BlockAudit.take

    def finding(self: BlockAudit, row: Row) -> list[Finding]:
        whim = Finding(self.books.block, row.position, Fault.PRICE_WRONG, "a whim")
        return [*take(self, row), *([whim] if row.position == 9 else [])]

    patch.setattr(BlockAudit, "take", finding)


def never_compares(patch: pytest.MonkeyPatch) -> None:
    """Blocks are not held against each other."""
    patch.setattr(Crossing, "is_due", property(lambda _: False))


@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        pytest.param(loses_a_row, "the auditor stops", id="loses a row", marks=pytest.mark.long),
        pytest.param(sees_no_end, "the auditor has seen", id="sees no end", marks=pytest.mark.long),
        pytest.param(finds_what_is_not_there, "the auditor stops", id="finds too much", marks=pytest.mark.long),
        pytest.param(never_compares, "the auditor has never held", id="never compares", marks=pytest.mark.long),
    ],
)
def test_control_it_is_noticed(sabotage: Sabotage, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not simulate(SEED).wrong
    sabotage(monkeypatch)
    assert any(said in wrong for wrong in simulate(SEED).wrong)


def test_one_that_dies_and_cannot_read_finds_all_and_nothing_else() -> None:
    run = simulate(SEED, faults=BEFALLING)
    assert not run.wrong
    assert set(run.effects) == {*BEFALLING}


def ends_where_it_cannot_read(patch: pytest.MonkeyPatch) -> None:
    """It does not wait for Postgres."""
    patch.setattr("actors.auditor.auditor.LineUnavailable", ZeroDivisionError)


def sees_no_journal_that_is_long(patch: pytest.MonkeyPatch) -> None:
    """It follows blocks from their beginning only."""
    note = Auditor._note

    def leave_out(self: Auditor, heads: Heads) -> None:
        positions = {
            block: position
            for block, position in heads.positions.items()
            if block in self._followers or position < LONG_ROWS
        }
        note(self, msgspec.structs.replace(heads, positions=positions))

    patch.setattr(Auditor, "_note", leave_out)


@pytest.mark.long
@pytest.mark.parametrize(
    ("sabotage", "fault", "said"),
    [
        (ends_where_it_cannot_read, faults.Fault.AUDITOR_CUT, "in auditor a task failed"),
        (sees_no_journal_that_is_long, faults.Fault.AUDITOR_CRASH, "the auditor has seen"),
    ],
)
def test_control_what_only_shows_when_something_befalls_it_is_noticed_then(
    sabotage: Sabotage, fault: faults.Fault, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    assert not simulate(SEED, faults=frozenset()).wrong
    assert any(said in wrong for wrong in simulate(SEED, faults=frozenset({fault})).wrong)


@pytest.mark.long
def test_control_what_a_failover_loses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rows that are gone it keeps alarms, which are no fault only where rows are gone."""
    seed = next(seed for seed in range(WITHIN) if simulate(seed, faults=LOSING).effects[faults.Fault.LOST_TAIL])
    assert not simulate(seed, faults=LOSING).wrong
    monkeypatch.setattr("tests.simulation.auditing.GONE", frozenset())
    assert any("the auditor tells" in wrong for wrong in simulate(seed, faults=LOSING).wrong)

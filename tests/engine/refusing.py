"""A journal in memory that refuses some statements, and a look at what has become of it."""

import asyncio
from collections.abc import Callable

from actors.audit.audit import BlockAudit
from actors.core.ids import BlockId
from actors.journal.journal import JournalRefused, JournalUnavailable
from actors.journal.memory import Statement
from tests.engine.stage import Running, Stage
from tests.simulation.journal_audit import row_of

Poisoned = Callable[[Statement], bool]


NOBODY_IN = "the journal lets no block in"
DATA_CORRUPTED = JournalRefused("data corrupted", "XX002")
NO_ROOM = JournalUnavailable("no room", "53100")


def refuse(engine: Running, is_refused: Poisoned, fault: JournalUnavailable = DATA_CORRUPTED) -> Callable[[], None]:
    """Let the journal refuse these statements of an engine, until the answer is called."""
    before = engine.script.before
    over = asyncio.Event()

    async def refusing(statement: Statement) -> None:
        await before(statement)
        if not over.is_set() and is_refused(statement):
            raise fault

    engine.script.before = refusing  # type: ignore[method-assign]
    return over.set


def named(*names: str) -> Poisoned:
    """Statements of these names, whatever they are about."""
    return lambda statement: statement.name in names


def bears(*blocks: BlockId) -> Poisoned:
    """Appends with rows of these blocks."""
    return lambda statement: statement.name == "append" and any(new.row.block in blocks for new in statement.rows)


def check_journal(stage: Stage) -> None:
    """What stands in the journal is sound, whatever was refused and claimed again."""
    for block, rows in stage.store.journals.items():
        audit = BlockAudit(block)
        found = [finding for row in rows for finding in audit.take(row_of(row))]
        assert [*found, *audit.finish()] == []

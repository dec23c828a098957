"""The faults that a simulation can script, and what they leave behind."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from actors.journal.journal import JournalLate, JournalUnavailable
from actors.journal.memory import NoFaults, Statement
from tests.journal.backends import MemoryBackend, grown, head_of, new_block, row_after

pytestmark = pytest.mark.anyio

Step = Callable[[Statement], Awaitable[None]]


class Script(NoFaults):
    """What befalls appends, before and after they are carried out."""

    def __init__(self, *, before: Step | None = None, after: Step | None = None) -> None:
        self._before = before
        self._after = after

    async def before(self, statement: Statement) -> None:
        """See `Faults.before`."""
        if self._before is not None and statement.name == "append":
            await self._before(statement)

    async def after(self, statement: Statement) -> None:
        """See `Faults.after`."""
        if self._after is not None and statement.name == "append":
            await self._after(statement)


async def refuse(_statement: Statement) -> None:
    """The database is not reached."""
    raise JournalUnavailable("refused")


async def hang(statement: Statement) -> None:
    """Nothing happens until the line gives up."""
    await statement.cut.wait()


async def hang_and_vanish(statement: Statement) -> None:
    """Nothing happens until the line gives up, and nothing after."""
    await statement.cut.wait()
    raise JournalUnavailable("it never arrived")


async def arrive_late(statement: Statement) -> None:
    """The statement is stuck on its way, for longer than its line waits."""
    await statement.cut.wait()
    await asyncio.sleep(0.02)


async def test_a_refused_append_leaves_nothing() -> None:
    backend, block = MemoryBackend(), new_block()
    async with backend.line(Script(before=refuse)) as line:
        with pytest.raises(JournalUnavailable):
            await line.append([row_after(None, block)])
        assert (await line.heads([block])).heads == {}


async def test_an_append_that_hangs_is_cut_at_its_bound() -> None:
    backend, block = MemoryBackend(), new_block()
    async with backend.line(Script(before=hang_and_vanish), bound_ms=10) as line:
        with pytest.raises(JournalLate):
            await line.append([row_after(None, block)])
        assert (await line.heads([block])).heads == {}, "the line goes on"


async def test_an_append_that_was_cut_may_land_later() -> None:
    backend, block = MemoryBackend(), new_block()
    new = row_after(None, block)
    async with backend.line(Script(before=arrive_late), bound_ms=10) as line, backend.line() as other:
        with pytest.raises(JournalLate):
            await line.append([new])
        assert (await other.heads([block])).heads == {}
        await asyncio.sleep(0.05)
        assert (await other.heads([block])).heads == {block: head_of(new)}


async def test_an_append_that_lands_after_another_owners_is_fenced() -> None:
    backend, block = MemoryBackend(), new_block()
    async with backend.line(Script(before=arrive_late), bound_ms=10) as line, backend.line() as other:
        with pytest.raises(JournalLate):
            await line.append([row_after(None, block, epoch=1)])
        theirs = row_after(None, block, epoch=2)
        assert (await other.append([theirs])).durable == {block}
        await asyncio.sleep(0.05)
        assert await other.rows(block, 0, 10) == [theirs.row]


async def test_a_delayed_acknowledgement_holds_up_its_own_line_only() -> None:
    backend, block = MemoryBackend(), new_block()
    async with backend.line(Script(after=hang)) as line, backend.line() as other:
        new = row_after(None, block)
        appending = asyncio.create_task(line.append([new]))
        following = asyncio.create_task(line.now_ms())
        await asyncio.sleep(0.01)
        assert (await other.heads([block])).heads == {block: head_of(new)}
        assert not appending.done()
        assert not following.done()
        await line.close()
        for task in (appending, following):
            with pytest.raises(JournalUnavailable) as raised:
                await task
            assert raised.type is JournalUnavailable, "it was not late"


async def test_a_caller_that_goes_away_cancels_nothing() -> None:
    backend, block = MemoryBackend(), new_block()
    go_on = asyncio.Event()

    async def wait(_statement: Statement) -> None:
        await go_on.wait()

    async with backend.line(Script(before=wait)) as line:
        appending = asyncio.create_task(line.append([row_after(None, block)]))
        await asyncio.sleep(0.01)
        appending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await appending
        go_on.set()
        assert block in (await line.heads([block])).heads


async def test_a_script_sees_the_rows_of_an_append() -> None:
    backend, block = MemoryBackend(), new_block()
    seen: list[Statement] = []

    async def look(statement: Statement) -> None:
        seen.append(statement)

    async with backend.line(Script(before=look)) as line:
        rows = await grown(line, block, 2)
    assert [statement.rows for statement in seen] == [(new,) for new in rows]

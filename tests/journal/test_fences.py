"""What stops an older owner from writing, and that each of these checks would notice if it did not.

Every check has a control: the same check, unchanged, over a journal that the test has broken in one place.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from actors.journal import memory, postgres
from actors.journal.journal import Appended, Head, Journal, JournalRow, JournalUnavailable, NewRow
from tests.journal.backends import Backend, grown, head_of, new_block, row_after

pytestmark = pytest.mark.anyio

Check = Callable[[Backend], Coroutine[Any, Any, None]]
Break = Callable[[pytest.MonkeyPatch], None]


async def check_two_owners_in_turn(backend: Backend) -> None:
    """Two owners who both believe in themselves: each position is won by exactly one, and is what that one wrote."""
    block = new_block()
    claimed: dict[int, list[bytes]] = {}

    async def claim(line: Journal, epoch: int, head: Head | None) -> None:
        new = row_after(head, block, epoch=epoch)
        if block in (await line.append([new])).durable:
            claimed.setdefault(new.row.position, []).append(new.row.chain)

    async with backend.line() as older, backend.line() as newer:
        for _ in range(25):
            head = (await older.heads([block])).heads.get(block)
            await asyncio.gather(claim(older, 1, head), claim(newer, 2, head))
        rows = await newer.rows(block, 0, 100)
    assert [row.position for row in rows] == list(range(1, 26))
    assert claimed == {row.position: [row.chain] for row in rows}


async def check_row_removed_below_writer(backend: Backend) -> None:
    """A failover lost the last row: its writer, who goes on from memory, must not leave a gap."""
    block = new_block()
    async with backend.line() as line:
        rows = await grown(line, block, 3)
        await backend.remove(block, 3)
        assert (await line.append([row_after(head_of(rows[2]), block)])).fenced == {block}
        assert [row.position for row in await line.rows(block, 0, 10)] == [1, 2]


async def check_row_replaced_below_writer(backend: Backend) -> None:
    """A failover lost the last row and another owner filled its place: the position fits, the chain does not."""
    block = new_block()
    async with backend.line() as line:
        rows = await grown(line, block, 3)
        await backend.remove(block, 3)
        assert (await line.append([row_after(head_of(rows[1]), block, epoch=2)])).durable == {block}
        assert (await line.append([row_after(head_of(rows[2]), block)])).fenced == {block}


async def check_one_fenced_among_ten(backend: Backend) -> None:
    """A block that was taken over fails alone: its nine neighbours in the statement are durable."""
    blocks = [new_block() for _ in range(10)]
    lost = blocks[4]
    async with backend.line() as older, backend.line() as newer:
        heads = {block: head_of((await grown(older, block, 1))[0]) for block in blocks}
        assert (await newer.append([row_after(heads[lost], lost, epoch=2)])).durable == {lost}
        rows = [row_after(heads[block], block) for block in blocks]
        for _ in range(2):  # sent again, the answer is the same
            appended = await older.append(rows)
            assert appended.fenced == {lost}
            assert appended.durable == frozenset(blocks) - {lost}
        assert {block: head.epoch for block, head in (await older.heads(blocks)).heads.items()} == {
            block: 2 if block == lost else 1 for block in blocks
        }


async def check_acknowledgement_lost(backend: Backend) -> None:
    """The commit went through, its answer did not: the identical rows, sent again, are durable, and there once."""
    blocks = [new_block() for _ in range(3)]
    async with backend.deaf_line() as (line, lose_acknowledgement):
        heads = {block: head_of((await grown(line, block, 1))[0]) for block in blocks}
        rows = [row_after(heads[block], block) for block in blocks]
        lose_acknowledgement()
        with pytest.raises(JournalUnavailable):
            await line.append(rows)
        appended = await line.append(rows)
        assert appended.durable == frozenset(blocks)
        assert appended.fenced == frozenset()
        assert [row.position for row in await line.rows(blocks[0], 0, 10)] == [1, 2]


async def check_fenced_after_lost_acknowledgement(backend: Backend) -> None:
    """The answer was lost, and before the rows are sent again another owner extends one of the blocks: still durable.

    What follows from a stale memory is fenced then.
    """
    block = new_block()
    async with backend.deaf_line() as (line, lose_acknowledgement), backend.line() as newer:
        new = row_after(head_of((await grown(line, block, 1))[0]), block)
        lose_acknowledgement()
        with pytest.raises(JournalUnavailable):
            await line.append([new])
        assert (await newer.append([row_after(head_of(new), block, epoch=2)])).durable == {block}
        assert (await line.append([new])).durable == {block}
        assert (await line.append([row_after(head_of(new), block)])).fenced == {block}


CHECKS = (
    check_two_owners_in_turn,
    check_row_removed_below_writer,
    check_row_replaced_below_writer,
    check_one_fenced_among_ten,
    check_acknowledgement_lost,
    check_fenced_after_lost_acknowledgement,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
async def test_fence(backend: Backend, check: Check) -> None:
    await check(backend)


def rewrite(monkeypatch: pytest.MonkeyPatch, query: str, pattern: str, replacement: str) -> None:
    """Change the shipped SQL in one place."""
    rewritten, count = re.subn(pattern, replacement, postgres._SQL[query], flags=re.DOTALL)
    assert count == 1
    monkeypatch.setitem(postgres._SQL, query, rewritten)


def no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the primary key stands between two owners."""
    rewrite(monkeypatch, "append", r"where coalesce\(.*?\n  \)\n", "where $9::bytea is not null ")

    def follows(head: JournalRow | None, new: NewRow) -> bool:
        return head is None or new.row.position > head.position

    monkeypatch.setattr(memory, "follows", follows)


def no_chain_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions are compared, chains are not."""
    rewrite(monkeypatch, "append", r" and head\.chain = new\.prev_chain", "")

    def follows(head: JournalRow | None, new: NewRow) -> bool:
        return new.row.position == (head.position if head else 0) + 1

    monkeypatch.setattr(memory, "follows", follows)


def everything_is_already_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict is taken for one's own row."""
    rewrite(monkeypatch, "already_there", r"where journal\.chain = sent\.chain", "")
    monkeypatch.setattr(memory, "already_there", lambda found, sent: True)


def nothing_is_already_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict is taken for another's row."""
    rewrite(monkeypatch, "already_there", r"where journal\.chain = sent\.chain", "where false")
    monkeypatch.setattr(memory, "already_there", lambda found, sent: False)


def one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """One fenced block fenced them all, as a statement that fails as a whole would."""

    def fail_together(appended: Appended) -> Appended:
        blocks = appended.durable | appended.fenced
        return Appended(frozenset(), blocks, appended.now_ms) if appended.fenced else appended

    append, store_append = postgres._append, memory.MemoryStore.append

    async def postgres_append(connection: object, *, rows: Sequence[NewRow]) -> Appended:
        return fail_together(await append(connection, rows=rows))

    monkeypatch.setattr(postgres, "_append", postgres_append)
    monkeypatch.setattr(memory.MemoryStore, "append", lambda store, rows: fail_together(store_append(store, rows)))


CONTROLS: tuple[tuple[Break, Check], ...] = (
    (everything_is_already_there, check_two_owners_in_turn),
    (no_comparison, check_row_removed_below_writer),
    (no_chain_comparison, check_row_replaced_below_writer),
    (everything_is_already_there, check_one_fenced_among_ten),
    (one_for_all, check_one_fenced_among_ten),
    (nothing_is_already_there, check_acknowledgement_lost),
    (nothing_is_already_there, check_fenced_after_lost_acknowledgement),
)


@pytest.mark.parametrize(("broken", "check"), CONTROLS, ids=lambda part: part.__name__.removeprefix("check_"))
async def test_control(backend: Backend, broken: Break, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        await check(backend)

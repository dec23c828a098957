"""What every journal promises, asked of each of them over the same calls."""

import asyncio

import pytest

from actors.core.ids import BlockId
from actors.journal import memory, postgres
from actors.journal.journal import (
    GENESIS,
    MAX_ROWS_BYTES,
    Head,
    JournalRow,
    JournalUnavailable,
    NewRow,
    Snapshot,
    is_cut,
)
from tests.journal.backends import Backend, grown, head_of, new_block, row_after

pytestmark = pytest.mark.anyio


async def test_rows_come_back_as_they_were_appended(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 3)
        assert await line.rows(block, 0, 10) == [new.row for new in rows]


async def test_rows_are_paged_in_order_behind_a_position(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = [new.row for new in await grown(line, block, 5)]
        assert await line.rows(block, 0, 2) == rows[:2]
        assert await line.rows(block, 2, 2) == rows[2:4]
        assert await line.rows(block, 4, 2) == rows[4:]
        assert await line.rows(block, 5, 2) == []
        assert await line.rows(new_block(), 0, 2) == []


async def check_large_rows(backend: Backend) -> None:
    """Rows of 0.7 MiB, and one that is larger than all that one call may bring."""
    sizes_bytes = [700 * 1024] * 7 + [MAX_ROWS_BYTES + 1] + [10] * 3
    async with backend.line() as line:
        block = new_block()
        rows: list[JournalRow] = []
        for size_bytes in sizes_bytes:
            head = Head(rows[-1].position, 1, rows[-1].chain) if rows else None
            new = row_after(head, block, entries=bytes(size_bytes))
            assert (await line.append([new])).durable == {block}
            rows.append(new.row)
        assert await line.rows(block, 0, 2) == rows[:2]
        pages: list[list[JournalRow]] = []
        while not pages or is_cut(pages[-1], 100):
            pages.append(await line.rows(block, pages[-1][-1].position if pages else 0, 100))
        assert pages == [rows[:3], rows[3:6], rows[6:8], rows[8:]]


async def test_a_page_ends_with_the_row_that_fills_it(backend: Backend) -> None:
    await check_large_rows(backend)


@pytest.mark.parametrize("bound_bytes", [2**40, 0, MAX_ROWS_BYTES // 2])
async def test_control_another_bound_gives_other_pages(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, bound_bytes: int
) -> None:
    for module in (memory, postgres):
        monkeypatch.setattr(module, "MAX_ROWS_BYTES", bound_bytes)
    with pytest.raises(AssertionError):
        await check_large_rows(backend)


async def test_a_page_that_is_just_full_may_be_the_last(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        new = row_after(None, block, entries=bytes(MAX_ROWS_BYTES))
        assert (await line.append([new])).durable == {block}
        assert is_cut(await line.rows(block, 0, 100), 100)
        assert await line.rows(block, 1, 100) == []


async def test_entries_of_any_bytes_and_size_are_kept(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        new = row_after(None, block, entries=bytes(range(256)) * 1_000)
        assert (await line.append([new])).durable == {block}
        assert await line.rows(block, 0, 1) == [new.row]


async def test_many_blocks_in_one_append_in_any_order(backend: Backend) -> None:
    async with backend.line() as line:
        blocks = [new_block() for _ in range(10)]
        rows = [row_after(None, block) for block in [*blocks[5:], *reversed(blocks[:5])]]
        appended = await line.append(rows)
        assert appended.durable == frozenset(blocks)
        assert appended.fenced == frozenset()


async def test_an_append_of_nothing_is_nothing(backend: Backend) -> None:
    async with backend.line() as line:
        appended = await line.append([])
        assert appended.durable == appended.fenced == frozenset()


async def test_two_rows_of_one_block_in_one_append_are_a_bug(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        first = row_after(None, block)
        with pytest.raises(AssertionError):
            await line.append([first, row_after(head_of(first), block)])


async def test_heads_are_the_last_rows_of_blocks_that_have_some(backend: Backend) -> None:
    async with backend.line() as line:
        short, long, empty = new_block(), new_block(), new_block()
        (only,) = await grown(line, short, 1)
        last = (await grown(line, long, 4))[-1]
        assert (await line.heads([short, empty, long])).heads == {short: head_of(only), long: head_of(last)}
        assert (await line.heads([empty])).heads == {}
        assert (await line.heads([])).heads == {}


async def check_until_replicated(backend: Backend) -> None:
    """Of rows that are there, whether they are the last ones or not, and of no other."""
    async with backend.line() as line:
        block, other = new_block(), new_block()
        rows = [new.row for new in await grown(line, block, 3)]
        for row in rows:
            assert await line.until_replicated(block, row.position, row.chain)
        assert not await line.until_replicated(block, 3, rows[1].chain)
        assert not await line.until_replicated(block, 4, rows[2].chain)
        assert not await line.until_replicated(other, 3, rows[2].chain)
        assert not await line.until_replicated(BlockId(""), 0, b"")
        await backend.remove(block, 3)
        assert not await line.until_replicated(block, 3, rows[2].chain)
        assert (await line.append([row_after(head_of(NewRow(rows[1], b"")), block)])).durable == {block}


async def test_only_a_row_that_is_there_can_be_on_the_replicas(backend: Backend) -> None:
    await check_until_replicated(backend)


async def test_control_a_row_is_told_by_its_chain(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    look = "where journal.chain = sent.chain"
    assert look in postgres._SQL["already_there"]
    by_place = postgres._SQL["already_there"].replace(look, "where true")
    monkeypatch.setitem(postgres._SQL, "already_there", by_place)
    monkeypatch.setattr(
        memory.MemoryStore,
        "until_replicated",
        lambda store, block, position, _: store.row_at(block, position) is not None,
    )
    with pytest.raises(AssertionError):
        await check_until_replicated(backend)


async def test_every_answer_bears_the_journals_clock(backend: Backend) -> None:
    async with backend.line() as line:
        before_ms = backend.clock_ms() - 1
        block = new_block()
        first = row_after(None, block)
        times_ms = [
            await line.now_ms(),
            (await line.append([first])).now_ms,
            (await line.append([first])).now_ms,
            (await line.heads([block])).now_ms,
            (await line.heads([])).now_ms,
            await line.now_ms(),
        ]
        times_ms = [before_ms, *times_ms, backend.clock_ms() + 1]
        assert times_ms == sorted(times_ms)


def _not_next(block: BlockId, rows: list[NewRow]) -> dict[str, NewRow]:
    """Rows that do not follow the block's head, which is the last of `rows`."""
    head = head_of(rows[-1])
    return {
        "a position beyond the next": row_after(Head(head.position + 1, 1, head.chain), block),
        "a chain that is not the head's": row_after(Head(head.position, 1, b"another chain..."), block),
        "the head's position under another chain": row_after(head_of(rows[-2]), block, entries=b"another"),
        "a position long gone": row_after(None, block, entries=b"another"),
    }


@pytest.mark.parametrize(
    "what",
    [
        "a position beyond the next",
        "a chain that is not the head's",
        "the head's position under another chain",
        "a position long gone",
    ],
)
async def test_a_row_that_does_not_follow_the_head_is_fenced(backend: Backend, what: str) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 3)
        new = _not_next(block, rows)[what]
        appended = await line.append([new])
        assert appended.durable == frozenset()
        assert appended.fenced == {block}
        assert await line.rows(block, 0, 10) == [kept.row for kept in rows]


@pytest.mark.parametrize("head", [Head(1, 1, GENESIS), Head(0, 1, b"another chain...")], ids=["gap", "chain"])
async def test_a_first_row_starts_at_one_from_the_genesis(backend: Backend, head: Head) -> None:
    async with backend.line() as line:
        block = new_block()
        assert (await line.append([row_after(head, block)])).fenced == {block}
        assert await line.rows(block, 0, 10) == []


async def test_a_hole_behind_the_head_is_not_filled(backend: Backend) -> None:
    """Archiving removes early rows and leaves a last one: nobody may start the block again."""
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 3)
        for position in (1, 2):
            await backend.remove(block, position)
        first, second = row_after(None, block, entries=b"another"), row_after(head_of(rows[0]), block, entries=b"other")
        assert (await line.append([first])).fenced == {block}
        assert (await line.append([second])).fenced == {block}
        assert await line.rows(block, 0, 10) == [rows[2].row]


async def test_identical_rows_sent_again_are_durable(backend: Backend) -> None:
    async with backend.line() as line:
        block, other = new_block(), new_block()
        rows = await grown(line, block, 3)
        fresh = row_after(None, other)
        for _ in range(2):
            assert (await line.append([rows[2], fresh])).durable == {block, other}
        assert (await line.append([rows[0]])).durable == {block}, "also when more was appended since"
        assert await line.rows(block, 0, 10) == [new.row for new in rows]


async def test_a_row_that_is_gone_is_not_durable_because_it_once_was(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 3)
        for position in (2, 3):
            await backend.remove(block, position)
        assert (await line.append([rows[2]])).fenced == {block}
        assert (await line.append([rows[1]])).durable == {block}, "it follows the head again"


async def test_statements_of_one_line_run_one_after_the_other(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        first = row_after(None, block)
        second = row_after(head_of(first), block)
        appended = await asyncio.gather(line.append([first]), line.append([second]), line.heads([block]))
        assert appended[0].durable == appended[1].durable == {block}
        assert appended[2].heads == {block: head_of(second)}


async def test_a_closed_line_says_so_and_leaves_the_others_alone(backend: Backend) -> None:
    async with backend.line() as line, backend.line() as other:
        await line.now_ms()
        await line.close()
        await line.close()
        with pytest.raises(JournalUnavailable):
            await line.append([row_after(None, new_block())])
        with pytest.raises(JournalUnavailable):
            await line.heads([])
        assert await other.now_ms() > 0


def _snapshot(new: NewRow, state: bytes, format_: int = 1) -> Snapshot:
    return Snapshot(new.row.block, new.row.position, new.row.chain, format_, state)


async def test_the_newest_snapshot_at_or_below_a_position_is_found(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 5)
        assert await line.newest_snapshot(block, 1, 5) is None
        older, newer = _snapshot(rows[1], b"older"), _snapshot(rows[3], b"newer" * 5_000)
        await line.save_snapshot(older)
        await line.save_snapshot(newer)
        assert await line.newest_snapshot(block, 1, 5) == newer
        assert await line.newest_snapshot(block, 1, 4) == newer
        assert await line.newest_snapshot(block, 1, 3) == older
        assert await line.newest_snapshot(block, 1, 1) is None
        assert await line.newest_snapshot(new_block(), 1, 5) is None


async def test_a_snapshot_whose_chain_the_row_does_not_bear_is_passed_over(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 3)
        valid = _snapshot(rows[0], b"valid")
        await line.save_snapshot(valid)
        await line.save_snapshot(Snapshot(block, 3, b"another chain...", 1, b"of a history that was lost"))
        assert await line.newest_snapshot(block, 1, 3) == valid


async def test_a_snapshot_whose_row_is_gone_is_passed_over(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 3)
        await line.save_snapshot(_snapshot(rows[0], b"kept"))
        await line.save_snapshot(_snapshot(rows[2], b"ahead of the journal"))
        await backend.remove(block, 3)
        assert await line.newest_snapshot(block, 1, 3) == _snapshot(rows[0], b"kept")


async def test_a_snapshot_and_the_one_before_it_are_kept(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 4)
        for new in rows:
            await line.save_snapshot(_snapshot(new, b"state"))
        assert await line.newest_snapshot(block, 1, 3) == _snapshot(rows[2], b"state")
        assert await line.newest_snapshot(block, 1, 2) is None, "older ones are gone"


async def test_a_late_snapshot_does_not_displace_a_newer_one(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 4)
        for index in (1, 3, 2):
            await line.save_snapshot(_snapshot(rows[index], b"state"))
        assert await line.newest_snapshot(block, 1, 4) == _snapshot(rows[3], b"state")


async def test_a_snapshot_written_again_replaces_itself(backend: Backend) -> None:
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 2)
        for new, state in ((rows[0], b"first"), (rows[1], b"one"), (rows[1], b"two")):
            await line.save_snapshot(_snapshot(new, state))
        assert await line.newest_snapshot(block, 1, 2) == _snapshot(rows[1], b"two")
        assert await line.newest_snapshot(block, 1, 1) == _snapshot(rows[0], b"first")


async def test_snapshots_of_another_format_are_kept_apart(backend: Backend) -> None:
    """While two builds take turns, each finds its own."""
    async with backend.line() as line:
        block = new_block()
        rows = await grown(line, block, 4)
        await line.save_snapshot(_snapshot(rows[0], b"old", 1))
        for new in rows[1:]:
            await line.save_snapshot(_snapshot(new, b"new", 2))
        assert await line.newest_snapshot(block, 1, 4) == _snapshot(rows[0], b"old", 1)
        assert await line.newest_snapshot(block, 2, 4) == _snapshot(rows[3], b"new", 2)
        assert await line.newest_snapshot(block, 3, 4) is None

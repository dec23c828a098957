"""The wire cuts where it says, and tells what came of it only if that was so."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
import pytest

from actors.core.ids import BlockId
from actors.journal.journal import GENESIS, JournalRow, JournalUnavailable, NewRow, chain_of
from actors.journal.postgres import PostgresJournal
from tests.chaos import resent
from tests.chaos.database_faults import CutAfter, CutBefore, CutDuring, landed_in_words
from tests.chaos.stage import Stage
from tests.chaos.wire import Cut, Wire

SHARD = "shard-0001"
LATER_S = 0.3  # a server takes less to commit

_CREATE = "create table if not exists wired (number integer primary key)"
_INSERT = "insert into wired values ($1::integer)"
_RETURNING = "insert into wired values ($1::integer) returning number"
_COUNT_ROWS = "select count(*) from journal where chain = any($1)"
_COUNT = "select count(*) from wired where number = $1"


class Wired:
    """A commit line over a wire, and a look past it."""

    def __init__(self, wire: Wire, past: asyncpg.Connection) -> None:
        self.wire = wire
        self._past = past

    async def line(self) -> asyncpg.Connection:
        settings = {"application_name": f"holdfast-{SHARD}-commit"}
        return await asyncpg.connect(self.wire.database_url, server_settings=settings)

    async def is_in(self, number: int) -> bool:
        await asyncio.sleep(LATER_S)
        return bool(await self._past.fetchval(_COUNT, number))

    async def are_in(self, rows: list[NewRow]) -> int:
        await asyncio.sleep(LATER_S)
        count: int = await self._past.fetchval(_COUNT_ROWS, [new.row.chain for new in rows])
        return count


@asynccontextmanager
async def wired(database_url: str) -> AsyncIterator[Wired]:
    wire = Wire(database_url)
    server = await wire.serve()
    past = await asyncpg.connect(database_url)
    try:
        await past.execute(_CREATE)
        yield Wired(wire, past)
    finally:
        await past.close()
        server.close()
        await wire.close()


@pytest.mark.parametrize(("where", "lands"), [(Cut.BEFORE, False), (Cut.AFTER, True), (Cut.DURING, None)])
def test_a_commit_is_cut_where_it_should_be(where: Cut, lands: bool | None, own_database_url: str) -> None:
    async def main() -> None:
        async with wired(own_database_url) as stage:
            line = await stage.line()
            insert = await line.prepare(_RETURNING)
            await insert.fetchrow(1)
            seen = stage.wire.cut_next_commit(where)
            with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
                await insert.fetchrow(2)  # as appends are: Postgres does not say that the statement is complete
            assert await seen
            assert await stage.is_in(1)
            if lands is not None:
                assert await stage.is_in(2) is lands
            again = await stage.line()
            assert stage.wire.commit_line_count == 2
            await again.close()
            line.terminate()

    asyncio.run(main())


def test_control_a_commit_that_is_refused_is_not_called_one(own_database_url: str) -> None:
    async def main() -> None:
        async with wired(own_database_url) as stage:
            line = await stage.line()
            insert = await line.prepare(_INSERT)
            await insert.fetch(1)
            seen = stage.wire.cut_next_commit(Cut.AFTER)
            with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
                await insert.fetch(1)
            assert not seen.done()
            line.terminate()

    asyncio.run(main())


def test_statements_of_a_shard_s_commit_lines_are_counted(own_database_url: str) -> None:
    async def main() -> None:
        async with wired(own_database_url) as stage:
            assert stage.wire.commit_lines(SHARD) == []
            line = await stage.line()
            (passage,) = stage.wire.commit_lines(SHARD)
            assert stage.wire.commit_lines("shard-0002") == []
            before = passage.statement_count
            insert = await line.prepare(_INSERT)
            for number in range(5):
                await insert.fetch(number)
            assert passage.statement_count == before + 5
            await line.close()

    asyncio.run(main())


def test_lines_of_a_process_are_followed_also_those_that_it_opens_later(own_database_url: str) -> None:
    async def main() -> None:
        async with wired(own_database_url) as stage:
            first = await stage.line()
            ours, parents = stage.wire.follow(os.getpid()), stage.wire.follow(os.getppid())
            assert len(ours) == 1
            second = await stage.line()
            assert len(ours) == 2
            before = sum(line.statement_count for line in ours)
            for line in (first, second):
                await (await line.prepare(_INSERT)).fetch(id(line) % 1_000_000)
                await line.close()
            assert sum(line.statement_count for line in ours) == before + 2, "closed ones are still known"
            assert parents == [], "who the client is, the kernel says"

    asyncio.run(main())


def first_rows(number: int) -> list[NewRow]:
    """The first rows of three blocks."""
    blocks = [BlockId(f"{number:08d}{place:08d}") for place in range(3)]
    chains = [chain_of(GENESIS, block, 1, 1, 0, b"") for block in blocks]
    rows = [JournalRow(block, 1, 1, 0, 1, b"", chain) for block, chain in zip(blocks, chains, strict=True)]
    return [NewRow(row, GENESIS) for row in rows]


async def check_it_is_known_what_landed(database_url: str) -> None:
    """Cut at every place several times, and sent again, as a shard does, when it is known by a look past the wire."""
    async with wired(database_url) as stage:
        journal = PostgresJournal(stage.wire.database_url, application_name=f"holdfast-{SHARD}-commit")
        await journal.append(first_rows(0))
        of_each: dict[Cut, set[int]] = {where: set() for where in Cut}
        lacking = set()
        for number, where in enumerate([*Cut] * 3, 1):
            rows = first_rows(number)
            seen = stage.wire.cut_next_commit(where)
            with pytest.raises(JournalUnavailable):
                await journal.append(rows)
            assert await seen
            landed = await stage.are_in(rows)
            assert landed == {Cut.BEFORE: 0, Cut.AFTER: len(rows)}.get(where, landed)
            of_each[where].add(landed)
            assert stage.wire.resent is not None
            assert not (landed and stage.wire.resent.lacks_commit), "they were never to be committed"
            lacking.add(stage.wire.resent.lacks_commit)
            assert not stage.wire.resent.landed.done(), "nobody has said so yet"
            await journal.append(first_rows(number + 100))
            assert not stage.wire.resent.landed.done(), "other rows say nothing of these"
            await journal.append(rows)
            assert (await stage.wire.resent.landed, len(stage.wire.resent.blocks)) == (landed, len(rows)), where
        assert lacking == {False, True}
        assert of_each[Cut.DURING] == {0, 3}, "a commit that is under way may come or not"
        await journal.close()


def test_it_is_known_whether_the_rows_of_a_cut_statement_landed(own_database_url: str) -> None:
    asyncio.run(check_it_is_known_what_landed(own_database_url))


@pytest.mark.parametrize("always", [0, 3])
def test_control_a_guess_at_what_landed_is_noticed(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch, always: int
) -> None:
    monkeypatch.setattr(resent.Resent, "meet", lambda self, answer: self.landed.set_result(always))
    with pytest.raises(AssertionError):
        asyncio.run(check_it_is_known_what_landed(own_database_url))


@pytest.mark.parametrize(
    ("kind", "landed", "is_wrong"),
    [
        (CutBefore, 0, False),
        (CutBefore, 3, True),
        (CutAfter, 3, False),
        (CutAfter, 0, True),
        (CutAfter, 2, True),
        (CutDuring, 0, False),
        (CutDuring, 3, False),
        (CutDuring, 1, True),
        (CutDuring, 2, True),
    ],
)
def test_what_cannot_have_landed_or_must_have_is_judged(
    kind: type[CutBefore | CutDuring | CutAfter], landed: int, is_wrong: bool
) -> None:
    fault = kind()
    fault._landed = landed, 3
    assert bool(asyncio.run(fault.harm(cast("Stage", None)))) == is_wrong


@pytest.mark.parametrize(("landed", "is_wrong"), [(0, False), (1, True), (3, True)])
def test_what_lacked_the_word_to_commit_must_not_have_landed(landed: int, is_wrong: bool) -> None:
    fault = CutDuring()
    fault._landed, fault._lacks_commit = (landed, 3), True
    assert bool(asyncio.run(fault.harm(cast("Stage", None)))) == is_wrong


def test_in_words() -> None:
    assert [landed_in_words(landed, 3) for landed in (0, 2, 3)] == [
        "the rows had not landed",
        "2 of the 3 rows had landed",
        "the rows had landed",
    ]

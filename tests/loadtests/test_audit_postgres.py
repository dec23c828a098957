"""The audit reads a real journal: what the product's own append wrote, and what somebody did to it since."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from actors.core.ids import BlockId
from actors.journal.journal import GENESIS, JournalRow, NewRow
from actors.journal.postgres import PostgresJournal
from loadtests.audit.audit import JournalAudit
from loadtests.audit.command import CLEAN, WRONG, run_audit
from loadtests.audit.findings import Fault, Finding
from loadtests.audit.replies import by_block, read_acknowledged
from loadtests.audit.rows import Row
from tests.conftest import EmbeddedPostgres
from tests.loadtests.journals import BLOCK, clean_journal

OTHER = BlockId("0000000000000001")


def test_rows_in_postgres_are_audited(postgres: EmbeddedPostgres, database_url: str, tmp_path: Path) -> None:
    journal = clean_journal()
    asyncio.run(_write(database_url, journal.rows()))
    told = tmp_path / "told.jsonl"
    told.write_bytes(msgspec.json.Encoder().encode_lines(journal.replies))

    audit = JournalAudit(database_url, by_block(read_acknowledged([told])), {BLOCK: journal.live})
    assert asyncio.run(_findings(audit)) == []
    (summary,) = audit.summaries
    assert (summary.row_count, summary.hold_count, summary.digest_compared) == (len(journal.drafts), 8, True)

    assert run_audit(database_url, None, [told], Console(quiet=True)) == CLEAN

    asyncio.run(_execute(database_url, "delete from journal where position = 8"))
    found = asyncio.run(_findings(JournalAudit(database_url, by_block(read_acknowledged([told])))))
    assert found[0].fault is Fault.ROW_MISSING
    assert found[0].position == 9
    assert run_audit(database_url, [BLOCK], [told], Console(quiet=True)) == WRONG


def test_an_acknowledged_reply_of_a_block_without_rows_is_found(database_url: str) -> None:
    journal = clean_journal()
    replies = [msgspec.structs.replace(reply, id=reply.id.replace(BLOCK, OTHER)) for reply in journal.replies[:1]]
    found = asyncio.run(_findings(JournalAudit(database_url, by_block(replies))))
    assert Finding(OTHER, 0, Fault.REPLY_NOT_IN_JOURNAL, f"{replies[0].id} was said to be held") in found


def test_a_block_that_does_not_exist_is_not_clean(database_url: str) -> None:
    assert run_audit(database_url, [OTHER], console=Console(quiet=True)) == WRONG


@pytest.mark.parametrize("kept", [0, 5])
@pytest.mark.parametrize(
    "trace",
    [
        "insert into projection_positions select position, 'p', block_id, chain from journal where position = 8",
        "insert into snapshots (position, format, block_id, chain, state) "
        "select position, 3, block_id, chain, '' from journal where position = 8",
    ],
)
def test_rows_that_others_have_read_are_missed(database_url: str, trace: str, kept: int) -> None:
    asyncio.run(_execute(database_url, "truncate journal, snapshots, projection_positions"))
    assert run_audit(database_url, None, console=Console(quiet=True)) == CLEAN  # of nothing, nothing is missing
    asyncio.run(_write(database_url, clean_journal().rows()))
    asyncio.run(_execute(database_url, trace))
    assert run_audit(database_url, None, console=Console(quiet=True)) == CLEAN
    asyncio.run(_execute(database_url, f"delete from journal where position > {kept}"))
    found = asyncio.run(_findings(JournalAudit(database_url)))
    assert found[-1].fault is (Fault.TAIL_MISSING if kept else Fault.JOURNAL_EMPTY)
    assert [finding.block for finding in found] == [BLOCK] * len(found)
    assert run_audit(database_url, [BLOCK], console=Console(quiet=True)) == WRONG


async def _write(database_url: str, rows: list[Row]) -> None:
    journal = PostgresJournal(database_url)
    chain = GENESIS
    try:
        for row in rows:
            new_row = NewRow(msgspec.convert(row, JournalRow, from_attributes=True), chain)
            assert (await journal.append([new_row])).durable == {row.block}
            chain = row.chain
    finally:
        await journal.close()


async def _findings(audit: JournalAudit) -> list[Finding]:
    return [finding async for finding in audit.run()]


async def _execute(database_url: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(database_url)
    await connection.execute(statement)
    await connection.close()

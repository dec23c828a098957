"""The audit reads a real journal: what the product's own append wrote, and what somebody did to it since."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from actors.audit import audit as audit_module
from actors.audit.audit import JournalAudit
from actors.audit.findings import Fault, Finding
from actors.audit.replies import Acknowledged, by_block, read_answers
from actors.audit.rows import Row
from actors.core.entries import HoldExpired, HoldPlaced
from actors.core.ids import BlockId, Kind, outside_id
from actors.journal.journal import GENESIS, JournalRow, NewRow
from actors.journal.postgres import PostgresJournal
from loadtests import onsale
from loadtests.audit_command import CLEAN, WRONG, run_audit
from loadtests.event_blocks import EventBlocks
from loadtests.history.calls import Kind as Asked
from loadtests.history.elsewhere import Elsewhere
from loadtests.history.recorded import Histories, checked
from loadtests.history.witness import Witness
from loadtests.server import Server
from tests.history.notes import fail
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.basket_shops import DESK, FIRST, SECOND
from tests.loadtests.journals import BLOCK, clean_journal
from tests.loadtests.test_audit_newer import OF_NEWER_RELEASES, last_row_of
from tests.loadtests.whole_journal import whole_journal

OTHER = BlockId("0000000000000001")
EMPTY = "truncate journal, snapshots, projection_positions"


@pytest.fixture
def written(database_url: str) -> str:
    """A database that has the clean journal and nothing else."""
    asyncio.run(_execute(database_url, EMPTY))
    asyncio.run(_write(database_url, clean_journal().rows()))
    return database_url


def test_rows_in_postgres_are_audited(written: str, tmp_path: Path) -> None:
    journal = clean_journal()
    told = tmp_path / "told.jsonl"
    told.write_bytes(msgspec.json.Encoder().encode_lines(journal.replies))

    audit = JournalAudit(written, by_block(read_answers([told])), {BLOCK: journal.live})
    assert asyncio.run(_findings(audit)) == []
    (summary,) = audit.summaries
    assert (summary.row_count, summary.hold_count, summary.digest_compared) == (len(journal.drafts), 8, True)

    assert run_audit(written, None, [told], Console(quiet=True)) == CLEAN

    asyncio.run(_execute(written, "delete from journal where position = 8"))
    found = asyncio.run(_findings(JournalAudit(written, by_block(read_answers([told])))))
    assert found[0].fault is Fault.ROW_MISSING
    assert found[0].position == 9
    assert run_audit(written, [BLOCK], [told], Console(quiet=True)) == WRONG


def test_rows_of_a_newer_release_are_an_error_to_who_asks_once(database_url: str) -> None:
    asyncio.run(_execute(database_url, EMPTY))
    asyncio.run(_write(database_url, last_row_of(OF_NEWER_RELEASES["a kind"])))
    (found,) = asyncio.run(_findings(JournalAudit(database_url)))
    assert (found.fault, found.sentence) == (Fault.ENTRIES_UNKNOWN, "Invalid value 250 - at `$[0][0]`")
    assert run_audit(database_url, None, (), Console(quiet=True)) == WRONG


def test_legs_and_desks_in_postgres_are_held_against_each_other(database_url: str, tmp_path: Path) -> None:
    """Of all blocks, also that one whose rows are all gone; of a desk alone, nothing that its legs' blocks know."""
    asyncio.run(_execute(database_url, EMPTY))
    journals = basket_journals()
    for journal in journals:
        asyncio.run(_write(database_url, journal.rows()))
    told = tmp_path / "told.jsonl"
    told.write_bytes(msgspec.json.Encoder().encode_lines([reply for journal in journals for reply in journal.replies]))
    assert asyncio.run(_findings(JournalAudit(database_url))) == []
    assert run_audit(database_url, None, [told], Console(quiet=True)) == CLEAN
    asyncio.run(_execute(database_url, f"delete from journal where block_id = '{SECOND}'"))
    assert _where(asyncio.run(_findings(JournalAudit(database_url)))) == {
        (DESK, Fault.LEG_MISSING),
        (DESK, Fault.DEED_MISSING),
    }
    assert asyncio.run(_findings(JournalAudit(database_url), [DESK, FIRST])) == []


@pytest.mark.parametrize(("order", "is_held"), [((DESK, SECOND), True), ((SECOND, DESK), False)])
def test_watched_blocks_are_read_in_their_order_so_that_one_can_ask_the_next(
    database_url: str, order: tuple[BlockId, ...], is_held: bool
) -> None:
    """What a desk refused for a seat that there is not is found in the event; before it nobody has asked there."""
    asyncio.run(_execute(database_url, EMPTY))
    for journal in basket_journals():
        asyncio.run(_write(database_url, journal.rows()))
    elsewhere = Elsewhere({SECOND: [SECOND]})
    refused = fail(Asked.HOLD, 0, (1, 2), "UNITS_SOLD", block="", units=(f"{SECOND}/Z/1/1",))
    calls = {DESK: [refused], SECOND: []}
    witnesses: dict[str, Witness] = {
        block: Witness(block, calls[block], 0, None, elsewhere=elsewhere) for block in order
    }
    audit = JournalAudit(database_url, watchers=witnesses)
    found = _where(asyncio.run(_findings(audit, [SECOND, FIRST, DESK])))
    assert [summary.block for summary in audit.summaries] == [*order, FIRST]
    assert found == ({(SECOND, Fault.REFUSED_WRONGLY)} if is_held else set())
    assert checked(witnesses, 0.0).tally.is_known is is_held


def test_an_acknowledged_reply_of_a_block_without_rows_is_found(database_url: str) -> None:
    reply = _told_elsewhere()
    found = asyncio.run(_findings(JournalAudit(database_url, by_block([reply]))))
    assert Finding(OTHER, 0, Fault.REPLY_NOT_IN_JOURNAL, f"{reply.id} was said to be held") in found


def _told_elsewhere() -> Acknowledged:
    """A reply about a block that has no rows: what it acknowledged is lost."""
    reply = clean_journal().replies[0]
    return msgspec.structs.replace(reply, id=reply.id.replace(BLOCK, OTHER), hold_id="")


def _lost(asked: list[str] | None, database_url: str) -> bool:
    """Whether an audit of these blocks, or of all, finds that reply."""
    audit = JournalAudit(database_url, by_block([_told_elsewhere()]))
    return (OTHER, Fault.REPLY_NOT_IN_JOURNAL) in _where(asyncio.run(_findings(audit, asked)))


def _ahead(asked: list[str] | None, database_url: str) -> bool:
    """Whether an audit of these blocks, or of all, finds that a server knows of a block that has no rows."""
    audit = JournalAudit(database_url, live={OTHER: clean_journal().live})
    return (OTHER, Fault.DIGEST_AHEAD_OF_JOURNAL) in _where(asyncio.run(_findings(audit, asked)))


@pytest.mark.parametrize("asked", [[BLOCK], [], None])
@pytest.mark.parametrize("is_found", [_lost, _ahead])
def test_what_was_said_of_a_block_is_audited_though_another_one_is_asked_for(
    written: str, is_found: Callable[[list[str] | None, str], bool], asked: list[str] | None
) -> None:
    assert is_found(asked, written)


@pytest.mark.parametrize("asked", [[BLOCK], [], None])
@pytest.mark.parametrize("is_found", [_lost, _ahead])
def test_control_an_audit_of_what_is_asked_for_alone_hides_it(
    written: str,
    is_found: Callable[[list[str] | None, str], bool],
    asked: list[str] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(JournalAudit, "_spoken_of", lambda _: [])
    assert not is_found(asked, written)


def test_a_lost_reply_of_a_block_that_has_rows_is_found_though_another_one_is_asked_for(written: str) -> None:
    """And what the other one's journal lacks is found as well: both are audited, each once."""
    reply = clean_journal().replies[0]
    lost = msgspec.structs.replace(reply, id=outside_id(Kind.HOLD, BLOCK, 77))
    audit = JournalAudit(written, by_block([reply, lost]))
    found = asyncio.run(_findings(audit, [OTHER]))
    assert _where(found) == {(OTHER, Fault.JOURNAL_EMPTY), (BLOCK, Fault.REPLY_NOT_IN_JOURNAL)}
    assert [summary.block for summary in audit.summaries] == [OTHER, BLOCK]


def test_rows_that_others_have_read_are_missed_of_a_block_that_was_not_asked_for(written: str) -> None:
    asyncio.run(_execute(written, "delete from journal where position > 2"))
    asyncio.run(_execute(written, f"insert into projection_positions values (8, 'p', '{BLOCK}', '')"))
    audit = JournalAudit(written, by_block(clean_journal().replies))
    assert (BLOCK, Fault.TAIL_MISSING) in _where(asyncio.run(_findings(audit, [OTHER])))


def test_the_command_finds_a_lost_reply_of_a_block_that_it_was_not_asked_for(written: str, tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    told.write_bytes(msgspec.json.Encoder().encode_lines(clean_journal().replies))
    assert run_audit(written, [BLOCK], [told], Console(quiet=True)) == CLEAN
    told.write_bytes(msgspec.json.Encoder().encode_lines([_told_elsewhere()]))
    assert run_audit(written, [BLOCK], [told], Console(quiet=True)) == WRONG


def test_a_run_of_buyers_that_were_told_of_another_event_is_not_clean(written: str, tmp_path: Path) -> None:
    journal = clean_journal()
    server = Server("http://127.0.0.1:1", "127.0.0.1:1", written, "key", "operator's key")
    event = EventBlocks(BLOCK, [])
    for extra, clean in (([], True), ([_told_elsewhere()], False)):
        answers = by_block([*journal.replies, *extra])
        histories, live = Histories(tmp_path), {str(BLOCK): journal.live}
        audited = asyncio.run(onsale._audit(server, event, live, answers, histories, Console(quiet=True)))
        assert audited.clean is clean
        assert ((OTHER, Fault.REPLY_NOT_IN_JOURNAL) in _where(audited.findings)) is not clean


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
    asyncio.run(_execute(database_url, EMPTY))
    assert run_audit(database_url, None, console=Console(quiet=True)) == CLEAN  # of nothing, nothing is missing
    asyncio.run(_write(database_url, clean_journal().rows()))
    asyncio.run(_execute(database_url, trace))
    assert run_audit(database_url, None, console=Console(quiet=True)) == CLEAN
    asyncio.run(_execute(database_url, f"delete from journal where position > {kept}"))
    found = asyncio.run(_findings(JournalAudit(database_url)))
    assert found[-1].fault is (Fault.TAIL_MISSING if kept else Fault.JOURNAL_EMPTY)
    assert [finding.block for finding in found] == [BLOCK] * len(found)
    assert run_audit(database_url, [BLOCK], console=Console(quiet=True)) == WRONG


def check_settled_apart(database_url: str) -> None:
    """What is wrong before a correction is told and counts for nothing; what is wrong since does."""
    asyncio.run(_execute(database_url, EMPTY))
    journal = whole_journal()
    ((point, quantity, price),) = journal.placed(14).prices
    journal.change(HoldPlaced, {"hold": 14}, prices=((point, quantity, price + 1),))
    asyncio.run(_write(database_url, journal.rows()))
    audit, said = JournalAudit(database_url), io.StringIO()
    assert asyncio.run(_findings(audit)) == []
    assert {finding.fault for finding in audit.settled} == {Fault.PRICE_WRONG}
    assert run_audit(database_url, None, console=Console(file=said, soft_wrap=True)) == CLEAN
    assert f"0 findings, and {len(audit.settled)} settled by corrections" in said.getvalue()
    assert all(f"settled by a correction: {finding}" in said.getvalue() for finding in audit.settled)
    journal.add(HoldExpired(journal.drafts[-1].entries[-1].at_ms, 77))
    asyncio.run(_execute(database_url, EMPTY))
    asyncio.run(_write(database_url, journal.rows()))
    assert _where(asyncio.run(_findings(JournalAudit(database_url)))) == {(journal.block, Fault.HOLD_UNKNOWN)}
    assert run_audit(database_url, None, console=Console(quiet=True)) == WRONG


def test_what_a_correction_has_settled_is_told_apart(database_url: str) -> None:
    check_settled_apart(database_url)


@pytest.mark.parametrize("answer", [True, False])
def test_control_an_audit_that_takes_all_for_settled_or_nothing_is_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    monkeypatch.setattr(audit_module, "is_settled", lambda *_: answer)
    with pytest.raises(AssertionError):
        check_settled_apart(database_url)


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


async def _findings(audit: JournalAudit, asked: list[str] | None = None) -> list[Finding]:
    return [finding async for finding in audit.run(asked)]


def _where(findings: list[Finding]) -> set[tuple[str, Fault]]:
    return {(finding.block, finding.fault) for finding in findings}


async def _execute(database_url: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(database_url)
    await connection.execute(statement)
    await connection.close()

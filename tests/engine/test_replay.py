"""`holdfast replay`: on the real Postgres, rows and snapshot come to the same state, and the command says if not."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import pytest
from typer.testing import CliRunner

from actors.core import block as core
from actors.core import snapshot as snapshot_module
from actors.core.commands import Command, CreateEvent, OpenSale
from actors.core.ids import BlockId, event_block, event_id
from actors.core.outcomes import Accepted
from actors.core.snapshot import FORMAT, digest, freeze, ledger_digest
from actors.core.state import BlockState
from actors.database.connect import connect
from actors.engine import replay as replay_module
from actors.engine.hosted import HostedBlock
from actors.journal import in_turn
from actors.journal import journal as journal_module
from actors.journal import postgres as postgres_module
from actors.journal.journal import GENESIS, Epoch, Snapshot
from actors.journal.postgres import PostgresJournal
from serve.cli import app
from serve.replay import Replayed
from tests.engine.stage import TENANT, confirm, hold, order, release, stamp
from tests.simulation.buyers import LAYOUT

EPOCH = Epoch(1, 1, 1).packed()
AT_MS = 1_700_000_000_000
SNAPSHOT_AT = 4


class Written(NamedTuple):
    """A block in the journal. `digests`: of the live state behind each row."""

    block: BlockId
    digests: list[tuple[str, str]]


def commands(key: str) -> list[Command]:
    return [
        CreateEvent(stamp(f"create-{key}"), key, LAYOUT, 600_000),
        OpenSale(stamp(f"open-{key}")),
        hold(1, "1/1", "1/2"),
        hold(2, "1/3"),
        order(11, 1),
        release(2),
        confirm(11),
        hold(3, "2/1"),
    ]


async def written(url: str, key: str, spoil: Callable[[BlockState], None] | None = None) -> Written:
    """Eight rows of one command each, and a snapshot of the fourth; `spoil` does harm to what is frozen."""
    journal = PostgresJournal(url)
    hosted = HostedBlock(event_block(TENANT, key), BlockState(), 0, GENESIS, claimed=True)
    hosted.epoch = EPOCH
    digests = []
    try:
        for number, command in enumerate(commands(key), 1):
            outcome = core.decide(hosted.state, command, AT_MS + number)
            assert isinstance(outcome, Accepted)
            hosted.apply(outcome.entries)
            new = hosted.next_row(AT_MS + number)
            assert (await journal.append([new])).durable == {hosted.block}
            digests.append((digest(hosted.state).hex(), ledger_digest(hosted.state).hex()))
            if hosted.position == SNAPSHOT_AT:
                frozen = snapshot_module.restore(freeze(hosted.state))
                if spoil is not None:
                    spoil(frozen)
                await journal.save_snapshot(
                    Snapshot(hosted.block, hosted.position, hosted.chain, FORMAT, freeze(frozen))
                )
    finally:
        await journal.close()
    return Written(hosted.block, digests)


def run(url: str, block: BlockId, *options: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    done = CliRunner().invoke(app, ["replay", event_id(block), "--database-url", url, *options])
    return done.exit_code, done.stdout, done.stderr


def check_same(url: str, key: str) -> None:
    block, digests = asyncio.run(written(url, key))
    for position, options in ((8, ()), (8, ("--position", "8")), (5, ("--position", "5")), (4, ("--position", "4"))):
        code, out, _ = run(url, block, *options)
        assert code == 0
        replayed = msgspec.json.decode(out, type=Replayed)
        assert (replayed.event_id, replayed.position, replayed.entries) == (event_id(block), position, position)
        assert replayed.snapshot_position == SNAPSHOT_AT
        for found in (replayed.from_first_row, replayed.from_snapshot):
            assert found is not None
            assert (found.digest, found.ledger_digest) == digests[position - 1]


def test_rows_and_snapshot_come_to_the_live_state_at_every_position(database_url: str) -> None:
    check_same(database_url, "same")


def test_without_a_snapshot_below_the_position_it_says_so(database_url: str) -> None:
    block, digests = asyncio.run(written(database_url, "without"))
    code, out, err = run(database_url, block, "--position", "3")
    replayed = msgspec.json.decode(out, type=Replayed)
    assert (code, replayed.snapshot_position, replayed.from_snapshot) == (0, None, None)
    assert replayed.from_first_row.digest == digests[2][0]
    assert "no snapshot at or below row 3" in err


def forgotten_key(state: BlockState) -> None:
    del state.memos[next(iter(state.memos))]


def other_holder(state: BlockState) -> None:
    state.holds[1].buyer = "somebody else"


@pytest.mark.parametrize("spoil", [forgotten_key, other_holder])
def test_a_snapshot_that_leads_elsewhere_is_found(database_url: str, spoil: Callable[[BlockState], None]) -> None:
    """Its position, chain and checksum are right: only the comparison of digests can tell."""
    block, digests = asyncio.run(written(database_url, spoil.__name__, spoil))
    code, out, err = run(database_url, block)
    replayed = msgspec.json.decode(out, type=Replayed)
    assert (code, replayed.same, replayed.snapshot_position) == (1, False, SNAPSHOT_AT)
    assert replayed.from_first_row.digest == digests[-1][0]
    assert replayed.from_snapshot is not None
    assert replayed.from_snapshot.digest != digests[-1][0]
    assert "another state" in err


def unknown_key(state: BlockState) -> None:
    state.holds[2].keys = (b"?" * 16,)


def test_a_snapshot_that_the_rows_behind_it_do_not_fit_is_found(database_url: str) -> None:
    block, _ = asyncio.run(written(database_url, "unfit", unknown_key))
    code, out, err = run(database_url, block)
    assert (code, out) == (1, "")
    assert f"from the snapshot of row {SNAPSHOT_AT}: RowUnfit: row 6 cannot be applied" in err


async def execute(url: str, statement: str, *arguments: object) -> None:
    connection = await connect(url, application_name="tests")
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


DAMAGES = [
    ("delete from journal where block_id = $1 and position = 2", "does not extend"),
    ("update journal set recorded_at_ms = 7 where block_id = $1 and position = 6", "does not extend"),
    ("update snapshots set state = 'garbage' where block_id = $1", "SnapshotDamaged"),
]


@pytest.mark.parametrize(("damage", "why"), DAMAGES)
def test_what_does_not_replay_is_said_and_nothing_else(database_url: str, damage: str, why: str) -> None:
    block, _ = asyncio.run(written(database_url, damage))
    asyncio.run(execute(database_url, damage, block))
    code, out, err = run(database_url, block)
    assert (code, out) == (1, "")
    assert why in err


def test_what_is_not_there_is_refused(database_url: str) -> None:
    block, _ = asyncio.run(written(database_url, "short"))
    for asked, options, why in (
        (block, ("--position", "9"), "ends at row 8"),
        (event_block(TENANT, "nobody's"), (), "no row of"),
    ):
        code, out, err = run(database_url, asked, *options)
        assert (code, out) == (1, "")
        assert why in err


def test_a_replay_that_leaves_a_row_out_would_be_noticed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at_snapshot = replay_module.at_newest_snapshot

    async def late(journal: PostgresJournal, block: BlockId, position: int) -> HostedBlock | None:
        hosted = await at_snapshot(journal, block, position)
        if hosted is not None and hosted.position < position:
            (row,) = await journal.rows(block, hosted.position, 1)
            hosted.position, hosted.chain = row.position, row.chain
        return hosted

    monkeypatch.setattr("serve.replay.at_newest_snapshot", late)
    with pytest.raises(AssertionError):
        check_same(database_url, "left out")


def check_small_pages(url: str, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A page is full with one row or two, as if each were of many commands."""
    for module in (journal_module, postgres_module):
        monkeypatch.setattr(module, "MAX_ROWS_BYTES", 100)
    check_same(url, key)
    block = event_block(TENANT, key)
    assert asyncio.run(replayed_to_the_end(url, block)) == len(commands(key))


async def replayed_to_the_end(url: str, block: BlockId) -> int:
    """How far a replay comes that is not told where the end is."""
    journal = PostgresJournal(url)
    hosted = replay_module.before_first_row(block)
    try:
        await replay_module.replay(journal, hosted)
    finally:
        await journal.close()
    return hosted.position


def test_a_short_page_is_not_the_end_of_the_journal(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_small_pages(database_url, monkeypatch, "pages")


def test_control_who_takes_it_for_the_end_leaves_rows_out(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_turn, "is_cut", lambda rows, limit: len(rows) >= limit)
    with pytest.raises(AssertionError):
        check_small_pages(database_url, monkeypatch, "short pages")

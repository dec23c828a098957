"""The auditor in a running stack: it keeps up with what sells, and a unit sold twice stops that event alone."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from actors.audit.ids import block_of_event
from actors.auditor import AUDITOR
from actors.core.entries import HoldPlaced
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.journal import JournalRow, chain_of
from tests.stack.running_stack import RunningStack
from tests.stack.test_onsale import onsale

pytestmark = pytest.mark.stack

INNER_PORT = 27400
PATIENCE_S = 30.0
LAYOUT = {
    "currency": "EUR",
    "categories": [{"name": "all", "price": 1000}],
    "sections": [{"name": "A", "rows": [{"name": "1", "seats": "1..20", "category": "all"}]}],
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack of its own, as an event stays stopped in it."""
    running = RunningStack(tmp_path_factory.mktemp("stack"), INNER_PORT)
    running.start()
    yield running
    assert running.stop() == 0
    assert running.processes() == []


def status_of(running: RunningStack) -> Any:
    """What `holdfast status` says."""
    said = running.command("status")
    assert said.returncode == 0, said.stdout + said.stderr
    return msgspec.json.decode(said.stdout)


def caught_up(running: RunningStack, entry_count: int = 1) -> Any:
    """What the auditor says of itself once it has audited all there is, and so many entries at least."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        auditor = status_of(running)["auditor"]
        if auditor is not None and auditor["entry_count"] >= entry_count and not auditor["lag_rows"]:
            return auditor
        assert time.monotonic() < deadline, auditor


def test_it_keeps_up_with_what_sells(running: RunningStack, tmp_path: Path) -> None:
    before = caught_up(running)
    report = onsale(running, tmp_path / "report.json", 5)
    sold = sum(block["entry_count"] for block in report["audit"]["blocks"])
    after = caught_up(running, before["entry_count"] + sold)
    assert (after["finding_count"], after["unaudited_count"]) == (0, 0)


def test_a_seat_sold_twice_stops_its_event_and_no_other(running: RunningStack) -> None:
    caught_up(running)
    with running.client() as client:
        event, other = (_on_sale(client, name) for name in ("wrong", "right"))
        for one in (event, other):
            assert _hold(client, one, "A/1/1").status_code == 201
        asyncio.run(_sell_again(running.stack.database_url, block_of_event(event)))
        deadline = time.monotonic() + PATIENCE_S
        while not (blocks := status_of(running)["quarantined_blocks"]):
            assert time.monotonic() < deadline, status_of(running)
        assert [(block["event_id"], block["by"]) for block in blocks] == [(event, AUDITOR)]
        while (refused := _hold(client, event, "A/1/2")).status_code == 201:
            assert time.monotonic() < deadline, refused.text
        assert refused.status_code == 503, refused.text
        assert _hold(client, other, "A/1/2").status_code == 201


def _on_sale(client: httpx.Client, name: str) -> str:
    created = client.post("/v1/events", json={"name": name, "layout": LAYOUT}, headers={"Idempotency-Key": name})
    assert created.status_code == 201, created.text
    event: str = created.json()["event_id"]
    opened = client.post(f"/v1/events/{event}/open-sale", json={}, headers={"Idempotency-Key": f"open {name}"})
    assert opened.status_code == 200, opened.text
    return event


def _hold(client: httpx.Client, event: str, seat: str) -> httpx.Response:
    key = {"Idempotency-Key": f"{event} {seat} {time.monotonic()}"}
    return client.post(f"/v1/events/{event}/holds", json={"units": [seat]}, headers=key)


async def _sell_again(database_url: str, block: str) -> None:
    """A row behind the last one, rightly chained, as an owner would write that does not know of the hold."""
    connection = await asyncpg.connect(database_url)
    try:
        last = JournalRow(
            *await connection.fetchrow(
                "select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain from journal "
                "where block_id = $1 order by position desc limit 1",
                block,
            )
        )
        (held,) = (entry for entry in decode_entries(last.entries) if isinstance(entry, HoldPlaced))
        again = encode_entries([msgspec.structs.replace(held, hold=held.hold ^ 1, key=b"k" * 16)])
        position = last.position + 1
        chain = chain_of(last.chain, last.block, position, last.epoch, last.recorded_at_ms, again)
        await connection.execute(
            "insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, entries, chain) "
            "values ($1, $2, $3, $4, 1, $5, $6)",
            block, position, last.epoch, last.recorded_at_ms, again, chain,
        )  # fmt: skip
    finally:
        await connection.close()

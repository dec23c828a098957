"""The auditor in a running stack: it keeps up with what sells, whatever dies; a wrong price stops that event alone.

Stopped, it stays so until an operator ends that by a correcting entry, whatever is killed meanwhile or later.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.audit.findings import Fault
from actors.auditor import AUDITOR
from actors.core.ids import BlockId, parse_event_id
from serve.local.processes import working_in
from tests.chaos.within import Within
from tests.stack.census import of_kind
from tests.stack.load import written
from tests.stack.owner import owner_of
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack, kill
from tests.stack.test_onsale import onsale
from tests.stack.wrongs import corrections, rows_of, sell_too_cheap

pytestmark = pytest.mark.stack

PATIENCE_S = 30.0
STOPS_WITHIN_S = 8.0
STAYS_SO_S = 2.0
SAID = "The server cannot answer now: this event is quarantined until an operator has looked at it."
FENCED = (504, "OUTCOME_UNKNOWN", SAID.replace("The server cannot answer now", "The outcome is not known"))
"""To whom a shard did not know yet that the wrong row is there, and was fenced by it."""
LAYOUT = {
    "currency": "EUR",
    "categories": [{"name": "all", "price": 1000}],
    "sections": [{"name": "A", "rows": [{"name": "1", "seats": "1..20", "category": "all"}]}],
}
WRONG_SEAT = "A/1/3"
WRONG_SEAT_NUMBER = 2


def status_of(running: RunningStack) -> Any:
    """What an operator is told of the cluster."""
    with running.client() as client:
        told = client.get("/v1/status", headers={"Authorization": f"Bearer {running.operator_key}"})
        assert told.status_code == 200, told.text
        return told.json()


def figures_of(running: RunningStack, since_ms: float = 0.0) -> Any:
    """The auditor's figures, told since then; None if there are none."""
    figures = status_of(running)["auditor"]
    return figures if figures is not None and figures["told_at_ms"] > since_ms else None


def caught_up(running: RunningStack, entry_count: int = 1, since_ms: float = 0.0) -> Any:
    """What the auditor says of itself once it has audited all there is, and so many entries at least."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        auditor = figures_of(running, since_ms)
        if auditor is not None and auditor["entry_count"] >= entry_count and not auditor["lag_rows"]:
            return auditor
        assert time.monotonic() < deadline, auditor
        time.sleep(0.05)


class Seller:
    """Events of the stack that sell."""

    def __init__(self, running: RunningStack, client: httpx.Client) -> None:
        self._running = running
        self._client = client

    def on_sale(self, name: str) -> str:
        """A new event; its id."""
        created = written(self._client, "/v1/events", {"name": name, "layout": LAYOUT}, name)
        event: str = created["event_id"]
        written(self._client, f"/v1/events/{event}/open-sale", {}, f"open {name}")
        return event

    def hold(self, event: str, seat: str) -> httpx.Response:
        """Whatever comes of it."""
        key = {"Idempotency-Key": f"{event} {seat} {time.monotonic()}"}
        return self._client.post(f"/v1/events/{event}/holds", json={"units": [seat]}, headers=key)

    def holds_within(self, event: str, seat: str, patience_s: float = PATIENCE_S) -> str:
        """The id of a hold of the seat, which is there to be held."""
        deadline = time.monotonic() + patience_s
        while (held := self.hold(event, seat)).status_code != 201:
            assert held.status_code in (503, 504), held.text
            assert time.monotonic() < deadline, held.text
            time.sleep(0.05)
        hold_id: str = held.json()["hold_id"]
        return hold_id

    def status_of(self, hold_id: str) -> str:
        """Of a hold."""
        deadline = time.monotonic() + PATIENCE_S
        while (read := self._client.get(f"/v1/holds/{hold_id}")).status_code != 200:
            assert read.status_code in (503, 504), read.text
            assert time.monotonic() < deadline, read.text
            time.sleep(0.05)
        status: str = read.json()["status"]
        return status

    def refused_within(self, event: str, seat: str, patience_s: float) -> None:
        """Nobody gets the seat any more, and it is said why, again and again."""
        deadline = time.monotonic() + patience_s
        while self._said(event, seat) != (503, "UNAVAILABLE", SAID):
            assert time.monotonic() < deadline, "it goes on selling"
            time.sleep(0.05)
        stays_until = time.monotonic() + STAYS_SO_S
        while time.monotonic() < stays_until:
            said = self._said(event, seat)
            assert said in ((503, "UNAVAILABLE", SAID), FENCED), f"refused, and then {said}"
            time.sleep(0.05)

    def _said(self, event: str, seat: str) -> tuple[int, str, str]:
        refused = self.hold(event, seat)
        if refused.status_code == 201:
            self._client.post(
                f"/v1/holds/{refused.json()['hold_id']}/release",
                json={},
                headers={"Idempotency-Key": refused.text[:40]},
            )
            return 201, "", ""
        return refused.status_code, refused.json()["code"], refused.json()["detail"]


def block_of(event: str) -> BlockId:
    """Where it lives."""
    block = parse_event_id(event)
    assert block is not None
    return block


def done(running: RunningStack, *words: str) -> str:
    """What the command prints, which does what it is told."""
    ran = running.command(*words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def kill_shard_of(running: RunningStack, event: str) -> None:
    """Its shard, and nobody else, dies; until another has its place."""
    owner = asyncio.run(owner_of(running.stack.database_url, block_of(event)))
    kill([owner.pid])
    await_that(
        "a successor",
        lambda: asyncio.run(owner_of(running.stack.database_url, block_of(event))).epoch != owner.epoch,
        PATIENCE_S,
    )


def check_it_stops(running: RunningStack, seller: Seller, event: str, other: str) -> str:
    """A wrong price is noticed, and stops the event that has it and no other; the id of the hold that has it."""
    before = caught_up(running)
    url = running.stack.database_url
    wrong = asyncio.run(sell_too_cheap(url, block_of(event), WRONG_SEAT_NUMBER))
    row = asyncio.run(rows_of(url, block_of(event)))[-1].position
    await_that(
        "the metric rises",
        lambda: (
            (figures := figures_of(running)) is not None
            and figures["finding_count"] > before["finding_count"]
            and figures["stopped_count"] == before["stopped_count"] + 1
        ),
        PATIENCE_S,
    )
    seller.refused_within(event, "A/1/2", STOPS_WITHIN_S)
    await_that("the quarantine shows", lambda: event in _quarantined(running), PATIENCE_S)
    shown = _quarantined(running)[event]
    assert (shown["by"], shown["position"]) == (AUDITOR, row)
    assert shown["why"].startswith(str(Fault.PRICE_WRONG))
    seller.holds_within(other, "A/1/2")
    return wrong


def _quarantined(running: RunningStack) -> dict[str, Any]:
    return {block["event_id"]: block for block in status_of(running)["quarantined_blocks"] or ()}


def test_it_keeps_up_with_what_sells(running: RunningStack, tmp_path: Path) -> None:
    before = caught_up(running)
    report = onsale(running, tmp_path / "report.json", 5)
    sold = sum(block["entry_count"] for block in report["audit"]["blocks"])
    after = caught_up(running, before["entry_count"] + sold)
    assert (after["finding_count"], after["unaudited_count"]) == (0, 0)


def test_a_wrong_price_stops_its_event_until_an_operator_has_corrected_it(running: RunningStack) -> None:
    """Through the deaths of its shard and of the auditor, while it is stopped and afterwards."""
    with running.client() as client:
        seller = Seller(running, client)
        event, other = (seller.on_sale(name) for name in ("wrong", "right"))
        first = seller.holds_within(event, "A/1/1")
        seller.holds_within(other, "A/1/1")
        wrong = check_it_stops(running, seller, event, other)
        assert running.command("audit", event).returncode == 1

        shown = _quarantined(running)
        kill_shard_of(running, event)
        kill_auditor(running)
        seller.holds_within(other, "A/1/4")
        seller.refused_within(event, "A/1/2", STOPS_WITHIN_S)
        again = caught_up(running, since_ms=time.time() * 1000)
        assert (again["finding_count"], again["stopped_count"]) == (1, 0), "it is found again, and stopped already"
        assert _quarantined(running) == shown

        assert "is quarantined" not in done(running, "quarantine", "list")
        ended = done(
            running, "quarantine", "end", event, "--by", "mara", "--why", "sold too cheap once", "--end-hold", wrong
        )
        assert "has ended" in ended
        second, third = seller.holds_within(event, "A/1/2"), seller.holds_within(event, WRONG_SEAT)
        (entry,) = asyncio.run(corrections(running.stack.database_url, block_of(event)))
        assert (entry.by, entry.why, len(entry.holds)) == ("mara", "sold too cheap once", 1)

        kill_shard_of(running, event)
        kill_auditor(running)
        assert [seller.status_of(one) for one in (first, second, third, wrong)] == [*["ACTIVE"] * 3, "RELEASED"]
        seller.holds_within(event, "A/1/5")
        for seat in ("A/1/1", "A/1/2", WRONG_SEAT):
            assert seller.hold(event, seat).status_code == 409
    audited = done(running, "audit", event)
    assert ": 0 findings, and " in audited, audited
    after = caught_up(running, since_ms=time.time() * 1000)
    assert (after["finding_count"], after["stopped_count"]) == (0, 0), "it is settled for who begins anew as well"
    assert "nothing is quarantined" in done(running, "quarantine", "list")


def test_it_goes_on_when_it_is_killed_and_when_postgres_is(running: RunningStack) -> None:
    """It comes to what it had come to; what is wrong afterwards stops its event."""
    with running.client() as client:
        seller = Seller(running, client)
        event, other = (seller.on_sale(name) for name in ("later wrong", "later right"))
        for one in (event, other):
            seller.holds_within(one, "A/1/1")
        before = caught_up(running)
        kill_auditor(running)
        seller.holds_within(other, "A/1/3")
        caught_up(running, before["entry_count"] + 1, time.time() * 1000)
        auditors = _auditors(running)
        kill(working_in(running.folder.postgres, "postgres"))
        seller.holds_within(other, "A/1/4")
        caught_up(running, before["entry_count"] + 2, time.time() * 1000)
        check_it_stops(running, seller, event, other)
        assert _auditors(running) == auditors, "Postgres was away, and it has not ended"


def kill_auditor(running: RunningStack) -> None:
    """It dies, and another process has its place."""
    (pid,) = _auditors(running)
    kill([pid])
    await_that("an auditor", lambda: bool(found := _auditors(running)) and pid not in found, PATIENCE_S)


def _auditors(running: RunningStack) -> list[int]:
    return [pid for pid in of_kind(running.processes(), "AuditorService") if os.path.exists(f"/proc/{pid}")]


def test_control_shards_that_heed_no_quarantine_are_noticed(running: RunningStack, within: Within) -> None:
    """The last one: shards go on selling what the auditor has stopped."""
    within.heed_no_quarantines()
    with running.client() as client:
        seller = Seller(running, client)
        event, other = (seller.on_sale(name) for name in ("wrong again", "right again"))
        for one in (event, other):
            seller.holds_within(one, "A/1/1")
        with pytest.raises(AssertionError, match=r"goes on selling|and then"):
            check_it_stops(running, seller, event, other)

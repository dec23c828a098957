"""What the product itself says of a stack that has been through faults: its running auditor, and its doctor."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec

from tests.stack.running_stack import RunningStack

CAUGHT_UP_WITHIN_S = 60.0
LOOK_EVERY_S = 0.25
DOCTOR_WITHIN_S = 120.0
OK, WRONG = "OK", "WRONG"
ALARMS = "alarms"


async def objections(running: RunningStack) -> list[str]:
    """What either of them finds wrong; asked when nobody buys any more.

    Faults explain none of it: rows that were acknowledged outlive each of them, and a synchronous failover too, so that
    even an alarm is too much. The auditor's figures are of its present process, and faults kill it; alarms are kept, so
    they are asked for as well. Other warnings of the doctor are about how the machine is set up.
    """
    by_auditor, by_doctor = await asyncio.gather(_of_auditor(running), asyncio.to_thread(_of_doctor, running))
    return [*by_auditor, *by_doctor]


async def _of_auditor(running: RunningStack) -> list[str]:
    """What it has found since it began, when it has audited all there is; and what is quarantined."""
    headers = {"Authorization": f"Bearer {running.operator_key}"}
    since_ms, deadline_s = time.time() * 1000, time.monotonic() + CAUGHT_UP_WITHIN_S
    async with httpx.AsyncClient(base_url=running.stack.http_url, headers=headers, timeout=10.0) as client:
        while True:
            status = await _status(client)
            auditor = status.get("auditor") or {}
            is_up_to_date = auditor.get("told_at_ms", 0) > since_ms and not auditor["lag_rows"]
            is_known = status.get("quarantined_blocks") is not None and status.get("alarms") is not None
            if is_up_to_date and auditor["block_count"] and is_known:
                return judged(status)
            if time.monotonic() > deadline_s:
                return [f"the auditor was not done within {CAUGHT_UP_WITHIN_S:.0f} s: {auditor or 'it says nothing'}"]
            await asyncio.sleep(LOOK_EVERY_S)


async def _status(client: httpx.AsyncClient) -> dict[str, Any]:
    try:
        answer = await client.get("/v1/status")
    except httpx.HTTPError:
        return {}
    found: dict[str, Any] = answer.json() if answer.is_success else {}
    return found


def judged(status: dict[str, Any]) -> list[str]:
    """What is wrong by what the cluster says of itself."""
    auditor = status["auditor"]
    wrong = [
        f"the auditor has {auditor[name]} {what}"
        for name, what in (
            ("finding_count", "findings"),
            ("alarm_count", "alarms"),
            ("stopped_count", "blocks stopped"),
            ("unaudited_count", "blocks that it cannot audit"),
        )
        if auditor[name]
    ]
    wrong += [f"{block['event_id']} is quarantined: {block['why']}" for block in status["quarantined_blocks"]]
    return wrong + [f"an alarm is open, {alarm['what']}: {alarm['sentence']}" for alarm in status["alarms"]]


def _of_doctor(running: RunningStack) -> list[str]:
    ran = running.command("doctor", "--json", patience_s=DOCTOR_WITHIN_S)
    try:
        findings = msgspec.json.decode(ran.stdout)["findings"]
    except msgspec.DecodeError:
        return [f"the doctor ended with {ran.returncode}: {ran.stderr}"]
    return told_by_doctor(findings)


def told_by_doctor(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """What it calls wrong, and any alarm, whatever it calls that."""
    return [
        f"the doctor says of {finding['check']}: {finding['seen']}"
        for finding in findings
        if finding["standing"] == WRONG or (finding["check"] == ALARMS and finding["standing"] != OK)
    ]

"""Fences and clocks: who beats, whether it may write to what it has, and whether clocks agree."""

import asyncio
import time
from typing import Any

from rich.progress import Progress

from actors.core.ids import BlockId, event_id
from actors.database.connect import connect
from actors.journal.journal import Epoch, epoch_of_claim, incarnation_of
from serve.doctor.findings import SQL, Finding, Patient, Standing

FENCES, CLOCKS = "fences", "clocks"
BEATS_MS = 5_000  # whoever has not beaten for so long does not
REPLACED_LEAVES_MS = 30_000  # whoever was replaced leaves by itself within 10 s
FORGOTTEN_MS = 7 * 24 * 3_600_000
TWO_LOOKS_S = 1.5
SHARD_CLOCK_MS = 3_000  # a heartbeat that moves on is at most about a second old
OUR_CLOCK_MS = 2_000
SHOWN = 5


async def check_fences(patient: Patient, _: Progress) -> list[Finding]:
    """Incarnations against each other, and against the blocks that they are to serve."""
    incarnations = await patient.connection.fetch(SQL["incarnations"])
    beating = [row for row in incarnations if row["now_ms"] - row["heartbeat_at_ms"] < BEATS_MS]
    findings = _against_each_other(incarnations, beating)
    owners = await patient.connection.fetch(SQL["owners"])
    if not beating:
        if owners:
            advice = "start the cluster; while it starts this passes"
            findings.append(Finding(FENCES, Standing.WARNING, "no shard beats: nothing can be sold", advice))
    else:
        findings += _without_owner(owners, {row["shard"] for row in beating})
        findings += await _out_of_reach(patient, beating)
    findings += _dead(incarnations, patient)
    return findings or [Finding(FENCES, Standing.OK, f"{len(beating)} shards beat; all blocks are within their reach")]


def _against_each_other(incarnations: list[Any], beating: list[Any]) -> list[Finding]:
    findings = []
    generations = sorted({row["epoch"] >> 40 for row in beating})
    if len(generations) > 1:
        seen = f"clusters of generations {', '.join(map(str, generations))} beat"
        advice = "well during an upgrade; else stop the older one"
        findings.append(Finding(FENCES, Standing.WARNING, seen, advice))
    for row in beating:
        newer = [
            other
            for other in incarnations
            if (other["shard"], other["epoch"] >> 40) == (row["shard"], row["epoch"] >> 40)
            and other["epoch"] > row["epoch"]
            and other["age_ms"] > REPLACED_LEAVES_MS
        ]
        if newer:
            number = Epoch.unpacked(row["epoch"]).incarnation
            seen = f"incarnation {number} of {row['shard']} still beats, although it was replaced"
            advice = "it can write nothing; end its process (holdfast shards list has the pid of the newest)"
            findings.append(Finding(FENCES, Standing.WARNING, seen, advice))
    return findings


def _without_owner(owners: list[Any], beating: set[str]) -> list[Finding]:
    return [
        Finding(
            FENCES,
            Standing.WRONG,
            f"{row['shard']} has {row['block_count']} blocks and does not beat",
            "see why it has no successor (the directory's log), or let others have them: holdfast shards resize",
        )
        for row in owners
        if row["shard"] not in beating
    ]


async def _out_of_reach(patient: Patient, beating: list[Any]) -> list[Finding]:
    """Blocks whose last row bears an epoch above any under which their shard could claim them."""
    serving = {row["shard"]: row["epoch"] for row in sorted(beating, key=lambda row: int(row["epoch"]))}
    above = []
    for head in await patient.connection.fetch(SQL["heads"]):
        if head["shard"] in serving:
            claim = epoch_of_claim(serving[head["shard"]], head["assigned_epoch"])
            if claim is None or claim < head["epoch"]:
                above.append(head)
    if not above:
        return []
    named = ", ".join(f"{event_id(BlockId(head['block_id']))} (by {_told(head['epoch'])})" for head in above[:SHOWN])
    seen = f"{len(above)} blocks were last written to by somebody newer than the shard that is to have them: {named}"
    advice = "an older cluster cannot sell them: stop it and start a new one, which gets a higher generation"
    return [Finding(FENCES, Standing.WRONG, seen, advice)]


def _told(epoch: int) -> str:
    return ".".join(map(str, Epoch.unpacked(incarnation_of(epoch))))


def _dead(incarnations: list[Any], patient: Patient) -> list[Finding]:
    newest = max((row["epoch"] >> 40 for row in incarnations), default=0)
    count = sum(
        row["epoch"] >> 40 < newest and row["now_ms"] - row["heartbeat_at_ms"] > FORGOTTEN_MS for row in incarnations
    )
    if not count:
        return []

    async def forget() -> str:
        connection = await connect(patient.database_url, application_name="holdfast doctor repair")
        try:
            gone = await connection.fetch(SQL["forget_the_dead"])
        finally:
            await connection.close()
        return f"{len(gone)} heartbeats of clusters that have ended are forgotten"

    seen = f"{count} heartbeats are of clusters that have not beaten for a week"
    return [Finding(FENCES, Standing.WARNING, seen, "holdfast doctor --repair forgets them", forget)]


async def check_clocks(patient: Patient, _: Progress) -> list[Finding]:
    """Heartbeats bear their shard's own time: those that move on must be near the database's; and ours beside it."""
    findings = []
    before = {(row["shard"], row["epoch"]): row for row in await patient.connection.fetch(SQL["incarnations"])}
    asked_ms = time.time_ns() // 1_000_000
    now_ms = await patient.connection.fetchval(SQL["now_ms"])
    answered_ms = time.time_ns() // 1_000_000
    await asyncio.sleep(TWO_LOOKS_S)
    moving_count = 0
    for row in await patient.connection.fetch(SQL["incarnations"]):
        known = before.get((row["shard"], row["epoch"]))
        if known is None or known["heartbeat_at_ms"] == row["heartbeat_at_ms"]:
            continue
        moving_count += 1
        behind_ms = row["now_ms"] - row["heartbeat_at_ms"]
        if not -SHARD_CLOCK_MS < behind_ms < SHARD_CLOCK_MS:
            seen = f"the clock of {row['shard']} is {behind_ms / 1000:+.1f} s behind that of the database"
            advice = (
                "the clock of one of them has jumped: see to time synchronisation; the shard is replaced within 10 s"
            )
            findings.append(Finding(CLOCKS, Standing.WRONG, seen, advice))
    ahead_ms = (asked_ms + answered_ms) // 2 - now_ms
    if abs(ahead_ms) > OUR_CLOCK_MS + (answered_ms - asked_ms):
        seen = f"this machine's clock is {ahead_ms / 1000:+.1f} s ahead of the database's"
        advice = "deadlines go by the database's clock: see to time synchronisation of both"
        findings.append(Finding(CLOCKS, Standing.WARNING, seen, advice))
    return findings or [
        Finding(CLOCKS, Standing.OK, f"{moving_count} shards and this machine agree with the database ({ahead_ms} ms)")
    ]

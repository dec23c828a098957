"""The continuous audit: whether it runs and keeps up, and what it found that stops no block."""

from rich.progress import Progress

from actors.auditor.alarms import (
    GONE,
    GRAVE,
    KEPT,
    MUCH_SHOWN,
    NOT_AUDITED,
    NOT_READ_ON,
    NOT_STOPPED,
    OPEN_COUNTS,
    KeptAlarm,
)
from actors.auditor.auditor import LATE_S
from actors.auditor.board import Board
from actors.auditor.crossing import OVERDUE_S
from actors.auditor.figures import AuditorFigures
from actors.auditor.journals import AUDITOR_SESSION
from actors.auditor.shown import MUCH_SHOWN_BYTES
from actors.core.ids import BlockId, event_id
from serve.alarms import line_of
from serve.auditor_signs import AuditorSigns, auditor_signs
from serve.doctor.findings import Finding, Patient, Standing
from serve.doctor.session_checks import sessions

AUDITOR, ALARMS = "auditor", "alarms"
SHOWN = 20
_FEWER_LEGS = "of events that are put away only the desks' side is kept: holdfast archive put"
_ROOM = f"see that its machine has so much, and as much as it grows by; {_FEWER_LEGS}"
_IN_TURN = (
    "holdfast audit EVENT looks at one at once, CPU makes turns shorter, and large events are smaller in parts: what "
    "sells wrongly is stopped only when it has its turn"
)
_START = "see the auditor's log and start the cluster again: what sells wrongly meanwhile is not stopped"


async def check_auditor(patient: Patient, _: Progress) -> list[Finding]:
    """By what it tells of itself; where nothing is told, by its session in Postgres."""
    signs = await _signs(patient)
    if signs.figures is not None:
        return _unwell(signs.figures) or [Finding(AUDITOR, Standing.OK, _keeps_up(signs.figures))]
    if fault := signs.fault():
        return [Finding(AUDITOR, Standing.WARNING, fault, _START)]
    if not signs.sessions.is_connected:
        return [Finding(AUDITOR, Standing.OK, "none runs, and no shard beats whose blocks it would audit")]
    return [Finding(AUDITOR, Standing.OK, f"it is connected; how far it is is not known: {signs.unknown_because}")]


async def check_alarms(patient: Patient, _: Progress) -> list[Finding]:
    """Those that nobody has acknowledged."""
    counts = {row["what"]: row["alarm_count"] for row in await patient.connection.fetch(OPEN_COUNTS)}
    findings = []
    for row in await patient.connection.fetch(KEPT, False, SHOWN):
        alarm = KeptAlarm(*row)
        findings.append(Finding(ALARMS, _standing(alarm.what), line_of(alarm), _advice(alarm)))
    if sum(counts.values()) > SHOWN:
        told = ", ".join(f"{count} {what}" for what, count in counts.items())
        worst = max(map(_standing, counts))
        findings.append(Finding(ALARMS, worst, f"these are {SHOWN} of {told}", "holdfast alarms list shows more"))
    return findings or [Finding(ALARMS, Standing.OK, "none is open")]


async def _signs(patient: Patient) -> AuditorSigns:
    found = await sessions(patient, AUDITOR_SESSION)
    if patient.redis_url is None:
        return await auditor_signs(None, found)
    board = Board(patient.redis_url)
    try:
        return await auditor_signs(board, found)
    finally:
        await board.close()


def _unwell(figures: AuditorFigures) -> list[Finding]:
    worst = ", ".join(
        _named(lag.block, lag.trouble or f"{lag.rows} rows, {lag.seconds:.0f} s") for lag in figures.lagging
    )
    findings = []
    wrong = []
    if figures.waits_because:
        findings.append(
            (f"for {figures.looked_ago_s:.0f} s: {figures.waits_because}", "see whether it reaches Postgres")
        )
    elif figures.lag_seconds > LATE_S and figures.lag_rows:
        findings.append(_behind(figures, worst))
    if figures.unaudited_count:
        seen = f"{figures.unaudited_count} blocks cannot be audited: {worst}"
        advice = "what sells wrongly there is not stopped: see what is said of the chain, and the auditor's log"
        wrong.append(Finding(AUDITOR, Standing.WRONG, seen, f"{advice}; it tries again by itself"))
    if figures.uncrossed_seconds > OVERDUE_S:
        seen = f"baskets have not been held against their legs for {figures.uncrossed_seconds:.0f} s: {worst}"
        findings.append((seen, "all blocks must be audited to one moment for that: see why these are behind"))
    elif figures.crossing_block_count and (figures.crossed_ago_s or 0.0) > OVERDUE_S:
        seen = f"baskets were held against their legs {figures.crossed_ago_s:.0f} s ago: {_crossing(figures)}"
        findings.append((seen, f"it takes so long that it is done seldom, for 1% of the time; {_FEWER_LEGS}"))
    if figures.crossing_bytes > MUCH_SHOWN_BYTES:
        seen = f"what blocks show each other takes {figures.crossing_bytes >> 20:,} MiB: {_crossing(figures)}"
        findings.append((seen, _ROOM))
    if figures.unkept_count:
        seen = f"{figures.unkept_count} alarms are in its log alone: no room, or Postgres refuses them"
        findings.append((seen, "acknowledge those that were looked at: holdfast alarms; see its log"))
    return wrong + [Finding(AUDITOR, Standing.WARNING, seen, advice) for seen, advice in findings]


def _behind(figures: AuditorFigures, worst: str) -> tuple[str, str]:
    seen = f"it is {figures.lag_rows:,} rows and {figures.lag_seconds:.0f} s behind: {worst}"
    if not figures.again_count:
        return seen, "after a start it reads every journal once and this passes; else give it CPU, or see its log"
    room = f"{figures.max_kept_bytes >> 20:,} MiB"
    seen += f"; {figures.again_count:,} blocks are read again, as what is kept of all has no room in {room}"
    return seen, f"these have turns, each from its first row; {_IN_TURN}"


def _crossing(figures: AuditorFigures) -> str:
    return f"{figures.crossing_block_count:,} blocks have {figures.crossing_leg_count:,} legs"


def _keeps_up(figures: AuditorFigures) -> str:
    return f"{figures.block_count:,} blocks are followed, {figures.lag_rows:,} rows behind"


def _standing(what: str) -> Standing:
    return Standing.WRONG if what in GRAVE else Standing.WARNING


def _named(block: str, what: str) -> str:
    return f"{event_id(BlockId(block))} ({what})"


def _advice(alarm: KeptAlarm) -> str:
    then = f"then holdfast alarms acknowledge {alarm.number}"
    if alarm.what in GONE:
        return (
            "whoever was told of it has nothing, unless a failover excuses that: compare with the old primary, a "
            f"backup or the buyers' replies, {then}"
        )
    event = event_id(BlockId(alarm.block)) if alarm.block else "EVENT"
    if alarm.what == NOT_AUDITED:
        return (
            f"what it sells wrongly is not stopped (holdfast quarantine impose {event} stops the whole "
            f"event): see the auditor's log and holdfast journal {event}, mend the row or the audit, or start the "
            f"release that wrote it, {then}"
        )
    if alarm.what == NOT_READ_ON:
        return f"{_IN_TURN}; see what is said of the auditor, {then}"
    if alarm.what == MUCH_SHOWN:
        return f"{_ROOM}; {then}"
    if alarm.what == NOT_STOPPED:
        return (
            "it sells on: see what Postgres says, then holdfast quarantine impose "
            f"{event}; look at it (holdfast audit {event}), {then}"
        )
    return f"look at it (holdfast audit {event}, holdfast journal {event}), {then}"

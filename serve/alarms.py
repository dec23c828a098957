"""What `holdfast alarms` does: shows what the audit found that stops no block; notes who acknowledges it and why."""

from collections.abc import Collection

from rich.console import Console

from actors.auditor.alarms import Alarms, KeptAlarm
from actors.core.ids import BlockId, event_id
from serve.database_command import Refused, check_words, run_with
from serve.wire_time import rfc3339

MAX_SHOWN = 1_000


def run_list(database_url: str, console: Console, errors: Console, *, acknowledged: bool) -> int:
    """Print the alarms that are open, or all. The exit code."""

    async def tell(alarms: Alarms) -> None:
        kept = await alarms.kept(MAX_SHOWN + 1, acknowledged=acknowledged)
        console.print("\n".join(map(line_of, kept[:MAX_SHOWN])) or "there is no alarm", markup=False)
        if len(kept) > MAX_SHOWN:
            console.print(f"and more than these {MAX_SHOWN}", markup=False)

    return run_with(Alarms, database_url, "alarms", errors, tell)


def run_acknowledge(
    database_url: str, numbers: Collection[int], up_to: int, by: str, why: str, console: Console, errors: Console
) -> int:
    """Acknowledge the alarms of these numbers, and all that are open up to another. The exit code."""

    async def tell(alarms: Alarms) -> None:
        check_words(by, why)
        if not numbers and not up_to:
            raise Refused("name the alarms by their numbers, or --up-to the last of them (holdfast alarms list)")
        closed = await alarms.acknowledge(numbers, up_to, by, why)
        missing = sorted(set(numbers) - set(closed))
        if closed:
            console.print(f"acknowledged: {', '.join(map(str, closed))}", markup=False)
        if missing:
            raise Refused(f"not open: {', '.join(map(str, missing))}")
        if not closed:
            raise Refused("none is open up to there")

    return run_with(Alarms, database_url, "alarms", errors, tell)


def line_of(alarm: KeptAlarm) -> str:
    """Its number, event, row, kind, what was found, chains, when and how often, and who has acknowledged it and why."""
    words = [
        str(alarm.number),
        event_id(BlockId(alarm.block)) if alarm.block else "no event",
        f"row {alarm.position}" if alarm.position else "no row",
        alarm.what,
        alarm.sentence,
    ]
    if alarm.old_chain:
        words.append(f"chain {alarm.old_chain.hex()}, now {alarm.new_chain.hex() or 'none'}")
    words.append(f"first {rfc3339(alarm.first_seen_at_ms)}")
    if alarm.seen_count > 1:
        words.append(f"last {rfc3339(alarm.last_seen_at_ms)}, {alarm.seen_count} times")
    if alarm.acknowledged_at_ms:
        since = rfc3339(alarm.acknowledged_at_ms)
        words.append(f"(acknowledged {since} by {alarm.acknowledged_by}: {alarm.acknowledged_because})")
    return "  ".join(words)

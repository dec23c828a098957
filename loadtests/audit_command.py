"""`holdfast audit`: the audit by itself, of any blocks of a journal or of all of it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console

from actors.audit.archives import Archives
from actors.audit.audit import JournalAudit
from actors.audit.replies import by_block, read_answers

CLEAN, WRONG = 0, 1


def run_audit(
    database_url: str,
    blocks: Sequence[str] | None = None,
    told: Sequence[Path] = (),
    console: Console | None = None,
    archives: Sequence[Path] = (),
) -> int:
    """Audit these blocks, or all, against what clients were told (files of `Answered`, one JSON document a line).

    `archives`: files of events that were put away, or folders of such; whatever else was is left out, and that is said.
    Blocks that clients were told of are audited in any case. Prints every finding, and apart from them those that
    corrections have settled. 0: nothing is wrong; 1: something is, or the journal or a file cannot be read.
    """
    console = console or Console(highlight=False, soft_wrap=True, emoji=False)
    try:
        audit = JournalAudit(database_url, by_block(read_answers(told)), archives=Archives(archives))
        finding_count = asyncio.run(_print_findings(audit, blocks, console))
    except (
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        msgspec.DecodeError,
        ValueError,
        OverflowError,
    ) as fault:
        console.print(f"audit: {fault}", style="red", markup=False)
        return WRONG
    rows = sum(block.row_count for block in audit.summaries)
    entries = sum(block.entry_count for block in audit.summaries)
    open_deeds = sum(block.open_deeds for block in audit.summaries)
    still_open = f", {open_deeds:,} deeds not acknowledged by legs yet" if open_deeds else ""
    counts = f"{len(audit.summaries):,} blocks, {rows:,} rows, {entries:,} entries{still_open}"
    settled = f", and {len(audit.settled):,} settled by corrections" if audit.settled else ""
    console.print(f"{counts}: {finding_count:,} findings{settled}")
    for archive in sorted(set(audit.left_out.values())):
        console.print(f"not audited: what is in the archive {archive}; give it with --archive", markup=False)
    return WRONG if finding_count else CLEAN


async def _print_findings(audit: JournalAudit, blocks: Sequence[str] | None, console: Console) -> int:
    finding_count = 0
    async for finding in audit.run(blocks):
        finding_count += 1
        console.print(str(finding), style="red", markup=False)
    for finding in audit.settled:
        console.print(f"settled by a correction: {finding}", style="yellow", markup=False)
    return finding_count

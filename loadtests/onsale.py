"""`holdfast onsale`: a crowd buys a fresh event from a running server, then the audit says whether all was right."""

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console
from rich.progress import Progress, TaskID

from actors.audit.audit import JournalAudit, LiveDigest
from actors.audit.denials import Denied
from actors.audit.findings import Finding
from actors.audit.ids import event_of
from actors.audit.replies import Answered, by_block
from actors.audit.rows import tenant_of
from loadtests.changes import FleetHand
from loadtests.crowd import CrowdFailed
from loadtests.event_blocks import EventBlocks
from loadtests.figures import together
from loadtests.history.calls import read_calls
from loadtests.history.recorded import Histories, answers_of, checked
from loadtests.house import BEST_SHARE, House, HouseKind
from loadtests.load_process import Task
from loadtests.report import FINDINGS_SHOWN, Audited, Report, save, show
from loadtests.selling import SHOW_EVERY_S, Selling, Wanted, progress_bar
from loadtests.server import Administration, Counters, Server, ServerRefused, Status

CLEAN, WRONG, TOO_SLOW = 0, 1, 2
LEAST_ACCEPTED_PER_S = 250  # 5,000 new holds and orders in 20 s
BUYERS_PER_PROCESS = 32
DIGEST_WITHIN_S = 15.0
DIGEST_AGAIN_S = 0.25  # a tenant is told one a second
COUNTERS_LAG_S = 1.5


class Options(msgspec.Struct, frozen=True):
    """What to run, against which server. `processes` 0: as many as the buyers need and the machine has cores.

    `seconds`: at most, and with `until_sold_out` the house must be sold out by then. `split`: into so many blocks.
    `moves`: of its blocks in turn; `resizes`: changes of the number of shards. `best_share`: see `BEST_SHARE`.
    """

    server: Server
    buyers: int = 64
    seconds: float = 20.0
    units: int = 200_000
    house: HouseKind = HouseKind.MIXED
    split: int = 0
    best_share: float = BEST_SHARE
    until_sold_out: bool = False
    processes: int = 0
    hold_ttl_seconds: int = 12
    kill_shard: int = 0
    moves: int = 0
    resizes: int = 0
    json_file: Path | None = None

    def process_count(self) -> int:
        """How many processes of buyers there are to be."""
        wanted = self.processes or min(-(-self.buyers // BUYERS_PER_PROCESS), len(os.sched_getaffinity(0)))
        return max(1, min(wanted, self.buyers))


def run_onsale(
    options: Options, console: Console | None = None, open_hand: Callable[[], FleetHand] | None = None
) -> int:
    """Run, print, audit. 0: all well; 1: something is wrong; 2: too few writes were accepted, or it did not sell out.

    `open_hand`: for who changes the fleet, if that is wanted; called on the event loop.
    """
    console = console or Console(highlight=False, soft_wrap=True, emoji=False)
    if options.json_file is not None:
        try:
            _check_writable(options.json_file)
        except OSError as fault:
            return _cannot_write(options.json_file, fault, console)
    try:
        House(options.units, options.house).split(options.split)
    except ValueError as fault:
        console.print(f"onsale: the house {fault}", style="red", markup=False)
        return WRONG
    try:
        report = asyncio.run(_run(options, console, open_hand))
    except (ServerRefused, CrowdFailed) as failure:
        console.print(f"onsale: {failure}", style="red", markup=False)
        return WRONG
    except (OSError, asyncpg.PostgresError) as fault:
        console.print(f"onsale: the database cannot be read: {fault}", style="red", markup=False)
        return WRONG
    show(report, console)
    if options.json_file is not None:
        try:
            save(report, options.json_file)
        except OSError as fault:
            return _cannot_write(options.json_file, fault, console)
    return verdict(report)


def _check_writable(file: Path) -> None:
    """Before a run whose figures would be lost. Leaves what is there as it is. Raises OSError."""
    is_new = not file.exists()
    with file.open("ab"):
        pass
    if is_new:
        file.unlink()


def _cannot_write(file: Path, fault: OSError, console: Console) -> int:
    console.print(f"onsale: cannot write {file}: {fault.strerror}", style="red", markup=False)
    return WRONG


def verdict(report: Report) -> int:
    """The exit code that a report deserves."""
    if report.audit.history.tally.call_count < report.figures.write_count:
        return WRONG  # not all that was asked was checked
    if report.unexplained or not report.audit.clean or set(report.durability.values()) != {"on"}:
        return WRONG
    if report.sold_out and report.audit.sold_count != report.units:
        return WRONG
    if report.until_sold_out:
        return CLEAN if report.sold_out else TOO_SLOW
    too_slow = report.figures.new_count < LEAST_ACCEPTED_PER_S * report.elapsed_s
    return TOO_SLOW if too_slow and not report.sold_out else CLEAN


async def _run(options: Options, console: Console, open_hand: Callable[[], FleetHand] | None) -> Report:
    administration = Administration(options.server)
    hand = open_hand() if open_hand is not None and (options.moves or options.resizes) else None
    try:
        run = secrets.token_hex(6)
        house = House(options.units, options.house)
        name, key = f"On-sale {run}", f"onsale-{run}"
        event_id = await administration.create_event(
            name, house.layout(), options.hold_ttl_seconds, key, house.split(options.split)
        )
        blocks = EventBlocks.of(event_id, await administration.parts_of(event_id))
        with tempfile.TemporaryDirectory(prefix="holdfast-onsale-") as folder:
            tasks = _tasks(options, event_id, run, Path(folder))
            before = await administration.status()
            wanted = Wanted(options.seconds, options.kill_shard, options.moves, options.resizes, options.until_sold_out)
            selling = Selling(wanted, administration, blocks, console, hand)
            await selling.run(tasks)
            await asyncio.sleep(COUNTERS_LAG_S)
            counters = _since(before, await administration.status())
            durability = await administration.durability()  # now, as the shards' lines are there that have committed
            files = [Path(task.calls_file) for task in tasks]
            answers = by_block(answers_of(read_calls(files)))
            tenant = await tenant_of(options.server.database_url, blocks.home) if options.split else ""
            histories = Histories(Path(folder), tenant, {blocks.home: blocks.all} if options.split else {})
            histories.sort(files)
            await asyncio.sleep(max(histories.over_us / 1e6 - time.time(), 0))
            live = await _live_digests(administration, [*blocks.all, *answers])
            audited = await _audit(options.server, blocks, live, answers, histories, console)
    finally:
        await administration.close()
        if hand is not None:
            await hand.close()
    figures = together(selling.figures)
    figures.accepted_at = figures.accepted_at[: int(selling.elapsed_s * 1000)]
    return Report(
        event_id=event_id,
        buyers=options.buyers,
        house=options.house,
        units=options.units,
        split=options.split,
        best_share=options.best_share,
        until_sold_out=options.until_sold_out,
        processes=len(tasks),
        elapsed_s=selling.elapsed_s,
        sold_out=selling.sold_out,
        seen_last=selling.units,
        figures=figures,
        cpu_shares=[part.cpu_s / selling.elapsed_s for part in selling.figures],
        longest_gap_ms=figures.longest_gap_ms(end_ms=selling.full_at_ms),
        full_at_ms=selling.full_at_ms,
        durability=durability,
        counters=counters,
        kills=selling.kills,
        kill_faults=selling.kill_faults,
        changes=selling.changes,
        change_faults=selling.change_faults,
        audit=audited,
    )


def _tasks(options: Options, event_id: str, run: str, folder: Path) -> list[Task]:
    """Half of the buyers over HTTP, half over gRPC, spread over the processes."""
    parts = options.process_count()
    over_http = options.buyers - options.buyers // 2
    server = options.server
    ahead_us = (time.time_ns() - time.monotonic_ns()) // 1000
    return [
        Task(
            http_url=server.http_url,
            grpc_target=server.grpc_target,
            api_key=server.api_key,
            event_id=event_id,
            units=options.units,
            house=options.house,
            best_share=options.best_share,
            http_buyers=_share(over_http, part, parts),
            grpc_buyers=_share(options.buyers - over_http, parts - 1 - part, parts),
            duration_ms=int(options.seconds * 1000),
            part=part,
            parts=parts,
            run=run,
            calls_file=str(folder / f"calls-{part}.jsonl"),
            clock_ahead_us=ahead_us,
        )
        for part in range(parts)
    ]


def _share(total: int, part: int, parts: int) -> int:
    return total // parts + (part < total % parts)


def _since(before: Status | None, after: Status | None) -> Counters | None:
    return None if before is None or after is None else after.since(before)


async def _live_digest(administration: Administration, event_id: str) -> LiveDigest | None:
    """The digest, waited for a little: the last kill may have been a moment ago."""
    give_up_at_s = time.monotonic() + DIGEST_WITHIN_S
    live = await administration.live_digest(event_id)
    while live is None and time.monotonic() < give_up_at_s:
        await asyncio.sleep(DIGEST_AGAIN_S)
        live = await administration.live_digest(event_id)
    return live


async def _live_digests(administration: Administration, blocks: Iterable[str]) -> dict[str, LiveDigest]:
    """Those of the blocks that can be had."""
    found: dict[str, LiveDigest] = {}
    for block in dict.fromkeys(blocks):
        digest = await _live_digest(administration, event_of(block))
        if digest is not None:
            found[block] = digest
    return found


async def _audit(
    server: Server,
    event: EventBlocks,
    live: dict[str, LiveDigest],
    answers: dict[str, list[Answered]],
    histories: Histories,
    console: Console,
) -> Audited:
    """Of all blocks of the event, and of the desks at which baskets of it are at home."""
    witnesses = histories.witnesses(time.time_ns() // 1000)
    audit = JournalAudit(server.database_url, event.told(answers), live, witnesses)
    cpu_before_s = time.process_time()
    findings: list[Finding] = []
    finding_count = 0
    with progress_bar(console, "{task.completed:,.0f} rows") as progress:
        bar = progress.add_task("auditing", total=sum(digest.position for digest in live.values()) or None)
        watching = asyncio.create_task(_show_rows(progress, bar, lambda: audit.row_count))
        async for finding in audit.run(event.all):
            finding_count += 1
            if len(findings) < FINDINGS_SHOWN:
                findings.append(finding)
        watching.cancel()
        progress.update(bar, total=audit.row_count, completed=audit.row_count)
    denied = sum(isinstance(answer, Denied) for told_of_block in answers.values() for answer in told_of_block)
    units = [block for block in audit.summaries if event_of(block.block) in event.of_units]
    return Audited(
        sum(map(len, answers.values())) - denied,
        denied,
        audit.summaries,
        findings,
        finding_count,
        sum(block.sold_count for block in units),
        sum(block.capacity for block in units),
        checked(witnesses, time.process_time() - cpu_before_s),
    )


async def _show_rows(progress: Progress, bar: TaskID, rows: Callable[[], int]) -> None:
    while True:
        progress.update(bar, completed=rows())
        await asyncio.sleep(SHOW_EVERY_S)

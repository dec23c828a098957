"""Many seeds, each a Holdfast in virtual time with faults that the seed draws; what breaks a rule ends badly.

python -m tests.simulation.sim --seeds 10000          seeds 0 to 9999, over all cores
python -m tests.simulation.sim --kept FOLDER          keeps each run there, and goes on with the seeds that are left
python -m tests.simulation.sim --again 0 100          digests of the traces of these, one after the other
python -m tests.simulation.sim --seed 7               one, with all that was wrong
python -m tests.simulation.sim --seed 7 --trace FILE  its whole trace, the same to the byte each time
"""

import argparse
import gc
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.code_version import HAS_CHANGED
from tests.garbage import look_for_it_seldom
from tests.simulation.kept_runs import KeptRuns, Timed
from tests.simulation.runs import Run, simulate
from tests.simulation.sim_again import differing, print_digests
from tests.simulation.sim_report import SEEDS_FOR_PAIRS, Report, pairs_table

STUCK_S = 120  # of real time, in which no seed may hang
SHOWN = 5


def main(arguments: list[str]) -> int:
    """How the process ends: 0 if nothing was wrong, nothing too short and nothing missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.sim")
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, help="one alone")
    parser.add_argument("--trace", type=Path, help="with --seed: where to write all that happened")
    parser.add_argument("--again", type=int, nargs="+", metavar="SEED", help="run these, and print digests of traces")
    parser.add_argument("--kept", type=Path, help="a folder that keeps each run, for who is interrupted to go on")
    parser.add_argument("--pairs", action="store_true", help="print every pair of faults")
    options = parser.parse_args(arguments)
    console = Console()
    if options.trace and options.seed is None:
        parser.error("--trace needs --seed")
    if options.again is not None:
        return print_digests(options.again, run_bounded)
    if options.seed is not None:
        return _one(console, options.seed, options.trace)
    seeds = range(options.first, options.first + options.seeds)
    kept = None if options.kept is None else KeptRuns(options.kept)
    return _many(console, seeds, options.processes, kept, pairs=options.pairs)


def run_bounded(seed: int) -> Timed:
    """The seed's run; one that hangs in real time is wrong like any other."""

    def stop(_: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"stuck for {STUCK_S} s at {frame}")

    look_for_it_seldom()
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, STUCK_S, 1.0)  # again and again: the first may be taken for a slow journal
    began_s = time.monotonic()
    try:
        return Timed(simulate(seed, traced=True)._replace(trace=[]), time.monotonic() - began_s)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        gc.collect(1)


def _one(console: Console, seed: int, trace: Path | None) -> int:
    run = simulate(seed, traced=trace is not None)
    if trace is not None:
        trace.write_text("\n".join([*run.trace, *run.wrong]) + "\n")
    effects = ", ".join(f"{fault} {count}" for fault, count in sorted(run.effects.items()))
    console.print(f"{run.commands} commands, {run.accepted} accepted; {effects}", highlight=False)
    _tell(console, run)
    return 1 if run.wrong or run.short else 0


def _many(console: Console, seeds: range, processes: int, kept: KeptRuns | None, *, pairs: bool) -> int:
    report = Report()
    done, took_s = (set[int](), 0.0) if kept is None else _take_kept(report, console, kept, seeds)
    columns = (
        TextColumn("seeds"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[wrong]} wrong"),
    )
    with (
        multiprocessing.get_context("fork").Pool(processes) as pool,
        Progress(*columns, console=console) as bar,
    ):
        task = bar.add_task("", total=len(seeds), completed=len(done), wrong=len(report.wrong))
        for timed in pool.imap_unordered(run_bounded, [seed for seed in seeds if seed not in done], chunksize=4):
            if kept is not None:
                kept.keep(timed)
            _take(report, bar.console, timed.run)
            took_s += timed.took_s
            bar.update(task, advance=1, wrong=len(report.wrong))
    took_s /= processes
    report.print(console)
    again = differing(report.digests)
    for seed in again.differ:
        console.print(f"WRONG seed {seed}: {again.said}", highlight=False)
    if pairs or report.seeds >= SEEDS_FOR_PAIRS:
        for line in pairs_table(report):
            console.print(line, highlight=False, soft_wrap=True)
    for missing in report.missing():
        console.print(f"MISSING {missing}", highlight=False)
    console.print(
        f"{report.seeds} seeds, {report.commands} commands, {report.accepted} accepted, {len(report.wrong)} wrong or "
        f"too short, {again.run_count} run again and {len(again.differ)} otherwise, in {took_s:.0f} s on {processes} "
        f"processes: {report.seeds / took_s:.2f} seeds/s",
        highlight=False,
    )
    return 1 if report.wrong or report.missing() or again.differ else 0


def _take_kept(report: Report, console: Console, kept: KeptRuns, seeds: range) -> tuple[set[int], float]:
    """Which of the seeds were run before, and how long that took."""
    done, took_s = set[int](), 0.0
    if kept.has_begun_anew:
        console.print(HAS_CHANGED, highlight=False)
    for run, its_s in kept.of(seeds):
        if run.seed not in done:
            _take(report, console, run)
            done.add(run.seed)
            took_s += its_s
    if done:
        console.print(f"{len(done)} of these seeds were run before, of the same code", highlight=False)
    return done, took_s


def _take(report: Report, console: Console, run: Run) -> None:
    report.take(run)
    if run.wrong or run.short:
        _tell(console, run)


def _tell(console: Console, run: Run) -> None:
    for said in (*run.wrong[:SHOWN], *run.short):
        console.print(f"WRONG seed {run.seed}: {said}", highlight=False, markup=False)
    if run.wrong or run.short:
        console.print(f"      again: python -m tests.simulation.sim --seed {run.seed}", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

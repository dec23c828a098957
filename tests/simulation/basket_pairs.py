"""Every two faults at every two points of what is done to a basket; the first run that is not right ends it.

python -m tests.simulation.basket_pairs             the six operations, all pairs
python -m tests.simulation.basket_pairs --others    what else is done to baskets, all pairs
python -m tests.simulation.basket_pairs --divided   what is done to baskets of a split event and to that, all pairs
python -m tests.simulation.basket_pairs --reserved  what is asked of a gateway as the edges do, all pairs
python -m tests.simulation.basket_pairs --singles   every operation (with the above: of these), every client, one fault
python -m tests.simulation.basket_pairs --run NAME  one run by its name, with its points
"""

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import structlog

from tests.simulation.basket_client import ClientKind
from tests.simulation.basket_operations import OPERATIONS
from tests.simulation.basket_points import faults_at
from tests.simulation.basket_runs import Spec, promised_s
from tests.simulation.basket_sets import (
    PAIRS,
    PAIRS_OF_DIVIDED,
    PAIRS_OF_OTHERS,
    PAIRS_OF_RESERVED,
    SINGLES_OF_DIVIDED,
    SINGLES_OF_RESERVED,
    Set,
    after,
    parse,
    run_safely,
)

SAID_EVERY_S = 30.0


class Done(NamedTuple):
    """What came of a first fault with all its seconds."""

    runs: int
    longest_s: float
    wrong: list[tuple[str, str]]  # (run, what was wrong)


def main(arguments: list[str]) -> int:
    """How the process ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.basket_pairs")
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--divided", action="store_true")
    parser.add_argument("--reserved", action="store_true")
    parser.add_argument("--singles", action="store_true")
    parser.add_argument("--go-on", action="store_true", help="do not end with the first that is wrong")
    parser.add_argument("--only", help="one operation")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--run", help="the name of one run")
    options = parser.parse_args(arguments)
    _be_quiet()
    if options.run:
        return _one(parse(options.run))
    sets = PAIRS_OF_DIVIDED if options.divided else PAIRS_OF_OTHERS if options.others else PAIRS
    if options.reserved:
        sets = SINGLES_OF_RESERVED if options.singles else PAIRS_OF_RESERVED
    elif options.singles and options.divided:
        sets = SINGLES_OF_DIVIDED
    elif options.singles:
        sets = tuple(
            Set(name, client, snaps, faults_at)
            for name in OPERATIONS
            for client in ClientKind
            for snaps in (False, True)
        )
    total = wrong = 0
    for of in sets:
        if options.only in (None, of.operation):
            runs, found = _all(of, not options.singles, options.processes, options.go_on)
            total, wrong = total + runs, wrong + found
            if wrong and not options.go_on:
                return 1
    print(f"{total} runs, {wrong} wrong")
    return 1 if wrong else 0


def _be_quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def _one(spec: Spec) -> int:
    came = run_safely(spec)
    for point in came.trace:
        print(point.name)
    print(f"heard {came.heard}, at most {came.longest_s} s of {promised_s(spec.strikes)} s")
    for fault in came.faults:
        print(fault)
    return 1 if came.faults else 0


def _all(of: Set, pairs: bool, processes: int, go_on: bool) -> tuple[int, int]:
    plain = run_safely(of.plain)
    firsts = list(of.singles(plain.trace))
    began_s = said_s = time.monotonic()
    runs, longest_s, wrong = 1, plain.longest_s, [(str(of.plain), fault) for fault in plain.faults[:1]]
    for count, done in enumerate(_in_parallel(firsts, pairs, processes), 1):
        runs, longest_s = runs + done.runs, max(longest_s, done.longest_s)
        wrong += done.wrong
        for name, fault in done.wrong[:3]:
            print(f"WRONG {name}\n      {fault}", flush=True)
        if wrong and not go_on:
            break
        if time.monotonic() - said_s > SAID_EVERY_S:
            said_s = time.monotonic()
            print(f"  {count} of {len(firsts)} first faults, {runs} runs, {said_s - began_s:.0f} s", flush=True)
    print(
        f"{of.plain}: {len(plain.trace)} points, {len(firsts)} single faults, {runs} runs, {len(wrong)} wrong, "
        f"settled after {longest_s} s at most, {time.monotonic() - began_s:.0f} s",
        flush=True,
    )
    return runs, len(wrong)


def _in_parallel(firsts: list[Spec], pairs: bool, processes: int) -> Iterator[Done]:
    with multiprocessing.get_context("fork").Pool(processes, _be_quiet) as pool:
        yield from pool.imap_unordered(_with_seconds if pairs else _alone, firsts)


def _alone(first: Spec) -> Done:
    came = run_safely(first)
    return Done(1, came.longest_s, [(str(first), fault) for fault in came.faults[:1]])


def _with_seconds(first: Spec) -> Done:
    came = run_safely(first)
    runs, longest_s, wrong = 1, came.longest_s, [(str(first), fault) for fault in came.faults[:1]]
    gc.disable()
    for second in after(first, came.trace) if not wrong else ():
        came = run_safely(second)
        runs, longest_s = runs + 1, max(longest_s, came.longest_s)
        wrong += [(str(second), fault) for fault in came.faults[:1]]
        if not runs % 50:
            gc.collect()
    gc.enable()
    return Done(runs, longest_s, wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

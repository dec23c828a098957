"""Whether a seed is the same run, to the byte, in another process: under other hashes, and behind other seeds."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tests.simulation.kept_runs import Timed

ONE_IN = 100
HASHES = "PYTHONHASHSEED"


class Again(NamedTuple):
    """So many were run again; those that differ."""

    run_count: int
    differ: list[int]
    said: str = "another run in another process, behind other seeds and under other hashes"


def differing(digests: Mapping[int, str]) -> Again:
    """Run one in a hundred again, and the last of them before all others. `digests`: of the traces, by seed."""
    seeds = sorted(digests)[::ONE_IN]
    if not seeds:
        return Again(0, [])
    command = [sys.executable, "-m", "tests.simulation.sim", "--again", *map(str, (seeds[-1], *seeds))]
    environ = os.environ | {HASHES: "2" if os.environ.get(HASHES) == "1" else "1"}
    said = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = [(int(seed), digest) for seed, _, digest in (line.partition(" ") for line in said.splitlines())]
    return Again(len(seeds), sorted({seed for seed, digest in found if digests[seed] != digest}))


def print_digests(seeds: Iterable[int], run: Callable[[int], Timed]) -> int:
    """A line for each, its seed before it; how the process ends."""
    for seed in seeds:
        print(seed, run(seed).run.digest, flush=True)
    return 0

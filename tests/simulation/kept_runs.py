"""Runs of seeds in a file, as long as the code is the same: who is interrupted goes on with the seeds that are left."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.code_version import OF_SIMULATION, clear_of_other_code, fingerprint
from tests.kept_lines import append, whole_lines
from tests.simulation.runs import Run

_FILE = "runs.jsonl"


class Timed(NamedTuple):
    """A run, and how many seconds it took its process."""

    run: Run
    took_s: float


class KeptRuns:
    """Those of one folder. `has_begun_anew`: whether what it had was about other code, and is gone."""

    def __init__(self, folder: Path) -> None:
        self.has_begun_anew = clear_of_other_code(folder, fingerprint(OF_SIMULATION))
        self._path = folder / _FILE

    def of(self, seeds: range) -> Iterator[Timed]:
        """What is there of these seeds."""
        for line in whole_lines(self._path):
            fields, took_s = msgspec.json.decode(line)
            if fields["seed"] in seeds:
                yield Timed(_run(fields), took_s)

    def keep(self, timed: Timed) -> None:
        """One more."""
        append(self._path, (timed.run._replace(trace=[])._asdict(), timed.took_s))


def _run(fields: dict[str, Any]) -> Run:
    counted: dict[str, Any] = {name: Counter(value) for name, value in fields.items() if isinstance(value, dict)}
    return Run(**(fields | counted))

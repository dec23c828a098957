"""All tests: `python tests/all.py`. Those that start whole servers come one folder after the other, as each folder has
servers of its own, which would only be in the way of the others.

The rest runs beside them in four processes, and gives way to them, as some wait for so long and no longer.

What the rest prints comes at once; what those of servers print, when they are over.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread
from typing import IO, NamedTuple

PYTEST = (sys.executable, "-m", "pytest", "-m")
OF_SERVERS = ("tests/stack/two_shards", "tests/stack/alone", "tests/stack")
SHARED = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder")  # a file at a time, in their order
SERVERS, NO_SERVERS = "stack and not long", "not stack and not long"


ELSEWHERE = sorted(
    str(path)
    for path in Path("tests").rglob("test_*.py")
    if "mark.stack" in path.read_text() and path.parts[1] != "stack"
)
"""Other tests that start whole servers: who looks for them among all reads all for long."""


def ignoring(*folders: str) -> tuple[str, ...]:
    """Words that leave these out."""
    return tuple(f"--ignore={folder}" for folder in folders)


class Part(NamedTuple):
    """Some of the tests, in several runs. `niceness`: how much they give way."""

    title: str
    niceness: int
    runs: tuple[tuple[str, ...], ...]


def beginning_with(*folders: str) -> tuple[str, ...]:
    """All that there is, these first."""
    tests = {str(Path(*path.parts[:2])) for path in Path("tests").rglob("test_*.py")}
    return *folders, *sorted(tests - {*folders})


AT_ONCE = Part("All others", 10, ((NO_SERVERS, *beginning_with("tests/core", "tests/simulation"), *SHARED),))
"""Those first that want nothing but a core: the servers' tests leave them half of one. At the end no file is long."""
LATER = Part(
    "Tests of whole servers",
    0,
    (
        *((SERVERS, folder, *ignoring(*OF_SERVERS[:number])) for number, folder in enumerate(OF_SERVERS)),
        (SERVERS, *ELSEWHERE),
    ),
)


class Running(Thread):
    """A part that runs; where to it speaks, if not to the terminal. `worst`: the largest exit code so far."""

    def __init__(self, part: Part, said: "IO[bytes] | None" = None) -> None:
        super().__init__()
        self._part = part
        self._said = said
        self.worst = 0
        self.start()

    def run(self) -> None:
        """One after the other, whatever the last came to."""
        for words in self._part.runs:
            command = ("nice", "-n", str(self._part.niceness), *PYTEST, *words)
            ended = subprocess.run(command, stdout=self._said, stderr=self._said and subprocess.STDOUT, check=False)
            self.worst = max(self.worst, abs(ended.returncode))
            if ended.returncode in (2, -2):  # it was interrupted, and so are the others
                return


def main() -> int:
    """Run all and return 0 if none failed. An interrupt reaches each, and each puts away what it started."""
    with tempfile.TemporaryFile() as said:
        running = Running(AT_ONCE), Running(LATER, said)
        for one in running:
            _join(one)
        said.seek(0)
        print(f"\n{LATER.title}:", said.read().decode(), sep="\n", flush=True)
    return max(one.worst for one in running)


def _join(running: Running) -> None:
    while running.is_alive():
        try:
            running.join()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(main())

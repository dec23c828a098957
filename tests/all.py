"""All tests: `python tests/all.py`. Those that start whole servers mostly wait, and so do those that speak to Postgres.

The others run beside them, and give way to them, as some wait for so long and no longer.

What the others print comes at once; what these print, when they are over.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import IO, NamedTuple

PYTEST = (sys.executable, "-m", "pytest")
COMPUTING = ("tests/core", "tests/simulation")


class Part(NamedTuple):
    """Some of the tests. `niceness`: how much they give way."""

    title: str
    niceness: int
    arguments: tuple[str, ...]

    def start(self, said: "IO[bytes] | None") -> "subprocess.Popen[bytes]":
        """Begin; where to it speaks, if not to the terminal."""
        return subprocess.Popen(
            (*PYTEST, *self.arguments),
            stdout=said,
            stderr=None if said is None else subprocess.STDOUT,
            preexec_fn=lambda: os.nice(self.niceness),
        )


AT_ONCE = Part("Tests that compute", 15, ("-m", "not stack and not campaign", *COMPUTING))
LATER = (
    Part("Tests of whole servers", 0, ("-m", "stack", "tests/stack")),
    Part("Other tests that start whole servers", 5, ("-m", "stack", "--ignore=tests/stack")),
    Part("All others", 10, ("-m", "not stack and not campaign", *(f"--ignore={folder}" for folder in COMPUTING))),
)


def main() -> int:
    """Run all and return 0 if none failed. An interrupt reaches each, and each puts away what it started."""
    with ExitStack() as files:
        said = [files.enter_context(tempfile.TemporaryFile()) for _ in LATER]
        begun = [part.start(file) for part, file in zip(LATER, said, strict=True)]
        ended = [_wait(one) for one in (AT_ONCE.start(None), *begun)]
        for part, file in zip(LATER, said, strict=True):
            file.seek(0)
            print(f"\n{part.title}:", file.read().decode(), sep="\n", flush=True)
    return max(map(abs, ended))


def _wait(part: "subprocess.Popen[bytes]") -> int:
    while True:
        try:
            return part.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(main())

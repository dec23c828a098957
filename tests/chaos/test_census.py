"""What counts as a stack's own processes."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.stack.census import census, lasting_census


@contextmanager
def living(*command: str) -> Iterator[int]:
    process = subprocess.Popen(command)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_what_comes_and_goes_is_no_part_of_a_stack() -> None:
    with living("sleep", "60") as lasting, living("tail", "-f", "/dev/null") as passing:
        asked = iter(range(100))
        seen = lambda: [lasting, passing] if next(asked) == 0 else [lasting]  # noqa: E731
        assert lasting_census(seen) == {"sleep": 1}
        assert lasting_census(lambda: [lasting, passing]) == {"sleep": 1, "tail": 1}
        assert census([lasting, passing, passing]) == {"sleep": 1, "tail": 2}


def test_a_process_that_is_gone_by_the_time_it_is_looked_at_is_no_part_of_a_stack() -> None:
    with living("sleep", "60") as gone:
        pass
    with living("sleep", "60") as lasting:
        asked = iter(range(100))
        assert lasting_census(lambda: [lasting, gone] if next(asked) < 3 else [lasting]) == {"sleep": 1}

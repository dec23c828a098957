"""Waiting for what should happen soon."""

import time
from collections.abc import Callable


def await_that(
    what: str, happened: Callable[[], bool], patience_s: float, seen: Callable[[], str] = lambda: ""
) -> None:
    """Wait until it happened. Raises AssertionError that says what did not, and what is `seen` instead."""
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, f"not within {patience_s:.0f} s: {what} {seen()}"
        time.sleep(0.05)

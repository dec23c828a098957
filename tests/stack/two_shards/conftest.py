"""One stack with two shards for the tests of this folder, the last of which does it lasting harm."""

from collections.abc import Iterator

import pytest

from tests.chaos.within import Within
from tests.stack.running_stack import RunningStack

INNER_PORT = 22000


@pytest.fixture(scope="session")
def within(tmp_path_factory: pytest.TempPathFactory) -> Within:
    """The way into the stack's processes."""
    return Within(tmp_path_factory.mktemp("within"))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, within: Within) -> Iterator[RunningStack]:
    """In place of the stack with one shard."""
    running = RunningStack(tmp_path_factory.mktemp("two-shards"), INNER_PORT, shards="2")
    running.environ = within.environ(running.environ)
    running.start()
    yield running
    assert running.stop() == 0, running.said
    assert running.processes() == []

"""One running stack for the tests that leave it running."""

from collections.abc import Iterator

import pytest

from tests.stack.running_stack import RunningStack

INNER_PORT = 27000


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack that runs; tests may hurt its parts, and must find it well again."""
    running = RunningStack(tmp_path_factory.mktemp("stack"), INNER_PORT)
    running.start()
    yield running
    assert running.stop() == 0, running.said
    assert running.processes() == []

"""Both event loops and both kinds of socket: the link behaves alike on all of them."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from actors.link.address import Address, TcpAddress, UnixAddress

TEST_TIMEOUT_S = 30

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture(params=list(LOOPS))
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine to its end; anything an event loop would only log fails the test."""

    def runs(coroutine: Coroutine[Any, Any, None]) -> None:
        complaints: list[dict[str, Any]] = []

        async def bounded() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            async with asyncio.timeout(TEST_TIMEOUT_S):
                await coroutine

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(bounded())
        assert complaints == []

    return runs


@pytest.fixture(params=["unix", "tcp"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Where a server may listen; a TCP server says itself which port it got."""
    return UnixAddress(str(tmp_path / "shard")) if request.param == "unix" else TcpAddress("127.0.0.1", 0)

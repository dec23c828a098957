"""What a client sent over a connection that broke is served before what it sends over the next, or never."""

import asyncio

import pytest

from actors.link.address import Address, TcpAddress
from actors.link.server import LinkServer, ServerBounds
from actors.link.transport import OutcomeUnknown
from tests.link.loopback import Run, connected, serving, until

ONE_AT_A_TIME = ServerBounds(max_frames_in_flight=1)


async def check(address: Address) -> None:
    """The server does not read the second request while the first is under way, nor sees that the connection breaks."""
    begun: list[bytes] = []
    first_may_end = asyncio.Event()

    async def handle(payload: bytes) -> bytes:
        begun.append(payload)
        if payload == b"first":
            await first_may_end.wait()
        return payload

    async with (
        serving(address, handle, ONE_AT_A_TIME) as server,
        connected(server.address) as client,
        connected(server.address) as another,
    ):
        assert await another.exchange(b"of another") == b"of another"
        asked = [asyncio.create_task(client.exchange(payload)) for payload in (b"first", b"second")]
        await until(lambda: begun == [b"of another", b"first"])
        assert client._connection is not None
        client._connection.abort("broken")
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(outcome, OutcomeUnknown)
        assert await client.exchange(b"third") == b"third"
        first_may_end.set()
        await until(lambda: server.requests_in_flight == 0)
        assert await another.exchange(b"of another") == b"of another", "another client keeps its connection"
        assert begun == [b"of another", b"first", b"third", b"of another"]
        assert server.connections == 2


def test_what_was_not_read_of_a_broken_connection_is_never_served(run: Run, address: Address) -> None:
    run(check(address))


def test_control_read_on_it_comes_late(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TCP: of a Unix socket the server learns by its next answer that nobody is there."""
    monkeypatch.setattr(LinkServer, "replace_by", lambda *_: None)
    with pytest.raises(AssertionError):
        run(check(TcpAddress("127.0.0.1", 0)))

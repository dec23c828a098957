"""A shard that answers and cannot write says so to whoever pings it, in few words, and is no less connected for it."""

import asyncio

import pytest

from actors.link.address import Address
from actors.link.frames import MAX_TROUBLE_BYTES
from actors.link.server import LinkServer
from tests.link.loopback import IDENTITY, Run, connected, never, serving


async def check_told(address: Address) -> None:
    """As it is at each ping, on a connection that has other things to do."""
    troubles = [""]
    async with (
        serving(address, never, trouble=lambda: troubles[-1]) as server,
        connected(server.address, expects=IDENTITY) as client,
    ):
        asking = asyncio.create_task(client.exchange(b"a batch that waits for a commit"))
        for trouble in ("", "the journal does not answer", "kein Platz für Zeilen", ""):
            troubles.append(trouble)
            assert await client.ping(timeout_s=5) == trouble
        assert not asking.done()
        assert server.connections == 1
        asking.cancel()


def test_a_ping_is_answered_with_what_keeps_the_shard_from_writing(run: Run, address: Address) -> None:
    run(check_told(address))


def test_control_a_shard_that_keeps_it_to_itself_is_noticed(
    run: Run, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinkServer, "pong", lambda _: b"")
    with pytest.raises(AssertionError):
        run(check_told(address))


async def check_cut(address: Address) -> None:
    async with (
        serving(address, trouble=lambda: 100_000 * "ü") as server,
        connected(server.address) as client,
    ):
        assert await client.ping(timeout_s=5) == MAX_TROUBLE_BYTES // 2 * "ü"


def test_whoever_has_much_to_say_is_cut_short(run: Run, address: Address) -> None:
    run(check_cut(address))


def test_a_peer_that_sends_more_than_it_may_or_no_text_at_all_is_cut_short_where_it_is_heard(
    run: Run, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinkServer, "pong", lambda _: 100_000 * "ü".encode())
    run(check_cut(address))

    async def scenario() -> None:
        async with serving(address) as server, connected(server.address) as client:
            assert await client.ping(timeout_s=5) == MAX_TROUBLE_BYTES * "\N{REPLACEMENT CHARACTER}"
            assert await client.exchange(b"sold") == b"sold"

    monkeypatch.setattr(LinkServer, "pong", lambda _: 100_000 * b"\xff")
    run(scenario())

"""Peers that lie, flood, stall or vanish cost a bounded number of bytes and seconds, and only themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_bytes

import pytest

from actors.link.address import Address, TcpAddress, UnixAddress
from actors.link.client import ClientBounds, LinkClient
from actors.link.connection import Connection, ConnectionBounds
from actors.link.frames import Frame, FrameDecoder, Kind, encode_frame
from actors.link.handshake import CLIENT_BYTES, ClientHandshake
from actors.link.server import HandleBatch, LinkServer, ServerBounds
from actors.link.transport import NotSent, OutcomeUnknown
from tests.link import loopback
from tests.link.loopback import IDENTITY, SECRET, Run, connected, echo, until

IMPATIENT = ConnectionBounds(handshake_timeout_s=0.2, stall_timeout_s=0.2)


@asynccontextmanager
async def serving(
    address: Address, bounds: ServerBounds | None = None, handle_batch: HandleBatch = echo
) -> AsyncIterator[LinkServer]:
    """A server which must be as good as new for a proper client when the body is done."""
    async with loopback.serving(address, handle_batch, bounds) as server:
        yield server
        await until(lambda: server.connections == 0)
        async with connected(server.address) as client:
            assert await pinged(client) == ""
            assert client.identity == IDENTITY


async def pinged(client: LinkClient) -> str:
    """At the latest at the tenth attempt: an impatient server may give up a client that a busy machine holds up."""
    for _ in range(9):
        try:
            return await client.ping(timeout_s=5)
        except NotSent:
            await asyncio.sleep(0.1)
    return await client.ping(timeout_s=5)


class Peer:
    """A client of the test, which says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._decoder = FrameDecoder()

    @classmethod
    async def connect(cls, address: Address) -> "Peer":
        if isinstance(address, UnixAddress):
            return cls(*await asyncio.open_unix_connection(address.path))
        return cls(*await asyncio.open_connection(address.host, address.port))

    @classmethod
    async def proven(cls, address: Address) -> "Peer":
        """One that knows the secret."""
        peer = await cls.connect(address)
        handshake = ClientHandshake(SECRET, token_bytes(CLIENT_BYTES))
        peer.writer.write(handshake.opening())
        while not handshake.done:
            frame = await peer.frame()
            assert frame is not None
            peer.writer.write(handshake.received(frame))
        return peer

    async def frame(self) -> Frame | None:
        """The next frame, or None at the end of the connection."""
        while (frame := self._decoder.next_frame()) is None:
            try:
                data = await self.reader.read(65_536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._decoder.feed(data)
        return frame

    async def dropped(self) -> bool:
        """Whether the server drops the connection, within 5 s, without another frame."""
        async with asyncio.timeout(5):
            return await self.frame() is None


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: shard\r\n\r\n",
        bytes(100_000),
        b"\xff" * 100_000,
        encode_frame(Kind.HELLO, 0, bytes(600)),
        encode_frame(Kind.REQUEST, 1, b"buy"),
        encode_frame(Kind.PING, 1, b""),
        encode_frame(Kind.HELLO, 0, b"\1" + bytes(32)) + encode_frame(Kind.PROOF, 0, bytes(32)),
        encode_frame(Kind.HELLO, 0, b"\1" + bytes(32)) + b"\0",
    ],
)
def test_garbage_before_the_handshake_ends_the_connection_without_a_word(
    run: Run, address: Address, said: bytes
) -> None:
    async def scenario() -> None:
        async with serving(address) as server:
            peer = await Peer.connect(server.address)
            peer.writer.write(said)
            assert await peer.dropped()

    run(scenario())


@pytest.mark.parametrize("said", [b"", b"\0\0", encode_frame(Kind.HELLO, 0, b"\1" + bytes(32))])
def test_a_handshake_that_stalls_is_given_up_in_time(run: Run, address: Address, said: bytes) -> None:
    async def scenario() -> None:
        async with serving(address, ServerBounds(connection=IMPATIENT)) as server:
            peer = await Peer.connect(server.address)
            peer.writer.write(said)
            if len(said) > 2:
                frame = await peer.frame()
                assert frame is not None
                assert frame.kind is Kind.CHALLENGE
            assert await peer.dropped()

    run(scenario())


@pytest.mark.parametrize(
    "said",
    [
        encode_frame(Kind.REQUEST, 1, bytes(1_001)),
        encode_frame(Kind.REQUEST, 1, bytes(1_001))[:20],  # refused by the header, before the rest is there
        b"\0\0\0\0\xff" + bytes(8),
        encode_frame(Kind.ANSWER, 1, b""),
        encode_frame(Kind.HELLO, 1, b""),
    ],
)
def test_after_the_handshake_too_a_bad_frame_ends_the_connection(run: Run, address: Address, said: bytes) -> None:
    async def scenario() -> None:
        bounds = ConnectionBounds(max_frame_bytes=1_000)
        async with serving(address, ServerBounds(connection=bounds)) as server:
            peer = await Peer.proven(server.address)
            peer.writer.write(said)
            assert await peer.dropped()

    run(scenario())


def test_a_frame_that_never_ends_is_given_up_in_time_but_an_idle_peer_is_not(run: Run, address: Address) -> None:
    async def scenario() -> None:
        async with serving(address, ServerBounds(connection=IMPATIENT)) as server:
            peer = await Peer.proven(server.address)
            await asyncio.sleep(0.5)  # idle, longer than any deadline
            peer.writer.write(encode_frame(Kind.PING, 5, b"") + encode_frame(Kind.REQUEST, 6, b"half of it")[:-5])
            assert await peer.frame() == Frame(Kind.PONG, 5, b"")
            assert await peer.dropped()

    run(scenario())


def test_the_deadline_is_each_frames_own_and_not_the_busy_connections(run: Run, address: Address) -> None:
    async def scenario() -> None:
        async with serving(address, ServerBounds(connection=IMPATIENT)) as server:
            peer = await Peer.proven(server.address)
            ping = encode_frame(Kind.PING, 5, b"")
            peer.writer.write(ping[:5])
            for _ in range(10):  # 0.5 s in which a frame is always unfinished, but each only for 0.05 s
                await asyncio.sleep(0.05)
                peer.writer.write(ping[5:] + ping[:5])
                assert await peer.frame() == Frame(Kind.PONG, 5, b"")
            peer.writer.close()

    run(scenario())


def test_connections_beyond_the_bound_are_turned_away_and_a_place_is_given_back(run: Run, address: Address) -> None:
    async def scenario() -> None:
        async with serving(address, ServerBounds(max_connections=2)) as server:
            peers = [await Peer.proven(server.address) for _ in range(2)]
            client = LinkClient(server.address, SECRET)
            with pytest.raises(NotSent):
                await client.exchange(b"no place")
            peers[0].writer.close()
            await until(lambda: server.connections == 1)
            assert await client.exchange(b"a place") == b"a place"
            await client.close()
            peers[1].writer.close()

    run(scenario())


async def floods_are_not_read(address: Address) -> None:
    """The guarantee, as a check that its negative controls run as well."""
    go = asyncio.Event()
    running = most = 0

    async def held(payload: bytes) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go.wait()
        running -= 1
        return payload

    for bounds in (ServerBounds(max_frames_in_flight=4), ServerBounds(max_bytes_in_flight=40_000)):
        go.clear()
        most = 0
        async with serving(address, bounds, held) as server:
            peer = await Peer.proven(server.address)
            for number in range(100):
                peer.writer.write(encode_frame(Kind.REQUEST, number, bytes(10_000)))
            await asyncio.sleep(0.1)
            assert most <= 4, "the server read on"
            go.set()
            answered = [await peer.frame() for _ in range(100)]
            assert {frame.exchange for frame in answered if frame} == set(range(100))
            assert most <= 4, "the server read on"
            peer.writer.close()


def test_a_flood_is_read_no_further_than_may_be_in_flight_and_all_of_it_is_answered(run: Run, address: Address) -> None:
    run(floods_are_not_read(address))


def test_control_without_a_hold_on_reading_a_flood_comes_in(
    run: Run, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "hold", lambda _connection, _held: None)
    with pytest.raises(AssertionError, match="the server read on"):
        run(floods_are_not_read(address))


async def whoever_does_not_read_is_not_served_on(address: Address) -> None:
    """The guarantee, as a check that its negative control runs as well."""
    served = 0

    async def wordy(_payload: bytes) -> bytes:
        nonlocal served
        served += 1
        return bytes(1_000_000)

    patient_with_bytes = ConnectionBounds(max_unread_bytes=1_000_000_000, stall_timeout_s=0.2)
    async with serving(address, ServerBounds(max_frames_in_flight=4, connection=patient_with_bytes), wordy) as server:
        peer = await Peer.proven(server.address)
        for number in range(60):
            peer.writer.write(encode_frame(Kind.REQUEST, number, b""))
        await until(lambda: server.connections == 0, timeout_s=1)
        assert served < 40, "it was served on and on"
        peer.writer.transport.abort()


def test_a_peer_that_asks_but_does_not_read_is_held_and_then_dropped(run: Run, address: Address) -> None:
    run(whoever_does_not_read_is_not_served_on(address))


def test_control_a_server_that_does_not_mind_what_is_unread_serves_on(
    run: Run, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "pause_writing", lambda _connection: None)
    with pytest.raises(TimeoutError):
        run(whoever_does_not_read_is_not_served_on(address))


async def unread_answers_are_bounded_in_bytes(address: Address, max_unread_bytes: int) -> None:
    """The guarantee, as a check that its negative control runs as well: all answers are there at once."""
    go = asyncio.Event()

    async def held(_payload: bytes) -> bytes:
        await go.wait()
        return bytes(1_000_000)

    bounds = ServerBounds(connection=ConnectionBounds(max_unread_bytes=max_unread_bytes, stall_timeout_s=60))
    async with serving(address, bounds, held) as server:
        peer = await Peer.proven(server.address)
        for number in range(40):
            peer.writer.write(encode_frame(Kind.REQUEST, number, b""))
        await until(lambda: server.requests_in_flight == 40)
        go.set()
        await until(lambda: server.connections == 0, timeout_s=1)
        peer.writer.transport.abort()


def test_answers_that_nobody_reads_are_bounded_in_bytes(run: Run, address: Address) -> None:
    run(unread_answers_are_bounded_in_bytes(address, max_unread_bytes=2_000_000))


def test_control_without_that_bound_they_pile_up(run: Run, address: Address) -> None:
    with pytest.raises(TimeoutError):
        run(unread_answers_are_bounded_in_bytes(address, max_unread_bytes=1_000_000_000))


def test_what_was_begun_for_a_peer_that_vanishes_runs_to_its_end(run: Run, address: Address) -> None:
    go = asyncio.Event()
    done: list[bytes] = []

    async def held(payload: bytes) -> bytes:
        await go.wait()
        done.append(payload)
        return payload

    async def scenario() -> None:
        async with serving(address, handle_batch=held) as server:
            peer = await Peer.proven(server.address)
            peer.writer.write(encode_frame(Kind.REQUEST, 1, b"sold"))
            await until(lambda: server.requests_in_flight == 1)
            peer.writer.transport.abort()
            await asyncio.sleep(0.05)
            assert server.connections == 1, "its place is kept while it has something in flight"
            go.set()
            await until(lambda: server.requests_in_flight == 0)
            assert done == [b"sold"]

    run(scenario())


@pytest.mark.parametrize("manner", ["silent", "garbage", "closes"])
def test_a_client_before_a_bad_server_has_sent_nothing(run: Run, manner: str) -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if manner == "garbage":
            writer.write(b"220 mail.example ESMTP\r\n" * 100)
        if manner == "closes":
            writer.close()
        while data := await reader.read(65_536):
            heard.extend(data)
        writer.close()

    async def scenario() -> None:
        listener = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        client = LinkClient(
            TcpAddress("127.0.0.1", port), SECRET, bounds=ClientBounds(connect_timeout_s=0.3, connection=IMPATIENT)
        )
        with pytest.raises(NotSent):
            await client.exchange(b"a command")
        assert b"a command" not in heard
        await client.close()
        listener.close()

    run(scenario())


def test_answers_nobody_asked_for_are_ignored_and_other_frames_end_the_connection(run: Run, address: Address) -> None:
    async def scenario() -> None:
        async with serving(address) as server:
            client = LinkClient(server.address, SECRET)
            assert await client.exchange(b"1") == b"1"
            [connection] = server._connections
            connection.send(Kind.ANSWER, 999, b"nobody asked")
            assert await client.exchange(b"2") == b"2"
            asked = asyncio.create_task(client.exchange(b"3"))
            await asyncio.sleep(0)
            connection.send(Kind.REQUEST, 1, b"a server does not ask")
            with pytest.raises(OutcomeUnknown, match="REQUEST from a server"):
                await asked
            await client.close()

    run(scenario())

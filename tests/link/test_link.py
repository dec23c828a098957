"""Server and client over real sockets: many exchanges at a time, two ways to fail, and back again after a break."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from actors.core.ids import BlockId
from actors.link.address import Address, UnixAddress
from actors.link.batch import Replied, calls_decoder, encoder
from actors.link.client import ClientBounds, LinkClient
from actors.link.coalescer import Coalescer
from actors.link.connection import ConnectionBounds
from actors.link.handshake import Identity
from actors.link.server import ServerBounds
from actors.link.transport import NotSent, OutcomeUnknown
from tests.link.loopback import IDENTITY, SECRET, Run, connected, never, serving, until


def test_many_exchanges_at_a_time_are_answered_in_the_order_in_which_they_are_done(run: Run, address: Address) -> None:
    gates = {number: asyncio.Event() for number in range(20)}

    async def held(payload: bytes) -> bytes:
        await gates[int(payload)].wait()
        return payload

    async def scenario() -> None:
        async with serving(address, held) as server, connected(server.address) as client:
            asked = [asyncio.create_task(client.exchange(b"%d" % number)) for number in gates]
            for number in reversed(gates):
                gates[number].set()
                assert await asked[number] == b"%d" % number
                assert sum(task.done() for task in asked) == len(gates) - number

    run(scenario())


@pytest.mark.parametrize("length", [0, 1, 300_000, 8 * 1024 * 1024 - 13])
def test_a_batch_of_any_length_within_the_bound_arrives_whole(run: Run, address: Address, length: int) -> None:
    async def scenario() -> None:
        async with serving(address) as server, connected(server.address) as client:
            payload = os.urandom(1000) * (length // 1000) + bytes(length % 1000)
            assert await client.exchange(payload) == payload

    run(scenario())


def test_a_batch_over_the_bound_is_not_sent_and_answers_over_the_bound_are_an_unknown_outcome(
    run: Run, address: Address
) -> None:
    async def too_much(payload: bytes) -> bytes:
        return bytes(2_000) if payload == b"much" else payload

    bounds = ConnectionBounds(max_frame_bytes=1_000)

    async def scenario() -> None:
        async with (
            serving(address, too_much, ServerBounds(connection=bounds)) as server,
            connected(server.address, bounds=ClientBounds(connection=bounds)) as client,
        ):
            with pytest.raises(NotSent, match="bound"):
                await client.exchange(bytes(1_000))
            with pytest.raises(OutcomeUnknown, match="bound is 1000"):
                await client.exchange(b"much")
            assert await client.exchange(b"little") == b"little"
            assert server.connections == 1, "the connection outlived both"

    run(scenario())


def test_a_batch_that_raises_spoils_neither_its_neighbours_nor_the_connection(run: Run, address: Address) -> None:
    go = asyncio.Event()

    async def brittle(payload: bytes) -> bytes:
        if payload == b"poison":
            raise ZeroDivisionError("inside the shard")
        await go.wait()
        return payload

    async def scenario() -> None:
        async with serving(address, brittle) as server, connected(server.address) as client:
            neighbour = asyncio.create_task(client.exchange(b"neighbour"))
            with pytest.raises(OutcomeUnknown, match="ZeroDivisionError") as caught:
                await client.exchange(b"poison")
            assert "inside the shard" not in str(caught.value)
            go.set()
            assert await neighbour == b"neighbour"
            assert server.connections == 1

    run(scenario())


def test_an_exchange_that_is_cancelled_leaves_the_connection_and_its_neighbours(run: Run, address: Address) -> None:
    go = asyncio.Event()
    served: list[bytes] = []

    async def held(payload: bytes) -> bytes:
        await go.wait()
        served.append(payload)
        return payload

    async def scenario() -> None:
        async with serving(address, held) as server, connected(server.address) as client:
            asked = [asyncio.create_task(client.exchange(b"%d" % number)) for number in range(4)]
            asked[3].cancel()  # before there is a connection
            await until(lambda: server.requests_in_flight == 3)
            asked[1].cancel()
            go.set()
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [bytes, asyncio.CancelledError] * 2
            assert served == [b"0", b"1", b"2"], "what was sent is served, what was not is not"
            assert await client.exchange(b"next") == b"next"
            assert server.connections == 1

    run(scenario())


def test_with_another_secret_nothing_is_sent(run: Run, address: Address) -> None:
    served: list[bytes] = []

    async def serve(payload: bytes) -> bytes:
        served.append(payload)
        return payload

    async def scenario() -> None:
        async with serving(address, serve) as server, connected(server.address, b"a secret of another") as client:
            with pytest.raises(NotSent, match="handshake"):
                await client.exchange(b"buy")
            with pytest.raises(NotSent):
                await client.ping(timeout_s=5)
            assert served == []
            await until(lambda: server.connections == 0)

    run(scenario())


def test_a_stale_address_is_noticed_by_who_answers_there(run: Run, address: Address) -> None:
    async def scenario() -> None:
        async with serving(address, identity=Identity("shard-1", 8)) as server:
            async with connected(server.address, expects=IDENTITY) as client:
                with pytest.raises(NotSent, match="epoch=8"):
                    await client.exchange(b"for epoch 7")
            async with connected(server.address, expects=Identity("shard-1", 8)) as client:
                assert await client.exchange(b"for epoch 8") == b"for epoch 8"

    run(scenario())


def test_failures_to_connect_back_off_up_to_the_cap_and_success_starts_anew(run: Run, tmp_path: Path) -> None:
    pauses: list[float] = []

    async def note(pause_s: float) -> None:
        pauses.append(pause_s)

    async def scenario() -> None:
        address = UnixAddress(str(tmp_path / "shard"))
        bounds = ClientBounds(backoff_min_s=0.1, backoff_max_s=0.5)
        async with connected(address, bounds=bounds, sleep=note, jitter=lambda: 0.5) as client:
            for _ in range(6):
                with pytest.raises(NotSent):
                    await client.exchange(b"nobody listens")
            assert pauses == pytest.approx([0.075, 0.15, 0.3, 0.375, 0.375])
            async with serving(address):
                assert await client.exchange(b"back") == b"back"
            pauses.clear()
            while True:  # until the break is noticed
                try:
                    await client.exchange(b"gone")
                except NotSent:
                    break
                except OutcomeUnknown:
                    continue
            assert pauses == []

    run(scenario())


def test_those_who_need_a_connection_at_once_share_one_attempt(run: Run, address: Address) -> None:
    async def scenario() -> None:
        async with serving(address) as server, connected(server.address) as client:
            payloads = [b"%d" % number for number in range(50)]
            assert await asyncio.gather(*map(client.exchange, payloads)) == payloads
            assert server.connections == 1

    run(scenario())


def test_closing_the_client_fails_what_is_in_flight_and_what_comes_later(run: Run, address: Address) -> None:
    async def scenario() -> None:
        async with serving(address, never) as server, connected(server.address) as client:
            asked = asyncio.create_task(client.exchange(b"1"))
            await until(lambda: server.requests_in_flight == 1)
            await client.close()
            with pytest.raises(OutcomeUnknown):
                await asked
            with pytest.raises(NotSent):
                await client.exchange(b"2")

    run(scenario())


def test_closing_the_client_while_it_connects_fails_those_who_wait(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        never = asyncio.Event()

        async def sleep(_pause_s: float) -> None:
            await never.wait()

        client = LinkClient(UnixAddress(str(tmp_path / "shard")), SECRET, sleep=sleep)
        with pytest.raises(NotSent):
            await client.exchange(b"first")
        waiting = asyncio.create_task(client.exchange(b"second"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await client.close()
        with pytest.raises(NotSent, match="closed"):
            await waiting

    run(scenario())


def test_a_stopping_server_answers_what_it_has_and_takes_nothing_more(run: Run, address: Address) -> None:
    go = asyncio.Event()

    async def held(payload: bytes) -> bytes:
        await go.wait()
        return payload

    async def scenario() -> None:
        async with serving(address, held) as server, connected(server.address) as client:
            asked = asyncio.create_task(client.exchange(b"before"))
            await until(lambda: server.requests_in_flight == 1)
            stopping = asyncio.create_task(server.stop(grace_s=5))
            await asyncio.sleep(0.01)
            late = asyncio.create_task(client.exchange(b"after"))
            await asyncio.sleep(0.01)
            assert server.requests_in_flight == 1
            go.set()
            assert await asked == b"before"
            with pytest.raises((NotSent, OutcomeUnknown)):
                await late
            await stopping
            assert server.connections == 0

    run(scenario())


def test_a_stopping_server_gives_up_on_what_hangs(run: Run, address: Address) -> None:
    async def scenario() -> None:
        async with serving(address, never) as server, connected(server.address) as client:
            asked = asyncio.create_task(client.exchange(b"1"))
            await until(lambda: server.requests_in_flight == 1)
            await server.stop(grace_s=0.05)
            with pytest.raises(OutcomeUnknown):
                await asked

    run(scenario())


def test_a_unix_socket_is_its_owners_and_is_removed_unless_a_successor_has_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "shard"

    async def scenario() -> None:
        async with serving(UnixAddress(str(path))):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            async with serving(UnixAddress(str(path)), identity=Identity("shard-1", 8)):
                pass
            assert not path.exists()
        async with (
            serving(UnixAddress(str(path))) as first,
            serving(UnixAddress(str(path)), identity=Identity("shard-1", 8)),
            connected(UnixAddress(str(path))) as client,
        ):
            await first.stop()
            assert await client.ping(timeout_s=5) == ""
            assert client.identity == Identity("shard-1", 8)

    run(scenario())


def test_a_coalescer_sends_hundreds_together_over_the_socket_and_one_alone_when_idle(
    run: Run, address: Address
) -> None:
    sizes: list[int] = []

    async def shard(payload: bytes) -> bytes:
        calls = calls_decoder.decode(payload)
        sizes.append(len(calls))
        await asyncio.sleep(0.002)  # a commit
        return encoder.encode([Replied(call.command) for call in calls])

    async def scenario() -> None:
        async with serving(address, shard) as server, connected(server.address) as client:
            coalescer = Coalescer(client, lambda: 0)
            block = BlockId("0123456789abcdef")
            for number in range(3):
                assert await coalescer.call(block, b"%d" % number, "t", 1) == Replied(b"%d" % number)
            assert sizes == [1, 1, 1]

            async def buyer(number: int) -> None:
                for turn in range(5):
                    command = b"%d %d" % (number, turn)
                    assert await coalescer.call(block, command, f"t{number % 3}", 1) == Replied(command)

            await asyncio.gather(*map(buyer, range(300)))
            assert max(sizes) >= 100
            assert len(sizes) <= 3 + 15
            await coalescer.close()

    run(scenario())

"""What was let in before its process hung is not sent after it, wherever on the link it waits."""

import asyncio
from pathlib import Path

import pytest

from actors.link.address import UnixAddress
from actors.link.batch import Replied
from actors.link.client import _ClientConnection
from actors.link.coalescer import Expired, _Waiting
from actors.link.frames import Kind
from actors.link.transport import NotSent
from tests.link.echo_shard import EchoShard, Setting, settle
from tests.link.loopback import Run, connected, echo, serving, until


async def check_the_queue() -> None:
    """Behind a batch under way, with one to whom a hang is all one, and one who came after it."""
    setting = Setting(EchoShard(held=True))
    flying = setting.call(b"flying")
    await settle()
    before, read = setting.call(b"before", hangs=0), setting.call(b"read")
    await settle()
    setting.hangs = 1
    after = setting.call(b"after", hangs=1)
    await settle()
    for _ in range(2):
        setting.shard.let_go()
        await settle()
    assert setting.shard.batches == [[b"flying"], [b"read", b"after"]], "what was let in before"
    assert list(await asyncio.gather(flying, read, after)) == [Replied(b"flying"), Replied(b"read"), Replied(b"after")]
    assert isinstance(before.exception(), Expired)
    assert setting.coalescer.counters.expired == 1


def test_what_waits_for_a_batch_while_the_process_hangs_is_not_sent(run: Run) -> None:
    run(check_the_queue())


def test_control_what_waited_for_a_batch_and_is_sent_all_the_same_is_noticed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Waiting, "why_late", lambda self, now_ms, hangs: "")
    with pytest.raises(AssertionError, match="what was let in before"):
        run(check_the_queue())


class Process:
    """How often it hung, and what its shard has heard."""

    def __init__(self) -> None:
        self.hangs = 0
        self.heard: list[bytes] = []

    async def hear(self, payload: bytes) -> bytes:
        self.heard.append(payload)
        return await echo(payload)


async def check_the_way(address: UnixAddress) -> None:
    """While a connection is made, and while the peer does not read: what waits there has left the coalescer."""
    process = Process()
    async with (
        serving(address, process.hear),
        connected(address, hangs=lambda: process.hangs) as client,
    ):
        exchange = asyncio.create_task(client.exchange(b"connecting"))
        await asyncio.sleep(0)
        process.hangs += 1
        await asyncio.wait([exchange], timeout=5)
        assert isinstance(exchange.exception(), NotSent), "sent over a connection that was made after a hang"
        assert await client.exchange(b"connected") == b"connected"

        connection = client._connection
        assert connection is not None
        connection.pause_writing()
        exchange = asyncio.create_task(client.exchange(b"unread"))
        await asyncio.sleep(0)
        process.hangs += 1
        connection.resume_writing()
        await asyncio.wait([exchange], timeout=5)
        assert isinstance(exchange.exception(), NotSent), "sent when the peer read again, after a hang"
        assert await client.exchange(b"last") == b"last"
    await until(lambda: process.heard == [b"connected", b"last"])


def test_a_batch_that_waits_for_its_connection_while_the_process_hangs_is_not_sent(run: Run, tmp_path: Path) -> None:
    run(check_the_way(UnixAddress(str(tmp_path / "shard"))))


def test_control_a_batch_that_is_sent_all_the_same_is_noticed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = _ClientConnection.ask

    async def ask_anyway(self: _ClientConnection, kind: Kind, payload: bytes, timeout_s: float, _: object) -> bytes:
        return await sound(self, kind, payload, timeout_s)

    monkeypatch.setattr(_ClientConnection, "ask", ask_anyway)
    with pytest.raises(AssertionError, match="after a hang"):
        run(check_the_way(UnixAddress(str(tmp_path / "shard"))))

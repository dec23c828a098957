"""A shard that is killed or paused: callers hear of it in time, and find its successor by themselves."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.link.address import UnixAddress
from actors.link.client import ClientBounds, LinkClient
from actors.link.handshake import Identity
from actors.link.transport import NotSent, OutcomeUnknown
from tests.link.loopback import SECRET, Run
from tests.processes import killed_at_the_end

SCRIPT = Path(__file__).with_name("shard_process.py")
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def shard_process(address: UnixAddress, epoch: int = 1) -> AsyncIterator[asyncio.subprocess.Process]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), str(address), str(epoch), stdout=asyncio.subprocess.PIPE, env=environ
    )
    async with killed_at_the_end(process):
        await said(process, b"listening\n")
        yield process


async def said(process: asyncio.subprocess.Process, line: bytes) -> None:
    assert process.stdout is not None
    assert await process.stdout.readline() == line


def test_killed_in_mid_batch_the_outcome_is_unknown_and_the_next_goes_to_the_successor(
    run: Run, tmp_path: Path
) -> None:
    address = UnixAddress(str(tmp_path / "shard"))

    async def scenario() -> None:
        client = LinkClient(address, SECRET)
        async with shard_process(address, epoch=1) as process:
            hanging = asyncio.create_task(client.exchange(b"hang"))
            await said(process, b"received\n")
            assert client.identity == Identity("shard-1", 1)
            process.kill()
            with pytest.raises(OutcomeUnknown):
                await hanging
            with pytest.raises(NotSent):
                await client.exchange(b"nobody listens")
        async with shard_process(address, epoch=2):
            assert await client.exchange(b"again") == b"again"
            assert client.identity == Identity("shard-1", 2)
        await client.close()

    run(scenario())


def test_paused_a_shard_answers_no_ping_and_resumed_it_answers_what_was_sent(run: Run, tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "shard"))

    async def scenario() -> None:
        client = LinkClient(address, SECRET)
        newcomer = LinkClient(address, SECRET)
        hasty = LinkClient(address, SECRET, bounds=ClientBounds(exchange_timeout_s=0.2))
        async with shard_process(address) as process:
            assert await client.ping(timeout_s=5) == ""
            assert client.identity == Identity("shard-1", 1)
            assert await hasty.exchange(b"connected") == b"connected"
            process.send_signal(signal.SIGSTOP)
            try:
                with pytest.raises(OutcomeUnknown):
                    await client.ping(timeout_s=0.2)
                with pytest.raises(NotSent):  # the kernel takes the connection, nobody shakes hands
                    await newcomer.ping(timeout_s=0.2)
                with pytest.raises(OutcomeUnknown):
                    await hasty.exchange(b"given up")
                waiting = asyncio.create_task(client.exchange(b"patient"))
                await asyncio.sleep(0.1)
                assert not waiting.done()
            finally:
                process.send_signal(signal.SIGCONT)
            assert await waiting == b"patient"
            assert await hasty.exchange(b"not confused by the late answer") == b"not confused by the late answer"
            assert await client.ping(timeout_s=5) == ""
            assert client.identity == Identity("shard-1", 1)
        for each in (client, newcomer, hasty):
            await each.close()

    run(scenario())

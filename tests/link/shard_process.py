"""A shard's end of the link in a process of its own, to be paused and killed. `python shard_process.py ADDRESS EPOCH`.

A batch `hang` is never answered, others are repeated. Prints `listening` and `received` for the test to wait on.
"""

import asyncio
import sys

from actors.link.address import parse_address
from actors.link.handshake import Identity
from actors.link.server import LinkServer
from tests.link.loopback import SECRET, never


async def handle_batch(payload: bytes) -> bytes:
    if payload == b"hang":
        print("received", flush=True)
        await never(payload)
    return payload


async def serve(address: str, epoch: int) -> None:
    server = LinkServer(parse_address(address), SECRET, Identity("shard-1", epoch), handle_batch)
    await server.start()
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))

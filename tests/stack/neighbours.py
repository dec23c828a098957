"""Buyers beside others who hang up in mid-request: what the former must not notice."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any, NamedTuple

from tests.stack.load import Load


class Neighbours(NamedTuple):
    """How a load fared: holds a second by itself and beside those who hang up, and how its calls were answered."""

    alone_per_s: float
    beside_per_s: float
    statuses: Counter[int]


async def beside(load: Load, hang_ups: Coroutine[Any, Any, object], *, alone_s: float) -> Neighbours:
    """Let the load run for so long by itself, and then until those who hang up are done."""
    async with load:
        await asyncio.sleep(1)
        alone_from_s = time.monotonic()
        await asyncio.sleep(alone_s)
        alone_until_s = time.monotonic()
        await hang_ups
        beside_until_s = time.monotonic()
    return Neighbours(
        load.rate_between(alone_from_s, alone_until_s), load.rate_between(alone_until_s, beside_until_s), load.statuses
    )


def disturbances(neighbours: Neighbours) -> list[str]:
    """What they noticed: each call must be answered and accepted, at no less than half the rate."""
    found = [
        f"{number} calls ended with {status}"
        for status, number in neighbours.statuses.items()
        if status not in (200, 201)
    ]
    if neighbours.beside_per_s < neighbours.alone_per_s / 2:
        found.append(f"{neighbours.alone_per_s:.0f} holds/s became {neighbours.beside_per_s:.0f}")
    return found

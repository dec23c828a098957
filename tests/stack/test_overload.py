"""A burst of more than ten times what is sold in a second: what is too much is refused at once, nothing of the rest is
lost, and five seconds later it sells as before, though the crowd's connections are still there.
"""

import asyncio
import time
import uuid
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median

import pytest

from actors.audit.audit import JournalAudit
from actors.audit.replies import Acknowledged, Told, by_block
from loadtests.buyers_grpc import GrpcShop
from loadtests.buyers_http import HttpShop
from loadtests.calls import Accepted, Answer, Ask, Insistent, Passing, Shop
from loadtests.server import block_of
from tests.stack.census import kind_of
from tests.stack.load import hall_on_sale
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
BUYERS = 32
BURST_OVER_HTTP, CHANNELS, CALLS = 5_000, 10, 50
BURSTS = 3
ROUND_S = 8
BACK_WITHIN_S = 5
FULL = 0.8  # of what was sold before; two measurements of the same differ by less
TRIES = 3
PLACE = Ask(Told.HELD, areas=(("Hall", 1),))


class Steady:
    """Buyers who come all the time, one hold after the other, and insist."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.told: list[Acknowledged] = []
        self.broken: list[object] = []
        self.at_s: list[float] = []

    async def buy(self) -> None:
        """One of them, until cancelled."""
        buyer = Insistent(self._shop, Random())
        while True:
            key = uuid.uuid4().hex
            answer = await buyer.ask(PLACE, key, {})
            if isinstance(answer, Accepted):
                self.at_s.append(time.monotonic())
                self.told.append(answer.reply)
            else:
                self.broken.append(answer)

    def a_second(self, since_s: float, seconds: int) -> float:
        """How many were placed in a second, usually."""
        counts = Counter(int(at_s - since_s) for at_s in self.at_s if at_s >= since_s)
        return median(counts[second] for second in range(seconds))


def gateway_cpu_s(running: RunningStack) -> float:
    """CPU seconds of the gateways so far: of the one that serves, and of the one that stands by."""
    return sum(_cpu_s(pid) for pid in running.processes() if kind_of(pid).startswith("ServeReplica"))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def measured(running: RunningStack, steady: Steady) -> tuple[float, float]:
    """Holds in a second, and in a second of the gateway's CPU: that does not depend on who else computes."""
    since_s, cpu_s, count = time.monotonic(), gateway_cpu_s(running), len(steady.at_s)
    await asyncio.sleep(ROUND_S)
    sold = len(steady.at_s) - count
    return steady.a_second(since_s, ROUND_S), sold / (gateway_cpu_s(running) - cpu_s)


async def burst(shops: list[Shop]) -> list[tuple[str, Answer]]:
    """All at once, each asking once; by which protocol, and what each was told."""

    async def one(shop: Shop) -> tuple[str, Answer]:
        return shop.protocol, await shop.ask(PLACE, uuid.uuid4().hex)

    return list(await asyncio.gather(*(one(shop) for shop in shops)))


class Crowd:
    """Those who come all at once: over HTTP from connections that stay, and over gRPC from a few channels."""

    def __init__(self, running: RunningStack, hall: str) -> None:
        target = running.stack.grpc_target
        self._http = HttpShop(running.stack.http_url, running.api_key, hall)
        self._channels = [GrpcShop(target, running.api_key, hall) for _ in range(CHANNELS)]
        self.accepted: list[Acknowledged] = []

    async def come(self) -> None:
        """Ask until some are refused; the first time may be slow in coming, as each must connect."""
        everybody: list[Shop] = [self._http] * BURST_OVER_HTTP
        everybody += [channel for channel in self._channels for _ in range(CALLS)]
        answers: list[tuple[str, Answer]] = []
        begun_s = time.monotonic()
        while not any(isinstance(told, Passing) for _, told in answers) and len(answers) < BURSTS * len(everybody):
            answers += await burst(everybody)
        refused = Counter((protocol, told.cause) for protocol, told in answers if isinstance(told, Passing))
        print(f"{len(answers)} asked, answered after {time.monotonic() - begun_s:.1f} s, refused: {dict(refused)}")
        accepted = [told.reply for _, told in answers if isinstance(told, Accepted)]
        self.accepted += accepted
        assert len(accepted) + refused.total() == len(answers), "every answer is a yes, or invites to ask again"
        assert set(refused) <= {("HTTP", "OVERLOADED"), ("gRPC", "OVERLOADED")}
        assert refused, "there was too much"
        assert all(told.wait_s > 0 for _, told in answers if isinstance(told, Passing)), "all are told when to"

    async def leave(self) -> None:
        """Close every connection."""
        await self._http.close()
        for channel in self._channels:
            await channel.close()


async def back_at_full_speed(running: RunningStack, steady: Steady, crowd: Crowd) -> bool:
    """Whether as much is sold from five seconds after a burst on as was before it."""
    before = await measured(running, steady)
    await crowd.come()
    await asyncio.sleep(BACK_WITHIN_S)
    after = await measured(running, steady)
    print(f"holds a second, holds a CPU second: before {before}, after {after}")
    return max(now / then for now, then in zip(after, before, strict=True)) >= FULL


async def check(running: RunningStack, hall: str) -> None:
    stack = running.stack
    shop = HttpShop(stack.http_url, running.api_key, hall)
    steady, crowd = Steady(shop), Crowd(running, hall)
    buying = [asyncio.create_task(steady.buy()) for _ in range(BUYERS)]
    await asyncio.sleep(2)
    back, tries = False, 0
    while not back and tries < TRIES:  # another only excuses a machine that others kept busy
        back, tries = await back_at_full_speed(running, steady, crowd), tries + 1
    for task in buying:
        task.cancel()
    await asyncio.gather(*buying, return_exceptions=True)
    await shop.close()
    await crowd.leave()
    assert steady.broken == []
    told = steady.told + crowd.accepted
    audit = JournalAudit(stack.database_url, by_block(told), {})
    assert [str(finding) async for finding in audit.run([block_of(hall)])] == []
    assert back


def test_after_a_burst_it_sells_as_before_and_nothing_accepted_is_lost(running: RunningStack) -> None:
    with running.client() as client:
        hall = hall_on_sale(client, "a crowded hall")
    asyncio.run(check(running, hall))

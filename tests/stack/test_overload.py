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


async def check(running: RunningStack, hall: str) -> None:
    stack = running.stack
    of_steady = HttpShop(stack.http_url, running.api_key, hall)
    of_crowd = HttpShop(stack.http_url, running.api_key, hall)
    channels = [GrpcShop(stack.grpc_target, running.api_key, hall) for _ in range(CHANNELS)]
    steady = Steady(of_steady)
    buying = [asyncio.create_task(steady.buy()) for _ in range(BUYERS)]
    await asyncio.sleep(2)
    before = await measured(running, steady)
    begun_s = time.monotonic()
    crowd: list[Shop] = [of_crowd] * BURST_OVER_HTTP + [channel for channel in channels for _ in range(CALLS)]
    answers: list[tuple[str, Answer]] = []
    while not any(isinstance(told, Passing) for _, told in answers) and len(answers) < BURSTS * len(crowd):
        answers += await burst(crowd)  # the first may be slow in coming, as each must connect
    print(f"{len(answers)} asked, answered after {time.monotonic() - begun_s:.1f} s; {before[0]} a second before")
    refused = Counter((protocol, told.cause) for protocol, told in answers if isinstance(told, Passing))
    print(dict(refused))
    accepted = [told.reply for _, told in answers if isinstance(told, Accepted)]
    assert len(accepted) + refused.total() == len(answers), "every answer is a yes, or one that invites to ask again"
    assert set(refused) <= {("HTTP", "OVERLOADED"), ("gRPC", "OVERLOADED")}
    assert refused, "there was too much"
    assert all(told.wait_s > 0 for _, told in answers if isinstance(told, Passing)), "each is told when to come again"
    await asyncio.sleep(BACK_WITHIN_S)
    after = await measured(running, steady)
    print(f"holds a second, holds a CPU second: before {before}, after {after}")
    for task in buying:
        task.cancel()
    await asyncio.gather(*buying, return_exceptions=True)
    for http in (of_steady, of_crowd):
        await http.close()
    for channel in channels:
        await channel.close()
    assert steady.broken == []
    told = steady.told + accepted
    audit = JournalAudit(stack.database_url, by_block(told), {})
    assert [str(finding) async for finding in audit.run([block_of(hall)])] == []
    assert max(now / then for now, then in zip(after, before, strict=True)) >= 0.8, (before, after)


def test_after_a_burst_it_sells_as_before_and_nothing_accepted_is_lost(running: RunningStack) -> None:
    with running.client() as client:
        hall = hall_on_sale(client, "a crowded hall")
    asyncio.run(check(running, hall))

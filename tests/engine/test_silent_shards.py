"""One shard answers nobody, or with faults alone: in the gateway it leaves room for the others' callers and tenants."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from actors.core.ids import BlockId
from actors.core.outcomes import Reason, Rejected
from actors.dispatch import Dispatcher, RoutesUnavailable, _Errand
from actors.link.batch import Answer, Failed, Fault, Replied, calls_decoder, encoder
from actors.link.coalescer import SILENT_S, Coalescer
from actors.link.transport import NotSent
from actors.parking import MAX_PARKED_PER_SHARD, MAX_PARKED_PER_TENANT, Place
from actors.under_way import MOST_UNDER_WAY
from tests.engine.activating_shard import YES, is_overloaded
from tests.engine.stage import on_virtual_time
from tests.simulation.world import now_ms

SILENCE, NO_WAY = "silence", "no way"
Ill = Answer | Exception | str
ILLS: list[Ill] = [
    SILENCE,
    NO_WAY,
    NotSent("refused"),
    Failed(Fault.UNAVAILABLE),
    Failed(Fault.NOT_READY),
    Failed(Fault.NOT_OWNER),
]
EXCHANGE_S = 0.005
PER_SECOND = 340
FOR_S = 4
FRONT = "refused by HAProxy"


class Shard:
    """One that answers soon, or is ill and answers like this."""

    def __init__(self, name: str, ill: Ill | None = None) -> None:
        self.ill = ill
        self.way = Coalescer(self, now_ms, shard=name)

    async def exchange(self, payload: bytes) -> bytes:
        calls = calls_decoder.decode(payload)
        await asyncio.sleep(EXCHANGE_S)
        if self.ill == SILENCE:
            await asyncio.Event().wait()
        if isinstance(self.ill, Exception):
            raise self.ill
        return encoder.encode([YES if self.ill is None else self.ill] * len(calls))


class Gateway:
    """A dispatcher behind a front that lets so many through as HAProxy does; blocks are named `SHARD/...`."""

    def __init__(self, ill: Ill) -> None:
        self.shards = {name: Shard(name, ill if name == "ill" else None) for name in ("ill", "well")}
        self.dispatcher = Dispatcher(self, now_ms)
        self.under_way = 0
        self.told: dict[tuple[str, str], list[Replied | Rejected | str]] = {}

    async def route(self, block: BlockId) -> Coalescer | None:
        shard = self.shards[block.partition("/")[0]]
        if shard.ill == NO_WAY:
            raise RoutesUnavailable("not known")
        return shard.way

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        """It is as it is."""

    def moved(self, block: BlockId) -> None:
        """It is not."""

    async def ask(self, tenant: str, block: str, seconds: float = 10.0) -> None:
        """As a caller does, who notes what is told."""
        told = self.told.setdefault((tenant, block), [])
        if self.under_way >= MOST_UNDER_WAY:
            told.append(FRONT)
            return
        self.under_way += 1
        try:
            until_ms = now_ms() + int(seconds * 1000)
            asked = self.dispatcher.ask(BlockId(block), b"command", tenant, until_ms, Reason.EVENT_NOT_FOUND)
            told.append(await asked)
        finally:
            self.under_way -= 1

    def answers(self, tenant: str, block: str) -> Counter[str]:
        """How often what was told: yes, the reason for a no."""
        told = self.told.get((tenant, block), [])
        return Counter(
            "yes" if each == YES else each.reason.name if isinstance(each, Rejected) else FRONT for each in told
        )


async def crowd(gateway: Gateway, tenant: str, block: str, per_second: int, seconds: float) -> None:
    """Callers that come one after the other. When the last has come, who still waits goes away."""
    callers = []
    for _ in range(int(per_second * seconds)):
        callers.append(asyncio.get_running_loop().create_task(gateway.ask(tenant, block)))
        await asyncio.sleep(1 / per_second)
    await asyncio.sleep(1)
    for caller in callers:
        caller.cancel()


async def check_that_others_are_served(ill: Ill) -> None:
    """Two tenants ask an ill shard as much as a stack sells, and all the while others a shard that is well."""
    gateway = Gateway(ill)
    async with asyncio.TaskGroup() as all_of_them:
        for tenant in ("arena", "club"):
            all_of_them.create_task(crowd(gateway, tenant, "ill/event", PER_SECOND, FOR_S))
        for tenant in ("arena", "theatre"):
            all_of_them.create_task(crowd(gateway, tenant, "well/event", PER_SECOND // 2, FOR_S))
    for tenant in ("arena", "theatre"):
        assert gateway.answers(tenant, "well/event") == {"yes": FOR_S * (PER_SECOND // 2)}
    for tenant in ("arena", "club"):
        answers = gateway.answers(tenant, "ill/event")
        assert answers.keys() == {"OVERLOADED"}
        assert answers["OVERLOADED"] >= FOR_S * PER_SECOND - MAX_PARKED_PER_TENANT


@pytest.mark.parametrize("ill", ILLS, ids=str)
@on_virtual_time
async def test_others_are_served(ill: Ill) -> None:
    await check_that_others_are_served(ill)


async def check_that_a_crowd_makes_way() -> None:
    """All that HAProxy lets through comes for a shard that has just fallen silent."""
    gateway = Gateway(SILENCE)
    start = asyncio.get_running_loop().create_task
    asking = [start(gateway.ask("arena", "ill/event")) for _ in range(MOST_UNDER_WAY)]
    await asyncio.sleep(SILENT_S + 0.1)
    assert gateway.under_way == MAX_PARKED_PER_TENANT
    shed = gateway.told["arena", "ill/event"]
    assert len(shed) == MOST_UNDER_WAY - MAX_PARKED_PER_TENANT
    assert all(isinstance(told, Rejected) and is_overloaded(told) for told in shed), "undecided, and told when to come"
    asking += [start(gateway.ask("club", "ill/event")) for _ in range(MOST_UNDER_WAY)]
    await asyncio.sleep(0.1)
    assert gateway.under_way == MAX_PARKED_PER_SHARD
    await gateway.ask("theatre", "well/event")
    assert gateway.answers("theatre", "well/event") == {"yes": 1}
    await asyncio.gather(*asking)
    assert gateway.answers("arena", "ill/event") == {
        "OVERLOADED": MOST_UNDER_WAY - MAX_PARKED_PER_TENANT,
        "OUTCOME_UNKNOWN": MAX_PARKED_PER_TENANT,
    }


@on_virtual_time
async def test_a_crowd_makes_way() -> None:
    await check_that_a_crowd_makes_way()


async def check_that_a_shard_that_answers_refuses_nobody() -> None:
    """One tenant is alone: whatever HAProxy lets through for one event is served, and so it is after a silence."""
    gateway = Gateway(SILENCE)
    await asyncio.gather(*(gateway.ask("arena", "well/event") for _ in range(MOST_UNDER_WAY)))
    assert gateway.answers("arena", "well/event") == {"yes": MOST_UNDER_WAY}
    asking = [
        asyncio.create_task(gateway.ask("arena", "ill/event", SILENT_S + 1)) for _ in range(MAX_PARKED_PER_TENANT)
    ]
    await asyncio.gather(*asking)
    assert gateway.answers("arena", "ill/event") == {"OUTCOME_UNKNOWN": MAX_PARKED_PER_TENANT}
    gateway.shards["ill"] = Shard("ill")
    await asyncio.gather(*(gateway.ask("arena", "ill/event") for _ in range(MOST_UNDER_WAY)))
    assert gateway.answers("arena", "ill/event")["yes"] == MOST_UNDER_WAY, "whoever waited has left"


@on_virtual_time
async def test_a_shard_that_answers_refuses_nobody() -> None:
    await check_that_a_shard_that_answers_refuses_nobody()


def no_bounds(patch: pytest.MonkeyPatch) -> None:
    for bound in ("MAX_PARKED", "MAX_PARKED_PER_TENANT", "MAX_PARKED_PER_SHARD"):
        patch.setattr(f"actors.parking.{bound}", 1 << 40)


def none_for_shards(patch: pytest.MonkeyPatch) -> None:
    for bound in ("MAX_PARKED", "MAX_PARKED_PER_SHARD"):
        patch.setattr(f"actors.parking.{bound}", 1 << 40)


def never_silent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.link.coalescer.SILENT_S", 1e9)


def only_in_line(patch: pytest.MonkeyPatch) -> None:
    """As if only those had a place who wait for a block."""
    wait = _Errand._wait

    def wait_in_line(self: _Errand, *, must: bool = False) -> None:
        if self._parking.has_line(Place(self._block, self._to_write)):
            wait(self, must=must)

    patch.setattr(_Errand, "_wait", wait_in_line)


@pytest.mark.parametrize(
    ("sabotage", "ill"),
    [(no_bounds, ill) for ill in (SILENCE, NO_WAY, Failed(Fault.NOT_READY))]
    + [(none_for_shards, ill) for ill in (SILENCE, Failed(Fault.NOT_READY))]
    + [(never_silent, SILENCE)]
    + [(only_in_line, ill) for ill in (NO_WAY, Failed(Fault.UNAVAILABLE))],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_that_one_shard_takes_all_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], ill: Ill
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=FRONT):
        on_virtual_time(check_that_others_are_served)(ill)


@pytest.mark.parametrize("sabotage", [no_bounds, none_for_shards, never_silent])
def test_that_a_crowd_stays_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_a_crowd_makes_way)()


def test_that_a_healthy_shard_is_bounded_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.dispatch.MAX_ERRANDS_PER_TENANT", MOST_UNDER_WAY // 2)
    with pytest.raises(AssertionError, match="OVERLOADED"):
        on_virtual_time(check_that_a_shard_that_answers_refuses_nobody)()

"""Who asks for the best seats again under the same key has one hold, though shards are killed all along."""

import asyncio
from collections import Counter
from random import Random
from typing import NamedTuple

import pytest

from actors.core import block as core
from actors.core import desk
from actors.core.entries import BasketIntended, BasketSettled, HoldPlaced
from actors.core.ids import Kind, outside_id
from actors.core.keys import key_hash
from actors.core.outcomes import Rejected
from actors.core.replies import HoldReply, HoldStatus
from actors.core.rules import Rules
from actors.core.state import BlockState
from actors.core.wishes import BestSeats, Wish
from actors.journal.codec import decode_entries
from actors.reservations import Done, Request, Reservations
from tests.simulation import virtual_time
from tests.simulation.breaks import Break
from tests.simulation.buyers import CALLER, OPEN_REASONS, TENANT, create_event
from tests.simulation.faults import Fault
from tests.simulation.journal_audit import audited
from tests.simulation.test_divided_events import LAYOUT, SPLIT
from tests.simulation.world import World

SEEDS = range(4)
BUYERS, HOLDS_EACH = 4, 3
TIMES_TOLD = 3
TWO = Wish(best=(BestSeats(2),))
LONG_MS = 600_000
QUIET_S = 60.0
NETWORK = frozenset((Fault.REQUEST_LOST, Fault.REPEATED, Fault.ANSWER_LOST))


class Run(NamedTuple):
    """`faults`: what is wrong. `kills`, `asked`: how many shards were killed, how often a hold was asked for."""

    faults: list[str]
    kills: int
    asked: int


class Buyer:
    """Asks for two seats under one key until it was told so often enough; impatient, through one gateway or another."""

    def __init__(self, world: World, event: str, random: Random) -> None:
        self.world = world
        self.event = event
        self.random = random
        self.asked = 0
        self.told: dict[str, list[Done[HoldReply]]] = {}
        self.refused: list[str] = []

    async def buy(self, keys: list[str]) -> None:
        """A hold for each key."""
        gateways = [self.world.gateway(), self.world.gateway()]
        for key in keys:
            asking: list[asyncio.Task[Done[HoldReply] | Rejected]] = []
            while len(self.told.get(key, ())) < TIMES_TOLD and len(asking) < 40:
                self.asked += 1
                asking.append(asyncio.get_running_loop().create_task(self._ask(self.random.choice(gateways), key)))
                await asyncio.wait(asking[-1:], timeout=self.random.uniform(0.02, 1.5))
                await asyncio.sleep(self.random.uniform(0, 1))
            await asyncio.gather(*asking)

    async def _ask(self, gateway: Reservations, key: str) -> Done[HoldReply] | Rejected:
        request = Request(CALLER, key, 5_000, buyer=key)
        answer = await gateway.place_hold(request, self.event, TWO, LONG_MS)
        if isinstance(answer, Done):
            self.told.setdefault(key, []).append(answer)
        elif answer.reason not in OPEN_REASONS:
            self.refused.append(f"{key} was refused as {answer.reason.name}")
        return answer


async def open_plain(world: World) -> str:
    """An event on sale."""
    return await create_event(world.gateway(), "plain")


async def open_split(world: World) -> str:
    """An event on sale, in parts."""
    gateway = world.gateway()
    created = await gateway.create_event(
        Request(CALLER, "split", 15_000), "Final", LAYOUT, LONG_MS, Rules(max_per_buyer=4), SPLIT
    )
    assert isinstance(created, Done)
    event = f"event_{created.block}"
    assert isinstance(await gateway.open_sale(Request(CALLER, "open", 15_000), event), Done)
    return event


EVENTS = {"plain": open_plain, "split": open_split}


def simulate(kind: str, seed: int) -> Run:
    """Buyers ask while shards are killed all along; then a quiet minute."""

    async def main() -> Run:
        world = World(seed, ("s1", "s2", "s3"), faults=NETWORK)
        event = await EVENTS[kind](world)
        buyers = [Buyer(world, event, Random(f"{seed}-{number}")) for number in range(BUYERS)]
        world.faults.network_rate = 0.03
        buying = asyncio.gather(
            *(buyer.buy([f"key-{number}-{turn}" for turn in range(HOLDS_EACH)]) for number, buyer in enumerate(buyers))
        )
        kills = 0
        while not buying.done():
            await asyncio.sleep(world.random.uniform(0.05, 0.8))
            name = world.random.choice(sorted(world.newest))
            world.newest[name].process.kill()
            kills += 1
            await asyncio.sleep(world.random.uniform(0.0, 0.5))
            world.succeed(name)
        await buying
        world.faults.calm()
        await asyncio.sleep(QUIET_S)
        faults = [fault for buyer in buyers for fault in buyer.refused]
        for buyer in buyers:
            faults += await faults_of(world, buyer)
        return Run([*faults, *audited(world.store.journals, [])], kills, sum(buyer.asked for buyer in buyers))

    return virtual_time.run(main)


async def faults_of(world: World, buyer: Buyer) -> list[str]:
    """One hold a key: by all that was told, by what is read, by the journals, and by who has seats."""
    faults = []
    gateway = world.gateway()
    held, owned = holds_by_key(world), units_by_buyer(world)
    for key, told in buyer.told.items():
        holds = {(one.block, one.reply.hold, one.reply.legs or one.reply.seats) for one in told}
        if len(holds) > 1:
            faults.append(f"{key} was told of two holds")
        hold_id = outside_id(Kind.HOLD, told[0].block, told[0].reply.hold)
        seen = await gateway.get_hold(CALLER, hold_id, 15_000)
        if not isinstance(seen, Done) or seen.reply.status is not HoldStatus.ACTIVE:
            faults.append(f"{key} has a hold that is not there")
        count = held[key_hash(TENANT, key)] + held[key_hash(TENANT, key, buyer.event.removeprefix("event_"))]
        if count != 1:
            faults.append(f"{key} stands for {count} holds in the journals")
        if owned[key] != 2:
            faults.append(f"{key} has {owned[key]} seats")
    if len(buyer.told) < HOLDS_EACH:
        faults.append("somebody was never told")
    return faults


def holds_by_key(world: World) -> Counter[bytes]:
    """How many holds each key stands for."""
    held: Counter[bytes] = Counter()
    for rows in world.store.journals.values():
        key_of: dict[int, bytes] = {}
        for row in rows:
            for entry in decode_entries(row.entries):
                if isinstance(entry, HoldPlaced):
                    held[entry.key] += 1
                elif isinstance(entry, BasketIntended):
                    key_of[entry.basket] = entry.key
                elif isinstance(entry, BasketSettled):
                    held[key_of[entry.basket]] += 1
    return held


def units_by_buyer(world: World) -> Counter[str]:
    """How many seats of all blocks each buyer has."""
    owned: Counter[str] = Counter()
    for rows in world.store.journals.values():
        state = BlockState()
        for row in rows:
            for entry in decode_entries(row.entries):
                core.apply(state, entry)
        owned.update(state.holds[owner].buyer for owner in state.inventory.owners if owner)
    return owned


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_key_is_one_hold_of_the_best_seats(kind: str, seed: int) -> None:
    run = simulate(kind, seed)
    print(f"asked {run.asked} times for {BUYERS * HOLDS_EACH} holds, {run.kills} shards killed")
    assert run.faults == []
    assert run.kills > 5


def keys_of_holds_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Holds are not remembered under their keys."""
    patch.setattr("actors.core.holds.remember_with_hold", lambda *_, **__: None)


def keys_of_baskets_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Once its basket is held a key is as if never used."""

    def forget(state: BlockState, entry: BasketSettled) -> None:
        desk.apply_basket_settled(state, entry)
        state.memos.pop(state.desk.baskets[entry.basket].key)
        state.holds[entry.basket].keys = ()

    patch.setitem(core._APPLY, BasketSettled, forget)


@pytest.mark.parametrize(
    ("sabotage", "kind"),
    [
        (keys_of_holds_are_forgotten, "plain"),
        pytest.param(keys_of_baskets_are_forgotten, "split", marks=pytest.mark.long),
    ],
)
def test_the_check_notices(sabotage: Break, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a key stands for several holds."""
    sabotage(monkeypatch)
    faults = simulate(kind, 0).faults
    print(f"{sabotage.__doc__} {faults[:2]}")
    assert any("was told of two holds" in fault for fault in faults)
    assert any("holds in the journals" in fault for fault in faults)

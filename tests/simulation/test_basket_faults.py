"""Baskets over three events while shards, journal and network fail: whatever happens, desks and legs come to agree."""

import asyncio
from collections import Counter
from random import Random

import pytest

from actors.audit.replies import Acknowledged, Told
from actors.baskets import Baskets, Settled, WishedLeg
from actors.core.commands import CancelOrder, CancelTickets, ConfirmOrder, PlaceOrder, ReleaseHold, Stamp, Write
from actors.core.ids import BlockId, parse_event_id
from actors.core.keys import fingerprint, key_hash
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply, OrderReply
from actors.core.wishes import AreaPlaces, Wish
from actors.dispatch import Dispatcher
from actors.link.batch import encoder, reply_decoder
from tests.loadtests.journals import acknowledged
from tests.simulation import virtual_time
from tests.simulation.buyers import OPEN_REASONS, TENANT, create_event
from tests.simulation.journal_audit import audited
from tests.simulation.world import GatewayRoutes, World, now_ms

pytestmark = pytest.mark.long  # the smoke test has seeds with the same checks and faults

SEEDS = range(6)
VIRTUAL_S = 40.0
QUIET_S = 120.0
BUYERS = 6


class BasketCrowd:
    """Buyers of baskets, and what they were told."""

    def __init__(self, world: World, blocks: list[BlockId]) -> None:
        self.world = world
        self.blocks = blocks
        self.told: list[Acknowledged] = []
        self.met: Counter[str] = Counter()
        self._keys = 0

    async def buy(self, random: Random, until_s: float) -> None:
        """One buyer with a gateway of its own, until then."""
        routes = GatewayRoutes(self.world)
        dispatcher = Dispatcher(routes, now_ms)
        baskets = Baskets(dispatcher, routes.assign, lambda: self.world.random.getrandbits(62) + 1)
        while asyncio.get_running_loop().time() < until_s:
            await self._visit(dispatcher, baskets, random)
            await asyncio.sleep(random.uniform(0, 1))

    async def _visit(self, dispatcher: Dispatcher, baskets: Baskets, random: Random) -> None:
        wishes = [(block, self._wish(random)) for block in random.sample(self.blocks, random.randint(1, 3))]
        key, stamp = self._stamp()
        held: Settled | Rejected = Rejected(Reason.OUTCOME_UNKNOWN)
        for _ in range(3):
            held = await baskets.place(stamp, [WishedLeg(*wished) for wished in wishes], random.choice((3_000, 60_000)))
            if isinstance(held, Settled) or held.reason not in OPEN_REASONS:
                break
        self._note("held", held)
        if isinstance(held, Rejected):
            return
        assert isinstance(held.reply, HoldReply)
        self._tell(Told.HELD, held.reply, held.desk, key)
        if random.random() < 0.2:
            await self._write(dispatcher, held.desk, ReleaseHold(self._stamp()[1], held.reply.hold), Told.RELEASED)
            return
        order = self.world.random.getrandbits(62) + 1
        if not await self._write(
            dispatcher, held.desk, PlaceOrder(self._stamp()[1], held.reply.hold, order), Told.ORDERED
        ):
            return
        if not await self._write(dispatcher, held.desk, ConfirmOrder(self._stamp()[1], order), Told.CONFIRMED):
            return
        for _ in range(random.randint(0, 2)):
            stamp = self._stamp()[1]
            block, wish = random.choice(self.blocks), self._wish(random)
            self._note("exchanged", await baskets.exchange(stamp, held.desk, order, (0,), WishedLeg(block, wish)))
        if random.random() < 0.3:
            some = CancelTickets(self._stamp()[1], order, (0,))
            await self._write(dispatcher, held.desk, some, Told.PARTLY_CANCELLED)
        if random.random() < 0.8:
            await self._write(dispatcher, held.desk, CancelOrder(self._stamp()[1], order), Told.CANCELLED)

    def _wish(self, random: Random) -> Wish:
        row, first = random.randint(1, 4), random.randint(1, 9)
        seats = tuple(f"A/{row}/{seat}" for seat in range(first, first + random.randint(1, 2)))
        return Wish(seats, (AreaPlaces("floor", 1),) if random.random() < 0.5 else ())

    def _stamp(self) -> tuple[str, Stamp]:
        self._keys += 1
        key = f"key-{self._keys}"
        return key, Stamp(TENANT, "ana", key_hash(TENANT, key), fingerprint("arena", "ana", key), now_ms() + 15_000)

    async def _write(self, dispatcher: Dispatcher, desk: BlockId, command: Write, told: Told) -> bool:
        answer = await dispatcher.ask(
            desk, encoder.encode(command), TENANT, command.stamp.not_after_ms, Reason.EVENT_NOT_FOUND
        )
        self._note(type(command).__name__, answer)
        if isinstance(answer, Rejected):
            return False
        reply = reply_decoder.decode(answer.reply)
        if isinstance(reply, HoldReply | OrderReply) and told is not Told.PARTLY_CANCELLED:
            self._tell(told, reply, desk, "")
        return True

    def _tell(self, told: Told, reply: HoldReply | OrderReply, desk: BlockId, key: str) -> None:
        self.told.append(acknowledged(told, reply, 0, desk, key))

    def _note(self, what: str, answer: object) -> None:
        self.met[f"{what} {answer.reason.name if isinstance(answer, Rejected) else 'ACCEPTED'}"] += 1


@pytest.mark.parametrize("seed", SEEDS)
def test_desks_and_legs_agree_whatever_happens(seed: int) -> None:
    async def main() -> tuple[list[str], list[str], int, Counter[str]]:
        world = World(seed, ("s1", "s2", "s3"))
        blocks = [parse_event_id(await create_event(world.gateway(), f"event-{number}")) for number in range(3)]
        crowd = BasketCrowd(world, [block for block in blocks if block is not None])
        work = [crowd.buy(Random(f"{seed}-{buyer}"), VIRTUAL_S) for buyer in range(BUYERS)]
        await asyncio.gather(*work, world.script_faults(VIRTUAL_S - 5))
        in_the_middle = audited(world.store.journals, crowd.told)
        await asyncio.sleep(QUIET_S)
        return in_the_middle, audited(world.store.journals, crowd.told), world.folds.left_to_do().total(), crowd.met

    in_the_middle, at_the_end, count, met = virtual_time.run(main)
    print(dict(sorted(met.items())))
    assert in_the_middle == []
    assert at_the_end == []
    assert count == 0
    assert met["ConfirmOrder ACCEPTED"] > 5, f"seed {seed} did next to nothing"

"""A shard that is told to stop: it serves until it has a successor, cuts nobody short, and goes in time."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from actors.core.commands import Command
from actors.core.entries import HoldPlaced
from actors.core.ids import BlockId
from actors.engine.leaving import DURABLE_S, LINGER_S, LOOK_S, Leaver
from actors.engine.residence import Residence
from actors.link.batch import Answer, Failed, Fault, Replied
from tests.engine.stage import Running, Stage, answered, hold, on_virtual_time, release

BOUND_S = 20.0
STARTING_S = 0.5
COMMIT_S = 0.002
SALES = 400  # of each buyer


class House:
    """A shard that sells and one that is to succeed it; buyers ask the one until it says that it is not the owner."""

    def __init__(self, stage: Stage, old: Running, block: BlockId) -> None:
        self.stage = stage
        self.old = old
        self.block = block
        self.asked = old
        self.successor: Running | None = None
        self.faults: Counter[Fault] = Counter()
        self.connected = True

    @classmethod
    async def begin(cls) -> "House":
        stage = Stage()
        old = await stage.engine(7)
        old.script.delay_s = COMMIT_S
        return cls(stage, old, await stage.on_sale(old))

    async def succeed(self) -> None:
        """Start a successor when one is asked for, as the directory does."""
        while not self.old.engine.counters().wants_successor:  # noqa: ASYNC110  (as the directory looks)
            await asyncio.sleep(LOOK_S)
        await asyncio.sleep(STARTING_S)
        self.successor = await self.stage.engine(8)
        self.successor.script.delay_s = COMMIT_S

    async def ask(self, command: Command) -> Answer:
        """The outcome, asked for again as a gateway does."""
        async with asyncio.timeout(BOUND_S):
            while True:
                (answer,) = await answered(self.asked.send(self.block, command))
                if not isinstance(answer, Failed):
                    return answer
                self.faults[answer.fault] += 1
                if answer.fault is Fault.NOT_OWNER and self.successor is not None:
                    self.asked, self.connected = self.successor, False
                await asyncio.sleep(0.01)

    async def sell(self, numbers: range, seat: str) -> None:
        for number in numbers:
            assert isinstance(await self.ask(hold(number, seat)), Replied)
            assert isinstance(await self.ask(release(number)), Replied)
            await asyncio.sleep(number % 7 / 10_000)  # else all would come with the same commit

    def leave(self, bound_s: float = BOUND_S) -> "asyncio.Task[bool]":
        return self.old.process.start(self.old.engine.leave(bound_s, lambda: self.connected))

    def placed(self) -> list[int]:
        """The holds in the journal."""
        return [entry.hold for entry in self.stage.entries(self.block) if isinstance(entry, HoldPlaced)]


async def check_hand_over() -> None:
    """Commands are on their way all the time, from four buyers; none is cut short, and the gap is no starting time."""
    house = await House.begin()
    buyers = [
        asyncio.create_task(house.sell(range(1_000 * seat, 1_000 * seat + SALES), f"1/{seat}")) for seat in range(1, 5)
    ]
    await asyncio.sleep(0.3)
    succeeding = asyncio.create_task(house.succeed())
    assert await house.leave()
    await succeeding
    are_done = [buyer.done() for buyer in buyers]
    await asyncio.gather(*buyers)
    assert not any(are_done), "they were all the time on their way"
    assert house.faults.keys() <= {Fault.NOT_READY, Fault.NOT_OWNER}, "somebody was cut short"
    assert sum(house.faults.values()) < 100, "nobody was served while the successor started"
    assert len(house.placed()) == len(set(house.placed())) == 4 * SALES
    writers = house.stage.epochs(house.block)
    assert writers == sorted(writers)
    assert set(writers) == {7, 8}
    assert not house.old.left


def test_a_shard_that_is_told_to_stop_hands_over_and_cuts_nobody_short() -> None:
    on_virtual_time(check_hand_over)()


@on_virtual_time
async def test_it_lingers_until_nobody_is_connected_and_says_that_it_is_not_the_owner() -> None:
    house = await House.begin()
    succeeding, leaving = asyncio.create_task(house.succeed()), house.leave()
    await succeeding
    await asyncio.sleep(10 * LOOK_S)
    assert await answered(house.old.send(house.block, hold(1, "1/1"))) == [Failed(Fault.NOT_OWNER)]
    assert not leaving.done()
    house.connected = False
    await asyncio.sleep(2 * LOOK_S)
    assert leaving.result()


@on_virtual_time
async def test_whoever_stays_connected_does_not_keep_it() -> None:
    house = await House.begin()
    succeeding = asyncio.create_task(house.succeed())
    assert await asyncio.wait_for(house.leave(), STARTING_S + LINGER_S + 1)
    await succeeding


async def check_no_successor() -> None:
    """It serves nearly as long as it may, then lets go what is durable and says that nobody has its place."""
    house = await House.begin()
    began_s = asyncio.get_running_loop().time()
    leaving = house.leave()
    await asyncio.sleep(BOUND_S - DURABLE_S - 1)
    assert isinstance(await house.ask(hold(1, "1/1")), Replied)
    assert await leaving is False
    assert asyncio.get_running_loop().time() - began_s <= BOUND_S
    assert house.placed() == [1]


def test_without_a_successor_it_goes_when_its_time_is_over() -> None:
    on_virtual_time(check_no_successor)()


@on_virtual_time
async def test_where_nobody_is_connected_it_goes_at_once() -> None:
    house = await House.begin()
    house.connected = False
    assert await asyncio.wait_for(house.leave(), 1) is False


@on_virtual_time
async def test_a_commit_that_hangs_does_not_keep_it() -> None:
    house = await House.begin()
    house.old.script.away = True
    house.old.send(house.block, hold(1, "1/1"))
    asyncio.create_task(house.succeed())  # noqa: RUF006
    assert await asyncio.wait_for(house.leave(), BOUND_S + 1) is False


def it_lets_go_in_mid_commit(patch: pytest.MonkeyPatch) -> None:
    def at_once(self: Residence) -> None:
        for hosted in self.blocks.values():
            hosted.lost = True
        self.let_all_go()

    patch.setattr(Residence, "close", at_once)


def it_stops_serving_before_there_is_a_successor(patch: pytest.MonkeyPatch) -> None:
    until_succeeded = Leaver._until_succeeded

    async def closed(self: Leaver, *arguments: object) -> bool:
        self._residence.close()
        return await until_succeeded(self, *arguments)  # type: ignore[arg-type]

    patch.setattr(Leaver, "_until_succeeded", closed)


def it_waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    until_succeeded = Leaver._until_succeeded

    async def without_end(self: Leaver, until_s: float, *arguments: object) -> bool:
        return await until_succeeded(self, until_s + 60, *arguments)  # type: ignore[arg-type]

    patch.setattr(Leaver, "_until_succeeded", without_end)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (it_lets_go_in_mid_commit, check_hand_over),
        (it_stops_serving_before_there_is_a_successor, check_hand_over),
        (it_waits_for_ever, check_no_successor),
    ],
)
def test_control_the_check_notices(
    sabotage: Callable[[pytest.MonkeyPatch], None], check: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        on_virtual_time(check)()  # type: ignore[arg-type]

"""Commands for a block that is on its way into memory: one asks for all of them, and whoever leaves stops nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors.core.ids import BlockId
from actors.core.outcomes import Details, Reason, Rejected
from actors.dispatch import SCOUT_PAUSE_S, TRIES_ALONE, Dispatcher, _Again, _Errand
from actors.link.batch import Answer, Failed, Fault, Refused
from actors.link.coalescer import Coalescer
from actors.parking import MAX_ASKING, Line, Parking, Place
from tests.engine import stage
from tests.engine.activating_shard import (
    ACTIVATION_S,
    CALLERS,
    READ,
    SPOILED,
    YES,
    ActivatingShard,
    ask,
    parked,
)
from tests.engine.stage import on_virtual_time
from tests.simulation.world import now_ms

LEAVING = ["cancelled", "out of time", "refused"]


async def check_that_one_asks_for_all() -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    answers = await asyncio.gather(*(ask(dispatcher, "cold") for _ in range(CALLERS)))
    assert answers == [YES] * CALLERS
    scouted = ACTIVATION_S / SCOUT_PAUSE_S
    assert shard.calls[BlockId("cold")] <= 2 * CALLERS + scouted  # each once before and once after


@on_virtual_time
async def test_one_asks_for_all() -> None:
    await check_that_one_asks_for_all()


async def check_that_one_asks_again_when_the_block_is_lost_once_more() -> None:
    shard = ActivatingShard()
    shard.cools_down = True
    dispatcher = Dispatcher(shard, now_ms)
    answers = await asyncio.gather(*(ask(dispatcher, "cold") for _ in range(CALLERS)))
    assert answers == [YES] * CALLERS
    scouted = 2 * ACTIVATION_S / SCOUT_PAUSE_S
    assert shard.calls[BlockId("cold")] <= 3 * CALLERS + scouted


@on_virtual_time
async def test_one_asks_again_when_the_block_is_lost_once_more() -> None:
    await check_that_one_asks_again_when_the_block_is_lost_once_more()


def test_that_everyone_asks_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def without_waiting(self: Parking, place: Place) -> AsyncIterator[Line]:
        yield Line()

    monkeypatch.setattr(Parking, "turn", without_waiting)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_one_asks_for_all)()


def test_that_everyone_asks_again_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Parking.turn

    @asynccontextmanager
    async def as_if_first(self: Parking, place: Place) -> AsyncIterator[Line]:
        async with turn(self, place) as line:
            yield Line() if line.ready else line

    monkeypatch.setattr(Parking, "turn", as_if_first)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_one_asks_again_when_the_block_is_lost_once_more)()


@on_virtual_time
async def test_who_comes_while_others_wait_does_not_ask() -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    loop = asyncio.get_running_loop()
    first = loop.create_task(ask(dispatcher, "cold"))
    await asyncio.sleep(ACTIVATION_S / 2)
    asked_before = shard.calls[BlockId("cold")]
    late = [loop.create_task(ask(dispatcher, "cold")) for _ in range(CALLERS)]
    await asyncio.sleep(2 * SCOUT_PAUSE_S)
    assert shard.calls[BlockId("cold")] <= asked_before + 2
    assert await asyncio.gather(first, *late) == [YES] * (1 + CALLERS)


@pytest.mark.parametrize("leave", ["cancelled", "out of time"])
@on_virtual_time
async def test_when_the_one_that_asks_leaves_another_does(leave: str) -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    loop = asyncio.get_running_loop()
    scout = loop.create_task(ask(dispatcher, "cold", 0.3 if leave == "out of time" else 10))
    await asyncio.sleep(0.1)
    others = [loop.create_task(ask(dispatcher, "cold")) for _ in range(CALLERS)]
    await asyncio.sleep(0.1)
    if leave == "cancelled":
        scout.cancel()
    assert await asyncio.gather(*others) == [YES] * CALLERS
    if leave == "out of time":
        refused = await scout
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.UNAVAILABLE
    else:
        assert scout.cancelled()


async def check_that_leaving_costs_one_question(leave: str) -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    seconds = 0.3 if leave == "out of time" else 10
    scout = asyncio.get_running_loop().create_task(ask(dispatcher, "cold", seconds, SPOILED))
    await asyncio.sleep(0.1)
    others = [asyncio.get_running_loop().create_task(ask(dispatcher, "cold")) for _ in range(CALLERS)]
    await asyncio.sleep(0.1)
    asked_before = shard.calls[BlockId("cold")]
    if leave == "cancelled":
        scout.cancel()
    elif leave == "refused":
        shard.spoiled = True
    await asyncio.sleep(0.3)
    assert scout.done()
    assert shard.calls[BlockId("cold")] <= asked_before + 0.3 / SCOUT_PAUSE_S + 1
    assert await asyncio.gather(*others) == [YES] * CALLERS


@pytest.mark.parametrize("leave", LEAVING)
@on_virtual_time
async def test_one_that_asks_and_leaves_costs_one_question(leave: str) -> None:
    await check_that_leaving_costs_one_question(leave)


@pytest.mark.parametrize("leave", LEAVING)
def test_that_all_are_called_when_one_leaves_would_be_noticed(monkeypatch: pytest.MonkeyPatch, leave: str) -> None:
    def call_all(self: Line) -> None:
        while self.waiting and (self.ready or not self.asking):
            self.asking += len(self.waiting)
            for called in self.waiting:
                called.set()
            self.waiting.clear()

    monkeypatch.setattr(Line, "call_next", call_all)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_leaving_costs_one_question)(leave)


async def check_that_a_turn_is_passed_on() -> None:
    """The second is called, and leaves before it has made a step."""
    parking = Parking()
    turns: list[str] = []
    done = asyncio.Event()

    async def stand(name: str) -> None:
        async with parking.turn(Place(BlockId("cold"), True)):
            turns.append(name)
            await done.wait()

    _, second, third = [asyncio.get_running_loop().create_task(stand(name)) for name in ("first", "second", "third")]
    await stage.settle()
    assert turns == ["first"]
    done.set()
    await asyncio.sleep(0)  # the first leaves and calls the second
    second.cancel()
    await stage.settle()
    assert second.cancelled()
    assert turns == ["first", "third"]
    assert third.done()
    assert not parking.has_line(Place(BlockId("cold"), True))


@on_virtual_time
async def test_who_is_called_and_leaves_passes_the_turn_on() -> None:
    await check_that_a_turn_is_passed_on()


def test_that_a_turn_is_lost_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def losing(self: Parking, place: Place) -> AsyncIterator[Line]:
        line = self._lines.setdefault(place, Line())
        called = asyncio.Event()
        line.waiting[called] = None
        line.call_next()
        await called.wait()  # whoever leaves here tells nobody
        try:
            yield line
        finally:
            line.asking -= 1
            line.call_next()

    monkeypatch.setattr(Parking, "turn", losing)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_a_turn_is_passed_on)()


async def check_that_first_come_is_first_called() -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    commands = [b"%d" % number for number in range(CALLERS)]
    callers = []
    for command in commands:
        callers.append(asyncio.get_running_loop().create_task(ask(dispatcher, "cold", command=command)))
        await asyncio.sleep(0.001)
    callers[0].cancel()  # the next in line asks now
    assert await asyncio.gather(*callers[1:]) == [YES] * (CALLERS - 1)
    assert shard.served == commands[1:]


@on_virtual_time
async def test_first_come_is_first_called() -> None:
    await check_that_first_come_is_first_called()


def test_that_the_last_is_called_first_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class LastFirst(Line):
        def call_next(self) -> None:
            while self.waiting and self.asking < (MAX_ASKING if self.ready else 1):
                self.waiting.popitem()[0].set()
                self.asking += 1

    monkeypatch.setattr(Line, "call_next", LastFirst.call_next)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_first_come_is_first_called)()


async def check_that_all_are_told_what_the_block_said(said: Answer | None, told: Reason | None) -> None:
    shard = ActivatingShard(exchange_s=0.01)
    shard.when_ready = said
    dispatcher = Dispatcher(shard, now_ms)
    answers = await asyncio.gather(*await parked(dispatcher, "cold", CALLERS))
    assert [answer.reason if isinstance(answer, Rejected) else None for answer in answers] == [told] * CALLERS
    assert asyncio.get_running_loop().time() < shard.ready_s + 0.2


WHAT_BLOCKS_SAY: list[tuple[Answer | None, Reason | None]] = [
    (YES, None),
    (Refused(Reason.SALE_CLOSED, Details()), Reason.SALE_CLOSED),
    (Refused(Reason.OVERLOADED, Details()), Reason.OVERLOADED),  # it remembers too many keys
    (Failed(Fault.QUARANTINED), Reason.UNAVAILABLE),
    (None, Reason.EVENT_NOT_FOUND),
]


@pytest.mark.parametrize(("said", "told"), WHAT_BLOCKS_SAY)
@on_virtual_time
async def test_all_are_told_at_once_what_the_block_said(said: Answer | None, told: Reason | None) -> None:
    await check_that_all_are_told_what_the_block_said(said, told)


def test_that_they_are_told_one_by_one_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.parking.MAX_ASKING", 1)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_all_are_told_what_the_block_said)(YES, None)


async def check_that_a_deadly_command_goes_behind_the_others() -> None:
    shard = ActivatingShard()
    shard.deadly = True
    dispatcher = Dispatcher(shard, now_ms)
    deadly = asyncio.get_running_loop().create_task(ask(dispatcher, "cold", command=SPOILED))
    await asyncio.sleep(0.1)
    others = [asyncio.get_running_loop().create_task(ask(dispatcher, "cold")) for _ in range(CALLERS)]
    assert await asyncio.gather(*others) == [YES] * CALLERS
    answer = await deadly
    assert isinstance(answer, Rejected)
    assert answer.reason is Reason.OUTCOME_UNKNOWN
    assert shard.served_before_deaths == [0] + [CALLERS] * TRIES_ALONE


@on_virtual_time
async def test_a_deadly_command_that_asks_for_all_goes_behind_the_others() -> None:
    await check_that_a_deadly_command_goes_behind_the_others()


def test_that_a_deadly_command_goes_first_again_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_once = _Errand._ask

    async def stubborn(self: _Errand, way: Coalescer) -> object:
        verdict = await ask_once(self, way)
        return _Again.AFTER_A_PAUSE if verdict is _Again.BEHIND_OTHERS else verdict

    monkeypatch.setattr(_Errand, "_ask", stubborn)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_a_deadly_command_goes_behind_the_others)()


@on_virtual_time
async def test_one_that_waits_and_leaves_disturbs_nobody() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(ask(dispatcher, "cold")) for _ in range(CALLERS)]
    await asyncio.sleep(ACTIVATION_S / 2)
    for task in waiting[::2]:
        task.cancel()
    await stage.settle()
    assert await asyncio.gather(*waiting[1::2]) == [YES] * (CALLERS // 2)


@on_virtual_time
async def test_neither_reads_nor_other_blocks_wait() -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    writing = asyncio.get_running_loop().create_task(ask(dispatcher, "cold"))
    await asyncio.sleep(ACTIVATION_S / 2)
    assert await ask(dispatcher, "cold", command=READ) == YES
    assert await ask(dispatcher, "warm") == YES
    assert asyncio.get_running_loop().time() < shard.ready_s
    assert await writing == YES

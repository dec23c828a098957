"""What errands in vain cost, whom they keep waiting, and what becomes of them when there is an answer again."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.baskets import Settled, WishedLeg
from actors.core.block import _DECIDE_ERRAND
from actors.core.commands import (
    AskAboutLeg,
    BookLeg,
    Command,
    ConfirmOrder,
    Errand,
    PlaceOrder,
    ReleaseHold,
    ReleaseLeg,
)
from actors.core.ids import BlockId, desk_block
from actors.core.keys import key_hash
from actors.core.outcomes import Details, Outcome, Reason, Rejected
from actors.core.state import BlockState
from actors.core.wishes import Wish
from actors.engine import agenda, errands, ways
from actors.engine.agenda import Agenda
from actors.engine.errands import ROUND_S, Errands
from actors.engine.hosted import HostedBlock
from actors.engine.ways import Way
from actors.link.batch import Replied
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import TENANT
from tests.simulation.test_baskets import Shop

DEEDS = 38
FEW = 4
LONG_S = 60.0
AT_ONCE_S = 1.0
ASK_TIMEOUT_S = 5.0
PAUSE_S = 5.0
BACK_S = 6.0  # after an answer was to be had; both as ARCHITECTURE.md says
ASKED_AFTER_S = 20.0  # 15 s for placing, and 5 s until a leg asks
SAID_AT_MOST = 3

Patch = pytest.MonkeyPatch
Check = Callable[[Patch], Coroutine[Any, Any, None]]


class Ground(Shop):
    """One desk, and two events in other shards than the desk; each basket is of one event."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[BlockId] = Counter()
        self.answered: set[int] = set()  # legs whose errands were
        self.desk = desk_block(TENANT, key_hash(TENANT, "k0"))
        self._keys = (f"k{n}" for n in range(10_000) if desk_block(TENANT, key_hash(TENANT, f"k{n}")) == self.desk)
        self._seats: Counter[BlockId] = Counter()

    async def stand(self, patch: Patch) -> "Ground":
        """As it is to begin; what errands ask is counted from now on."""
        await self.open()
        self.troubled, self.sound, _ = self.blocks
        self.world.catalogue.owners[self.desk] = self.world.catalogue.owners[self.blocks[2]]
        ask = Errands._ask

        async def counted(errands: Errands, block: BlockId, command: Errand) -> Replied | Rejected:
            self.asked[block] += 1
            answer = await ask(errands, block, command)
            if isinstance(answer, Replied) and not isinstance(command, AskAboutLeg):
                self.answered.add(getattr(command, "leg", 0))
            return answer

        patch.setattr(Errands, "_ask", counted)
        return self

    async def hold(self, block: BlockId) -> int:  # type: ignore[override]
        """A seat of the event: the basket."""
        seat = self._seats[block]
        self._seats[block] += 1
        wish = Wish((f"A/{seat // 10 + 1}/{seat % 10 + 1}",))
        held = await self.baskets.place(self.stamp(next(self._keys)), [WishedLeg(block, wish)], 600_000)
        assert isinstance(held, Settled), held
        assert held.desk == self.desk
        return held.reply.hold

    async def release(self, basket: int) -> None:
        """So that its leg is to be."""
        await self.write(self.desk, ReleaseHold(self.stamp(f"release {basket}"), basket))

    async def confirm(self, basket: int) -> None:
        """So that its leg is to be booked."""
        await self.write(self.desk, PlaceOrder(self.stamp(f"order {basket}"), basket, basket))
        await self.write(self.desk, ConfirmOrder(self.stamp(f"confirm {basket}"), basket))

    def legs(self, *baskets: int) -> set[int]:
        """Theirs."""
        return {plan.leg for basket in baskets for plan in self.state(self.desk).desk.baskets[basket].plans}

    def open_deeds(self) -> Counter[str]:
        """How many the desk has, by the block that is to do them."""
        return Counter(todo.block for todo in self.state(self.desk).desk.todos.values())

    def check_forgotten(self) -> None:
        """Nothing is remembered of ways that nobody takes."""
        for shard in self.world.newest.values():
            assert not shard.engine.errands._agenda._ways, "ways are kept"

    async def end_quarantine(self) -> None:
        """Until it has ended."""
        self.world.catalogue.wish_end(self.troubled, "mara", "looked at it")
        while self.world.catalogue.quarantined:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def check_quarantined(patch: Patch) -> None:
    """However many deeds there are, a block that is quarantined is asked now and then; that is not said each time."""
    ground = await Ground().stand(patch)
    baskets = [await ground.hold(ground.troubled) for _ in range(DEEDS)]
    unconcerned = await ground.hold(ground.sound)
    ground.world.catalogue.impose(ground.troubled, 1)
    await asyncio.sleep(3)
    with capture_logs() as logs:
        await asyncio.gather(*map(ground.release, baskets))
        await asyncio.sleep(2 * PAUSE_S)
        ground.asked.clear()
        await asyncio.sleep(LONG_S)
    assert 0 < ground.asked[ground.troubled] <= 1 + LONG_S / PAUSE_S, "it is asked for each deed"
    assert 0 < sum(told["event"] == "errands to a block are in vain" for told in logs) <= SAID_AT_MOST, "said too often"
    await ground.release(unconcerned)
    await asyncio.sleep(AT_ONCE_S)
    assert ground.open_deeds() == {ground.troubled: DEEDS}
    await ground.end_quarantine()
    await asyncio.sleep(BACK_S)
    assert not ground.open_deeds(), "not done though it is back"
    ground.check_forgotten()
    ground.check()


async def check_silent(patch: Patch) -> None:
    """A block that says nothing has so many places and no more, and soon one; when it is back all is done."""
    patch.setattr(errands, "MAX_UNDER_WAY", DEEDS)
    ground = await Ground().stand(patch)
    baskets = [await ground.hold(ground.troubled) for _ in range(DEEDS)]
    unconcerned = await ground.hold(ground.sound)
    owner = ground.world.catalogue.owners[ground.troubled]
    ground.world.newest[owner].process.kill()
    await asyncio.gather(*map(ground.release, baskets))
    await ground.release(unconcerned)
    await asyncio.sleep(AT_ONCE_S)
    assert ground.open_deeds() == {ground.troubled: DEEDS}, "who is silent keeps others waiting"
    await asyncio.sleep(2 * ASK_TIMEOUT_S + PAUSE_S)
    ground.asked.clear()
    await asyncio.sleep(LONG_S)
    assert 0 < ground.asked[ground.troubled] <= 1 + LONG_S / ASK_TIMEOUT_S, "it is asked for each deed"
    ground.world.succeed(owner)
    await asyncio.sleep(BACK_S)
    assert not ground.open_deeds(), "not done though it is back"
    ground.check_forgotten()
    ground.check()


async def check_refused_alone(patch: Patch) -> None:
    """Deeds that a block refuses by themselves keep no others of that block waiting, and wait for each other."""
    ground = await Ground().stand(patch)
    baskets = [await ground.hold(ground.troubled) for _ in range(DEEDS)]
    sound, unknown = baskets.pop(), ground.legs(*baskets)
    book = _DECIDE_ERRAND[BookLeg]

    def refuse(state: BlockState, command: Any, now_ms: int) -> Outcome:
        return Rejected(Reason.HOLD_NOT_FOUND) if command.leg in unknown else book(state, command, now_ms)

    patch.setitem(_DECIDE_ERRAND, BookLeg, refuse)
    with capture_logs() as logs:
        await asyncio.gather(*map(ground.confirm, baskets))
        await asyncio.sleep(2 * PAUSE_S)
        ground.asked.clear()
        await asyncio.sleep(LONG_S)
    assert 0 < ground.asked[ground.troubled] <= 1 + LONG_S / PAUSE_S, "it is asked for each deed"
    assert 0 < sum(told["event"] == "a leg that was pinned is not known" for told in logs) <= SAID_AT_MOST
    await ground.confirm(sound)
    await asyncio.sleep(AT_ONCE_S)
    assert ground.legs(sound) <= ground.answered, "what is refused keeps others waiting"
    unknown.clear()
    await asyncio.sleep(BACK_S)
    assert not ground.open_deeds(), "not done though it is known"
    ground.check_forgotten()


async def check_undecided(patch: Patch) -> None:
    """Legs of which their desk has not decided keep no others waiting that ask the same desk."""
    ground = await Ground().stand(patch)
    baskets = [await ground.hold(ground.troubled) for _ in range(FEW)]
    undecided, told, decide = ground.legs(*baskets), set[int](), _DECIDE_ERRAND[AskAboutLeg]

    def put_off(state: BlockState, command: Any, now_ms: int) -> Outcome:
        if command.leg in undecided:
            basket = state.desk.baskets[command.basket]
            with pytest.MonkeyPatch.context() as patched:
                patched.setitem(state.desk.baskets, basket.number, as_if_placing(basket))
                return decide(state, command, now_ms)
        told.add(command.leg)
        return decide(state, command, now_ms)

    patch.setitem(_DECIDE_ERRAND, AskAboutLeg, put_off)
    await asyncio.sleep(2 * PAUSE_S)
    decided = await ground.hold(ground.troubled)
    await asyncio.sleep(ASKED_AFTER_S + AT_ONCE_S)
    assert ground.asked[ground.desk] > FEW, "those that are undecided have asked"
    assert told == ground.legs(decided), "what is undecided keeps others waiting"


def as_if_placing(basket: Any) -> Any:
    """The basket, before it was decided."""
    return type(basket)(
        basket.number, basket.buyer, basket.plans, basket.ttl_ms, basket.place_by_ms, basket.key, basket.fingerprint,
        basket.life_ms,
    )  # fmt: skip


async def check_memory(patch: Patch) -> None:
    """Of what waits hardly more is remembered than there is, however often its block comes in again."""
    patch.setattr(agenda, "FEW_TURNS", FEW)
    ground = await Ground().stand(patch)
    baskets = [await ground.hold(ground.troubled) for _ in range(DEEDS)]
    ground.world.catalogue.impose(ground.troubled, 1)
    await asyncio.sleep(3)
    await asyncio.gather(*map(ground.release, baskets))
    await asyncio.sleep(2 * PAUSE_S)
    ground.asked.clear()
    engine = ground.world.newest[ground.world.catalogue.owners[ground.desk]].engine
    (way,) = engine.errands._agenda._ways.values()
    await asyncio.sleep((way.look_at_ms - engine.clock.now_ms()) / 1000 - AT_ONCE_S / 10)
    engine.residence.evict(engine.residence.blocks[ground.desk])
    await asyncio.sleep(AT_ONCE_S)
    engine.residence.find(ground.desk, to_write=True)
    await asyncio.sleep(AT_ONCE_S)
    for _ in range(FEW):
        engine.residence.evict(engine.residence.blocks[ground.desk])
        engine.residence.find(ground.desk, to_write=True)
        await asyncio.sleep(AT_ONCE_S)
    assert DEEDS <= len(engine.errands._agenda) <= 2 * DEEDS + FEW, "turns are kept"
    assert ground.asked[ground.troubled] <= FEW, "that it was in vain is forgotten"
    await ground.end_quarantine()
    await asyncio.sleep(BACK_S)
    assert not ground.open_deeds(), "not done though it is back"
    ground.check_forgotten()


async def check_order(patch: Patch) -> None:
    """One that nobody ever hears of again lets all others go first."""
    patch.setattr(ways, "MAX_TO_A_BLOCK", 1)
    ground = await Ground().stand(patch)
    first, *others = [await ground.hold(ground.troubled) for _ in range(FEW)]
    (lost,) = ground.legs(first)
    ask = Errands._ask

    async def lose(errands: Errands, block: BlockId, command: Command) -> Replied | Rejected:
        answer = await ask(errands, block, command)  # type: ignore[arg-type]
        if not isinstance(command, ReleaseLeg) or command.leg != lost:
            return answer
        await asyncio.sleep(ASK_TIMEOUT_S)
        return Rejected(Reason.OUTCOME_UNKNOWN)

    patch.setattr(Errands, "_ask", lose)
    await ground.release(first)
    await asyncio.gather(*map(ground.release, others))
    await asyncio.sleep(ASK_TIMEOUT_S + 4 * ROUND_S)
    assert ground.open_deeds() == {ground.troubled: 1}, "the one that is in vain goes first"


CHECKS: dict[str, Check] = {
    "quarantined": check_quarantined,
    "silent": check_silent,
    "refused alone": check_refused_alone,
    "undecided": check_undecided,
    "memory": check_memory,
    "order": check_order,
}


def bound_ways(patch: Patch) -> None:
    """So that few deeds are many."""
    patch.setattr(ways, "MAX_TO_A_BLOCK", DEEDS // 2)


@pytest.mark.parametrize("what", CHECKS)
def test_errands_in_vain(what: str, monkeypatch: Patch) -> None:
    bound_ways(monkeypatch)
    on_virtual_time(CHECKS[what])(monkeypatch)


def each_tries_for_itself(patch: Patch) -> None:
    do = Errands._do

    async def again_soon(self: Errands, hosted: HostedBlock, errand: Any) -> int | None:
        try:
            return await do(self, hosted, errand)
        except errands._InVain:
            return self._soon()

    patch.setattr(Errands, "_do", again_soon)


def pauses_without_end(patch: Patch) -> None:
    patch.setattr(ways, "PAUSE_MAX_MS", 1 << 40)


def all_is_said(patch: Patch) -> None:
    patch.setattr(Way, "is_to_be_said", lambda *_: True)


def a_block_may_have_all_places(patch: Patch) -> None:
    patch.setattr(ways, "MAX_TO_A_BLOCK", DEEDS)


def who_refuses_one_refuses_all(patch: Patch) -> None:
    patch.setattr(errands, "_OF_ALL", tuple(Reason))


def undecided_is_in_vain(patch: Patch) -> None:
    patch.setattr(Details, "undecided", property(lambda _: False))


def ways_are_kept(patch: Patch) -> None:
    patch.setattr(Agenda, "_forget", lambda *_: None)


def turns_are_kept(patch: Patch) -> None:
    patch.setattr(Agenda, "_drop_stale", lambda _: None)


def nothing_is_known_of_it(patch: Patch) -> None:
    patch.setattr(agenda, "KEPT_MS", 0)


def nothing_recovers(patch: Patch) -> None:
    patch.setattr(Way, "recover", lambda _: None)


def what_is_in_vain_goes_first(patch: Patch) -> None:
    give = Agenda.give

    def first(self: Agenda, hosted: HostedBlock, about: Any, at_ms: int, asked: Any = None, way: Any = None) -> None:
        give(self, hosted, about, at_ms if way is None else 0, asked, way)

    patch.setattr(Agenda, "give", first)


@pytest.mark.parametrize(
    ("break_it", "what", "expected"),
    [
        (each_tries_for_itself, "quarantined", "asked for each deed"),
        (each_tries_for_itself, "silent", "asked for each deed"),
        (each_tries_for_itself, "refused alone", "asked for each deed"),
        (pauses_without_end, "quarantined", "not done though it is back"),
        (pauses_without_end, "silent", "not done though it is back"),
        (nothing_recovers, "silent", "ways are kept"),
        (all_is_said, "quarantined", "said too often"),
        (a_block_may_have_all_places, "silent", "who is silent keeps others waiting"),
        (who_refuses_one_refuses_all, "refused alone", "what is refused keeps others waiting"),
        (undecided_is_in_vain, "undecided", "what is undecided keeps others waiting"),
        (what_is_in_vain_goes_first, "order", "goes first"),
        (ways_are_kept, "quarantined", "ways are kept"),
        (turns_are_kept, "memory", "turns are kept"),
        (nothing_is_known_of_it, "memory", "is forgotten"),
    ],
)
def test_the_check_notices(break_it: Callable[[Patch], None], what: str, expected: str, monkeypatch: Patch) -> None:
    """Negative controls."""
    bound_ways(monkeypatch)
    break_it(monkeypatch)
    with pytest.raises(AssertionError, match=expected):
        on_virtual_time(CHECKS[what])(monkeypatch)

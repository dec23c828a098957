"""Who counts as silent and gets a successor: a shard that does not answer, or that alone cannot reach Postgres."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from actors import watch as watch_module
from actors.catalogue.catalogue import Incarnation
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.journal.journal import Epoch
from actors.link.transport import NotSent, OutcomeUnknown
from actors.watch import NoSuccessor, Watch
from tests.engine.stage import on_virtual_time, settle
from tests.simulation.world import now_ms


class Life:
    """One incarnation, as the watch meets it."""

    def __init__(self) -> None:
        self.answers = True
        self.beats = True
        self.leaves = False
        self.clock_error_ms = 0
        self.closed = 0
        self._last_ms = now_ms()

    async def ping(self, timeout_s: float) -> object:
        if not self.answers:
            await asyncio.sleep(timeout_s)
            raise OutcomeUnknown("no answer")
        return None

    async def close(self) -> None:
        self.closed += 1

    def last_heartbeat_ms(self) -> int:
        if self.beats:
            self._last_ms = now_ms() // 1_000 * 1_000 + self.clock_error_ms
        return self._last_ms


class Cluster:
    """One watched shard. `started`: the numbers of all successors that were asked for, with the time in s."""

    def __init__(self) -> None:
        self.lives = {1: Life()}
        self.catalogue_away = False
        self.failing_starts = 0
        self.started: list[tuple[int, float]] = []
        loop = asyncio.get_running_loop()
        self._clock_s = loop.time
        watch = Watch(lambda current: self.lives[Epoch.unpacked(current.epoch).incarnation], self, self._start)
        self.watching = loop.create_task(watch.run(incarnation(1)))

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.started]

    async def witness_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        await asyncio.sleep(0.001)
        if self.catalogue_away:
            raise CatalogueUnavailable("away")
        return self.lives[Epoch.unpacked(epoch).incarnation].last_heartbeat_ms()

    async def wants_successor(self, shard: str, epoch: int) -> bool:
        await asyncio.sleep(0.001)
        if self.catalogue_away:
            raise CatalogueUnavailable("away")
        return self.lives[Epoch.unpacked(epoch).incarnation].leaves

    async def _start(self, shard: str, number: int) -> Incarnation:
        self.started.append((number, self._clock_s()))
        if self.failing_starts:
            self.failing_starts -= 1
            raise NoSuccessor("no room")
        self.lives[number] = Life()
        return incarnation(number)


def incarnation(number: int) -> Incarnation:
    return Incarnation("s1", Epoch(1, 1, number).packed(), "unix:/nowhere", 4711)


@on_virtual_time
async def test_a_shard_that_answers_and_beats_is_left_alone() -> None:
    cluster = Cluster()
    await asyncio.sleep(300)
    assert cluster.started == []
    assert not cluster.watching.done()


@on_virtual_time
async def test_a_shard_that_was_told_to_stop_is_succeeded_at_once_and_its_successor_stays() -> None:
    cluster = Cluster()
    await asyncio.sleep(10)
    cluster.lives[1].leaves = True
    await asyncio.sleep(1.5)
    assert cluster.numbers == [2]
    await asyncio.sleep(60)
    assert cluster.numbers == [2]


@on_virtual_time
async def test_a_shard_that_does_not_answer_is_replaced_within_seconds_and_its_successor_watched() -> None:
    cluster = Cluster()
    await asyncio.sleep(5)
    cluster.lives[1].answers = False
    await asyncio.sleep(3.5)
    assert cluster.numbers == [2]
    assert cluster.lives[1].closed == 1
    cluster.lives[2].answers = False
    await asyncio.sleep(3.5)
    assert cluster.numbers == [2, 3]


@on_virtual_time
async def test_one_ping_that_gets_lost_replaces_nobody() -> None:
    cluster = Cluster()
    for _ in range(10):
        await asyncio.sleep(5.5)
        cluster.lives[1].answers = False
        await asyncio.sleep(1)
        cluster.lives[1].answers = True
        await asyncio.sleep(0.5)
    assert cluster.started == []


@on_virtual_time
async def test_a_shard_that_alone_cannot_reach_postgres_is_replaced_although_it_answers() -> None:
    cluster = Cluster()
    await asyncio.sleep(5)
    cluster.lives[1].beats = False
    await asyncio.sleep(9)
    assert cluster.started == []
    await asyncio.sleep(3.5)
    assert cluster.numbers == [2]
    await asyncio.sleep(60)
    assert cluster.numbers == [2]


@on_virtual_time
async def test_while_nobody_can_reach_postgres_nobody_is_replaced() -> None:
    cluster = Cluster()
    await asyncio.sleep(5)
    cluster.catalogue_away, cluster.lives[1].beats = True, False
    await asyncio.sleep(120)
    cluster.catalogue_away = False
    await asyncio.sleep(8)  # the shard is slower to find its way back than the directory
    cluster.lives[1].beats = True
    await asyncio.sleep(60)
    assert cluster.started == []


@on_virtual_time
async def test_a_clock_that_jumps_replaces_nobody() -> None:
    cluster = Cluster()
    for error_ms in (3_600_000, 0, -3_600_000):
        await asyncio.sleep(30)
        cluster.lives[1].clock_error_ms = error_ms
    await asyncio.sleep(30)
    assert cluster.started == []


@on_virtual_time
async def test_a_successor_that_cannot_be_started_is_tried_again_under_another_number() -> None:
    cluster = Cluster()
    cluster.failing_starts = 3
    cluster.lives[1].answers = False
    await asyncio.sleep(10)
    assert cluster.numbers == [2, 3, 4, 5]
    times_s = [second for _, second in cluster.started]
    assert all(later - earlier >= 1 for earlier, later in pairwise(times_s))


@on_virtual_time
async def test_a_shard_that_nobody_knows_is_started_and_one_that_is_known_is_not() -> None:
    cluster = Cluster()
    watch = Watch(lambda current: cluster.lives[1], cluster, cluster._start)
    assert await watch.begin("s1", incarnation(7), 7) == incarnation(7)
    assert cluster.started == []
    assert await watch.begin("s1", None, 0) == incarnation(1)
    assert await watch.begin("s1", None, 4) == incarnation(5)
    assert cluster.numbers == [1, 5]
    await settle()


def nobody_looks_at_beats(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(watch_module, "BEATLESS_S", 1e9)


def a_catalogue_that_is_away_proves_silence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(watch_module, "CatalogueUnavailable", _NeverRaised)
    look = Cluster.witness_heartbeat_ms

    async def as_if_it_stood_still(self: Cluster, shard: str, epoch: int) -> int | None:
        try:
            return await look(self, shard, epoch)
        except CatalogueUnavailable:
            return 0

    async def not_leaving(self: Cluster, shard: str, epoch: int) -> bool:
        return False

    patch.setattr(Cluster, "witness_heartbeat_ms", as_if_it_stood_still)
    patch.setattr(Cluster, "wants_successor", not_leaving)


class _NeverRaised(Exception):
    pass


def one_miss_is_enough(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(watch_module, "MISSES_ALLOWED", 0)


def no_ping_ever_misses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(watch_module, "MISSES_ALLOWED", 1 << 60)


def age_is_judged_by_a_clock_that_jumps(patch: pytest.MonkeyPatch) -> None:
    async def by_age(self: Watch, current: Incarnation) -> str:
        while True:
            beat_ms = await self._beats.witness_heartbeat_ms(current.shard, current.epoch) or 0
            if beat_ms < now_ms() - 10_000:
                return "old"
            await asyncio.sleep(1)

    patch.setattr(Watch, "_until_beatless", by_age)


def numbers_are_used_again(patch: pytest.MonkeyPatch) -> None:
    async def stubborn(self: Watch, shard: str, number: int) -> Incarnation:
        while True:
            try:
                return await self._start_successor(shard, number + 1)
            except NoSuccessor:
                await asyncio.sleep(1)

    patch.setattr(Watch, "_replace", stubborn)


@pytest.mark.parametrize(
    ("sabotage", "guarantee"),
    [
        (nobody_looks_at_beats, test_a_shard_that_alone_cannot_reach_postgres_is_replaced_although_it_answers),
        (a_catalogue_that_is_away_proves_silence, test_while_nobody_can_reach_postgres_nobody_is_replaced),
        (one_miss_is_enough, test_one_ping_that_gets_lost_replaces_nobody),
        (no_ping_ever_misses, test_a_shard_that_does_not_answer_is_replaced_within_seconds_and_its_successor_watched),
        (age_is_judged_by_a_clock_that_jumps, test_a_clock_that_jumps_replaces_nobody),
        (numbers_are_used_again, test_a_successor_that_cannot_be_started_is_tried_again_under_another_number),
    ],
)
def test_the_watch_test_notices(
    sabotage: Callable[[pytest.MonkeyPatch], None], guarantee: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        guarantee()


@on_virtual_time
async def test_a_shard_that_nobody_listens_for_any_more_is_replaced_at_once() -> None:
    cluster = Cluster()

    async def refused(timeout_s: float) -> object:
        raise NotSent("connection refused")

    cluster.lives[1].ping = refused  # type: ignore[method-assign]
    await asyncio.sleep(0.1)
    assert cluster.numbers == [2]

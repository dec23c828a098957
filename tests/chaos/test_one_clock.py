"""The clock of one shard is moved, of the one that sells, and the fault counts only if those of others are right."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actors.engine import engine
from actors.journal.journal import Epoch
from tests.chaos import inner_faults
from tests.chaos.inner_faults import ClockAhead, ClockBack, ClockJumped, ClockMoved, ClockSwings, Heartbeats
from tests.chaos.patches import sitecustomize
from tests.chaos.stage import Stage
from tests.chaos.within import Within
from tests.projections.selling import World, selling

pytestmark = pytest.mark.anyio

SELLS, OTHER = "shard-2", "shard-1"
SEEN_WITHIN_S = 0.5
RIGHT_S = -0.9  # of a heartbeat that was a while ago


def engine_of(shard: str) -> engine.Engine:
    """One that never starts."""
    none: Any = SimpleNamespace(commit=None, checks=None, activation=None, snapshots=None)
    return engine.Engine(
        shard, Epoch(1, 1, 1), none, none, lambda: 100.0, lambda: b"", others=lambda _: none, cut_over=True
    )


async def check_one_clock_is_moved(folder: Path, patch: pytest.MonkeyPatch) -> None:
    with patch.context() as patched:
        patched.setattr(engine.Engine, "__init__", engine.Engine.__init__)
        patched.setattr(sitecustomize, "FOLDER", folder)
        sitecustomize.patch_engine(engine)
        within = Within(folder)
        before = engine_of(SELLS)
        assert before.clock.monotonic() == 100.0
        within.shift_clock(SELLS, 30.0)
        shown = {shard: engine_of(shard).clock.monotonic() for shard in (SELLS, OTHER)}
    assert shown == {SELLS: 130.0, OTHER: 100.0}, "it is the clock of the shard of this name, whoever succeeds it"
    assert (within.clock_shift_s(SELLS), within.clock_shift_s(OTHER)) == (30.0, 0.0)


async def test_the_clock_of_one_shard_is_moved_and_of_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_one_clock_is_moved(tmp_path, monkeypatch)


async def test_control_a_clock_that_all_shards_read_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = sitecustomize.Shifted.__init__

    def begin_as_all(self: sitecustomize.Shifted, monotonic: Callable[[], float], _: str) -> None:
        begin(self, monotonic, SELLS)

    monkeypatch.setattr(sitecustomize.Shifted, "__init__", begin_as_all)
    with pytest.raises(AssertionError):
        await check_one_clock_is_moved(tmp_path, monkeypatch)


class Setting:
    """In place of a stage: the heartbeats of two shards in Postgres, which the test writes.

    `ahead_s`: by shard, how far its heartbeats are ahead, by how far its clock was moved.
    """

    def __init__(self, world: World, folder: Path, ahead_s: Mapping[str, Callable[[float], float]]) -> None:
        self._world = world
        self._ahead_s = ahead_s
        self.within = Within(folder)

    async def fetch(self, statement: str) -> list[Any]:
        """With heartbeats as of now, and those of others who had these numbers before."""
        for shard, ahead_s in self._ahead_s.items():
            now_s = time.time() + ahead_s(self.within.clock_shift_s(SELLS))
            await self.beat(shard, 1, 0.0)
            await self.beat(shard, 2, now_s)
        found: list[Any] = await self._world.connection.fetch(statement)
        return found

    async def beat(self, shard: str, epoch: int, at_s: float) -> None:
        """A heartbeat of then."""
        await self._world.connection.execute(
            "insert into shards (shard, epoch, address, pid, heartbeat_at_ms) values ($1, $2, 'x', 1, $3)"
            " on conflict (shard, epoch) do update set heartbeat_at_ms = excluded.heartbeat_at_ms",
            shard,
            epoch,
            round(at_s * 1000),
        )


def right(_: float) -> float:
    return RIGHT_S


def moved(shift_s: float) -> float:
    return RIGHT_S + shift_s


def by_a_little(shift_s: float) -> float:
    return RIGHT_S + shift_s / 100


CASES: tuple[tuple[type[ClockMoved], Mapping[str, Callable[[float], float]], str], ...] = (
    (ClockAhead, {SELLS: moved, OTHER: right}, f"{SELLS}, which sells, +29.1 s"),
    (ClockBack, {SELLS: moved, OTHER: right}, f"{SELLS}, which sells, -30.9 s"),
    (ClockSwings, {SELLS: moved, OTHER: right}, f"{SELLS}, which sells, up to +0.6 s"),
    (ClockAhead, {SELLS: moved, OTHER: moved}, ""),
    (ClockBack, {SELLS: moved, OTHER: moved}, ""),
    (ClockSwings, {SELLS: moved, OTHER: moved}, ""),
    (ClockAhead, {SELLS: by_a_little, OTHER: right}, ""),
    (ClockSwings, {SELLS: by_a_little, OTHER: right}, ""),
    (ClockAhead, {SELLS: right, OTHER: moved}, ""),
    (ClockAhead, {SELLS: moved}, ""),
    (ClockSwings, {SELLS: moved}, ""),
)


async def effect_of(kind: type[ClockMoved], setting: Setting) -> str:
    """What is observed, in some time; none: empty."""
    fault = kind()
    fault._shard, fault._before_s = SELLS, 0.0
    stage = cast("Stage", setting)
    if isinstance(fault, ClockJumped):
        fault.shift(stage, fault.jump_s)
    try:
        async with asyncio.timeout(SEEN_WITHIN_S if isinstance(fault, ClockJumped) else None):
            return await fault.effect(stage)
    except TimeoutError:
        return ""


async def check_who_is_of_another_time(database_url: str, folder: Path) -> None:
    async with selling(database_url) as world:
        for number, (kind, ahead_s, said) in enumerate(CASES):
            await world.connection.execute("delete from shards")
            effect = await effect_of(kind, Setting(world, folder / str(number), ahead_s))
            assert bool(effect) == bool(said), f"{kind.__name__}, {number}: {effect}"
            assert said in effect, f"{kind.__name__}, {number}: {effect}"


@pytest.fixture(autouse=True)
def swings_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a test takes long."""
    monkeypatch.setattr(inner_faults, "SWING_LOOKS", 1)
    monkeypatch.setattr(inner_faults, "HALF_SWING_S", 0.05)


async def test_a_clock_counts_as_moved_if_its_shard_alone_is_of_another_time(
    own_database_url: str, tmp_path: Path
) -> None:
    await check_who_is_of_another_time(own_database_url, tmp_path)


@pytest.mark.parametrize(
    ("where", "name", "broken"),
    [
        (Heartbeats, "is_alone", lambda seen, jump_s: seen.own_ms * jump_s > 0 and abs(seen.own_ms) > 3_000),
        (Heartbeats, "is_alone", lambda *_: True),
        (inner_faults, "SWUNG_MS", 0),
    ],
    ids=["whatever others have", "in any case", "without a swing"],
)
async def test_control_clocks_that_are_all_moved_alike_are_noticed(
    own_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, name: str, broken: object
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(AssertionError):
        await check_who_is_of_another_time(own_database_url, tmp_path)

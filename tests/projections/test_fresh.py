"""Values that are known are shown, however long reading them takes. On virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from actors.database.line import LineUnavailable
from actors.projections.fresh import AWAY_S, FRESH_S, PATIENCE_S, FreshValues, ReadUnavailable
from tests.engine.stage import on_virtual_time

KEYS = range(8)
BOUND_S = 2.0
Check = Callable[[], Coroutine[Any, Any, None]]


class SlowSource:
    """Reads one value at a time, at once or in `read_s`; each is the time at which it was read."""

    def __init__(self) -> None:
        self.read_s = 0.0
        self.away = False
        self.reads = 0
        self._turn = asyncio.Lock()

    async def read(self, key: int) -> float:
        async with self._turn:
            self.reads += 1
            await asyncio.sleep(self.read_s)
            if self.away:
                raise LineUnavailable("cut off")
            return now_s()


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def seen() -> tuple[FreshValues[int, float], SlowSource]:
    """All keys are known, and none is fresh."""
    source = SlowSource()
    values = FreshValues(source.read, limit=100, monotonic=now_s)
    assert await asyncio.gather(*map(values.get, KEYS)) == [0.0] * len(KEYS)
    await asyncio.sleep(10)
    return values, source


async def check_that_the_known_is_shown_while_postgres_is_silent() -> None:
    values, source = await seen()
    source.read_s, source.away = BOUND_S, True
    assert await asyncio.gather(*map(values.get, KEYS)) == [0.0] * len(KEYS)
    assert now_s() <= 10 + PATIENCE_S + 0.01
    assert await asyncio.gather(*map(values.get, KEYS)) == [0.0] * len(KEYS)
    assert now_s() <= 10 + PATIENCE_S + 0.01, "for a second nobody waits again"
    while now_s() < 10 + 2 * BOUND_S * len(KEYS):
        await asyncio.sleep(AWAY_S)
        asked_s = now_s()
        assert await values.get(KEYS[-1]) == 0.0
        assert now_s() <= asked_s + PATIENCE_S + 0.01
    with pytest.raises(ReadUnavailable):
        await values.get(len(KEYS))


@on_virtual_time
async def test_while_postgres_is_silent_the_known_is_shown_soon() -> None:
    await check_that_the_known_is_shown_while_postgres_is_silent()


async def check_that_it_is_read_all_the_same() -> None:
    values, source = await seen()
    source.read_s = 3 * PATIENCE_S
    assert await asyncio.gather(*(values.get(KEYS[0]) for _ in range(20))) == [0.0] * 20
    await asyncio.sleep(source.read_s)
    source.read_s = 0.0
    assert (await values.get(KEYS[0]) or 0.0) > 10.0
    assert source.reads <= len(KEYS) + 2


@on_virtual_time
async def test_what_takes_long_is_read_all_the_same_and_then_shown() -> None:
    await check_that_it_is_read_all_the_same()


@on_virtual_time
async def test_who_knows_nothing_waits_for_as_long_as_it_takes() -> None:
    source = SlowSource()
    source.read_s = 10 * PATIENCE_S
    values = FreshValues(source.read, limit=100, monotonic=now_s)
    assert await values.get(1) == source.read_s


@on_virtual_time
async def test_what_is_read_soon_is_waited_for() -> None:
    values, source = await seen()
    source.read_s = PATIENCE_S / 2
    assert await values.get(KEYS[0]) == 10.0 + source.read_s
    assert source.read_s < FRESH_S
    assert await values.get(KEYS[0]) == 10.0 + source.read_s
    assert source.reads == len(KEYS) + 1


def patience_is_endless(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.projections.fresh.PATIENCE_S", 1e9)


def the_impatient_end_it(patch: pytest.MonkeyPatch) -> None:
    async def unshielded(reading: "asyncio.Task[object]") -> object:
        return await reading

    patch.setattr("actors.projections.fresh.asyncio.shield", unshielded)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (patience_is_endless, check_that_the_known_is_shown_while_postgres_is_silent),
        (the_impatient_end_it, check_that_it_is_read_all_the_same),
    ],
)
def test_the_check_notices(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, asyncio.CancelledError)):
        on_virtual_time(check)()

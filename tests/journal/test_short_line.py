"""A line where few stand: how many, and what they are told when Postgres is silent. On virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from actors.database.line import Line, LineRefused, LineUnavailable
from actors.database.short_line import AWAY_S, MAX_WAITING, ShortLine
from tests.engine.stage import on_virtual_time

BOUND_S = 5.0
Check = Callable[[], Coroutine[Any, Any, None]]


class SilentLine(Line):
    """Where each statement fails after 5 s. `answers`: what is answered at once all the same."""

    def __init__(self) -> None:
        super().__init__("postgresql://nobody@127.0.0.1:1/nothing", application_name="tests")
        self.asked: list[str] = []
        self.fault = LineUnavailable("cut off")
        self.answers: dict[str, list[Any]] = {}

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        self.asked.append(query)
        if query in self.answers:
            return self.answers[query]
        await asyncio.sleep(BOUND_S)
        raise self.fault


def short_line() -> tuple[ShortLine, SilentLine]:
    line = SilentLine()
    return ShortLine(line, monotonic=asyncio.get_running_loop().time), line


async def unavailable(line: ShortLine, query: str = "a") -> float:
    """When it was told so."""
    with pytest.raises(LineUnavailable):
        await line.fetch(query)
    return asyncio.get_running_loop().time()


async def check_that_few_wait() -> None:
    short, _ = short_line()
    loop = asyncio.get_running_loop()
    for _ in range(3):  # each wave leaves before it is answered
        wave = [loop.create_task(short.fetch("a")) for _ in range(2 * MAX_WAITING)]
        await asyncio.sleep(0.5)
        for asker in wave:
            asker.cancel()
        told = await asyncio.gather(*wave, return_exceptions=True)
        assert len(short._waiting) <= MAX_WAITING
        assert sum(isinstance(one, LineUnavailable) for one in told) >= MAX_WAITING
    assert await unavailable(short) == 1.5, "they have left, and are in line all the same"
    await asyncio.sleep(BOUND_S)
    assert not short._waiting


@on_virtual_time
async def test_few_wait_and_all_others_are_told_at_once() -> None:
    await check_that_few_wait()


async def check_that_those_behind_are_told() -> None:
    short, line = short_line()
    told_s = await asyncio.gather(*(unavailable(short) for _ in range(50)))
    assert max(told_s) == BOUND_S
    assert len(line.asked) == 1
    await asyncio.sleep(AWAY_S - 0.1)
    assert await unavailable(short) == BOUND_S + AWAY_S - 0.1
    assert len(line.asked) == 1, "Postgres is not asked again and again"
    line.answers["b"] = ["yes"]
    await asyncio.sleep(0.2)
    assert await asyncio.gather(*(short.fetch("b") for _ in range(MAX_WAITING))) == [["yes"]] * MAX_WAITING


@on_virtual_time
async def test_those_behind_one_that_was_not_answered_do_not_wait_as_long_each() -> None:
    await check_that_those_behind_are_told()


async def check_that_a_refusal_concerns_one() -> None:
    short, line = short_line()
    line.fault = LineRefused("of no use", "22P02")
    line.answers["b"] = ["yes"]
    refused = asyncio.ensure_future(short.fetch("a"))
    try:
        assert await short.fetch("b") == ["yes"]
        assert await short.fetch("b") == ["yes"]
    except LineUnavailable as fault:
        raise AssertionError("another's refusal") from fault
    assert refused.exception() is line.fault


@on_virtual_time
async def test_what_postgres_refuses_for_good_says_nothing_about_the_others() -> None:
    await check_that_a_refusal_concerns_one()


def any_number_waits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.database.short_line.MAX_WAITING", 1 << 20)


def who_leaves_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    async def asking(self: ShortLine, query: str, *arguments: object) -> list[Any]:
        return await self._fetch(query, arguments)

    patch.setattr(ShortLine, "fetch", asking)


def nobody_is_away(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.database.short_line.AWAY_S", 0.0)


def a_refusal_is_an_absence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.database.short_line.LineRefused", ZeroDivisionError)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (any_number_waits, check_that_few_wait),
        (who_leaves_is_forgotten, check_that_few_wait),
        (nobody_is_away, check_that_those_behind_are_told),
        (a_refusal_is_an_absence, check_that_a_refusal_concerns_one),
    ],
)
def test_the_check_notices(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check)()

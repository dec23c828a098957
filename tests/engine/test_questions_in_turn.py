"""Questions to a catalogue that fails: asked in turn and seldom, for those who still wait. On virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from actors.engine.catalogue_port import CatalogueUnavailable
from actors.questions import REST_S, Questions
from tests.engine.stage import on_virtual_time

ASKERS = 50
Check = Callable[[], Coroutine[Any, Any, None]]


class FailingCatalogue:
    """Fails after `silent_s`, until `back_s`; then it answers."""

    def __init__(self, silent_s: float, back_s: float) -> None:
        self.silent_s = silent_s
        self.back_s = back_s
        self.asked: list[str] = []

    async def answer(self, what: str) -> str:
        self.asked.append(what)
        if now_s() < self.back_s:
            await asyncio.sleep(self.silent_s)
            raise CatalogueUnavailable("cut off")
        await asyncio.sleep(0.001)
        return what


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def asked_until_answered(questions: Questions, catalogue: FailingCatalogue, what: str) -> str:
    """As an errand does it, that goes on until its time is up."""
    while True:
        try:
            return await questions.ask(what, lambda: catalogue.answer(what))
        except CatalogueUnavailable:
            await asyncio.sleep(0.25)


async def check_that_a_catalogue_that_is_away_is_asked_seldom() -> None:
    questions, catalogue = Questions(), FailingCatalogue(0.0, 10.5)
    answers = await asyncio.gather(
        *(asked_until_answered(questions, catalogue, f"block {number}") for number in range(ASKERS))
    )
    assert answers == [f"block {number}" for number in range(ASKERS)]
    assert len(catalogue.asked) <= ASKERS + 11 / REST_S
    assert now_s() < 11.5, "and all go on when it is back"


@on_virtual_time
async def test_a_catalogue_that_is_away_is_asked_seldom() -> None:
    await check_that_a_catalogue_that_is_away_is_asked_seldom()


async def check_that_nobody_is_asked_for_who_has_left() -> None:
    questions, catalogue = Questions(), FailingCatalogue(5.0, 5.0)
    for wave in range(3):
        leaving = [asyncio.ensure_future(asked_until_answered(questions, catalogue, f"{wave} {n}")) for n in range(99)]
        await asyncio.sleep(0.5)
        for asker in leaving:
            asker.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
    assert await asked_until_answered(questions, catalogue, "block") == "block"
    assert catalogue.asked == ["0 0", "block"]
    assert 5 + REST_S <= now_s() < 5.1 + REST_S


@on_virtual_time
async def test_what_nobody_waits_for_is_not_asked() -> None:
    await check_that_nobody_is_asked_for_who_has_left()


async def check_that_one_who_leaves_leaves_it_to_the_others() -> None:
    questions, catalogue = Questions(), FailingCatalogue(0.0, 0.0)
    first = asyncio.ensure_future(questions.ask("busy", lambda: catalogue.answer("busy")))
    askers = [asyncio.ensure_future(asked_until_answered(questions, catalogue, "block")) for _ in range(3)]
    await asyncio.sleep(0)
    askers[0].cancel()
    assert await asyncio.gather(*askers[1:]) == ["block"] * 2
    assert await first == "busy"
    assert catalogue.asked == ["busy", "block"]


@on_virtual_time
async def test_many_who_ask_the_same_ask_once_and_one_who_leaves_leaves_it_to_the_others() -> None:
    await check_that_one_who_leaves_leaves_it_to_the_others()


async def check_that_one_may_come_as_another_leaves() -> None:
    questions, catalogue = Questions(), FailingCatalogue(0.0, 0.0)
    first = asyncio.ensure_future(questions.ask("busy", lambda: catalogue.answer("busy")))
    leaving = asyncio.ensure_future(questions.ask("block", lambda: catalogue.answer("block")))
    await asyncio.sleep(0)
    leaving.cancel()
    coming = asyncio.ensure_future(questions.ask("block", lambda: catalogue.answer("block")))
    await asyncio.wait([first, leaving, coming])
    assert leaving.cancelled()
    assert not coming.cancelled()
    assert coming.result() == "block"
    assert not questions._open


@on_virtual_time
async def test_one_may_come_as_another_leaves() -> None:
    await check_that_one_may_come_as_another_leaves()


def nobody_rests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.questions.REST_S", 0.0)


def questions_outlive_their_askers(patch: pytest.MonkeyPatch) -> None:
    always = property(lambda question: True, lambda question, begun: None)
    patch.setattr("actors.questions._Question.begun", always, raising=False)


def who_leaves_ends_it(patch: pytest.MonkeyPatch) -> None:
    def alone(asking: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
        return asking

    patch.setattr("actors.questions.asyncio.shield", alone)


def what_was_withdrawn_is_joined(patch: pytest.MonkeyPatch) -> None:
    class Kept(dict[str, Any]):
        def __delitem__(self, what: str) -> None:
            """It stays."""

    build = Questions.__init__

    def keeping(self: Questions) -> None:
        build(self)
        self._open = Kept()

    patch.setattr(Questions, "__init__", keeping)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (nobody_rests, check_that_a_catalogue_that_is_away_is_asked_seldom),
        (questions_outlive_their_askers, check_that_nobody_is_asked_for_who_has_left),
        (who_leaves_ends_it, check_that_one_who_leaves_leaves_it_to_the_others),
        (what_was_withdrawn_is_joined, check_that_one_may_come_as_another_leaves),
    ],
)
def test_the_check_notices(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, asyncio.CancelledError)):
        on_virtual_time(check)()

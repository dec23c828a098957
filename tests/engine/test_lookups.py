"""What is looked up together: asked after it was asked for, by one question at a time and seldom. On virtual time."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from itertools import pairwise
from typing import Any

import pytest

from actors.engine.catalogue_port import CatalogueUnavailable
from actors.questions import LOOKUP_PAUSE_S, REST_S, Lookups
from tests.engine.stage import on_virtual_time

ASKERS = 50
ANSWER_S = 0.001
Check = Callable[[], Coroutine[Any, Any, None]]


class Shelf:
    """Where things may be looked up, and since when each is there; until `back_s` it fails, after `silent_s`."""

    def __init__(self, silent_s: float = 0.0, back_s: float = 0.0) -> None:
        self.silent_s = silent_s
        self.back_s = back_s
        self.there: dict[str, str] = {}
        self.asked: list[tuple[float, tuple[str, ...]]] = []
        self.under_way = 0
        self.begins = asyncio.Event()  # the next question
        self.lookups = Lookups(self.find)

    async def find(self, things: Collection[str]) -> Mapping[str, str]:
        self.asked.append((now_s(), tuple(sorted(things))))
        self.begins.set()
        self.begins = asyncio.Event()
        self.under_way += 1
        assert self.under_way == 1, "two questions at once"
        try:
            found = {thing: self.there[thing] for thing in things if thing in self.there}
            if now_s() < self.back_s:
                await asyncio.sleep(self.silent_s)
                raise CatalogueUnavailable("cut off")
            await asyncio.sleep(ANSWER_S)
            return found
        finally:
            self.under_way -= 1

    async def ask_until_answered(self, thing: str) -> str | None:
        """As an errand does it, that goes on until its time is up."""
        while True:
            try:
                return await self.lookups.ask(thing)
            except CatalogueUnavailable:
                await asyncio.sleep(0.25)


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def check_as_of_after_the_question() -> None:
    """At each moment of a crowd's questions something comes to be there, and is asked for at once."""
    shelf = Shelf()

    async def bystander(number: int) -> None:
        await asyncio.sleep(number * ANSWER_S / 3)
        for _ in range(10):
            await shelf.lookups.ask("thing")

    crowd = [asyncio.ensure_future(bystander(number)) for number in range(ASKERS)]
    await asyncio.sleep(0.05)
    shelf.there["thing"] = "here"
    assert await shelf.lookups.ask("thing") == "here", "told of before it was there"
    for number in range(200):
        waiting = asyncio.ensure_future(shelf.lookups.ask(f"thing {number}"))
        await asyncio.sleep(0)
        await shelf.begins.wait()
        shelf.there[f"thing {number}"] = "here"
        assert await shelf.lookups.ask(f"thing {number}") == "here", "told of before it was there"
        await waiting
    await asyncio.gather(*crowd)


async def check_seldom() -> None:
    """One who asks again and again, and then a crowd."""
    shelf = Shelf()
    for number in range(ASKERS):
        assert await shelf.lookups.ask(f"thing {number}") is None
    await asyncio.gather(*(shelf.lookups.ask(f"thing {number}") for number in range(ASKERS)))
    begun_s = [at_s for at_s, _ in shelf.asked]
    assert len(begun_s) == ASKERS + 1
    assert len(shelf.asked[-1][1]) == ASKERS
    pauses_s = [later - sooner for sooner, later in pairwise(begun_s)]
    assert min(pauses_s) > LOOKUP_PAUSE_S - 1e-9, "too often"
    assert max(pauses_s) < LOOKUP_PAUSE_S + 2 * ANSWER_S


async def check_away() -> None:
    """It cannot be asked for a while: one asker hears so each time, and all go on when it is back."""
    shelf, heard = Shelf(back_s=10.5), 0

    async def asker(number: int) -> None:
        nonlocal heard
        while True:
            try:
                assert await shelf.lookups.ask(f"thing {number}") is None
            except CatalogueUnavailable:
                heard += 1
                await asyncio.sleep(0.25)
            else:
                return

    await asyncio.gather(*(asker(number) for number in range(ASKERS)))
    assert len(shelf.asked) <= 2 + 11 / REST_S, "too often"
    assert heard <= 11 / REST_S, "everybody came again"
    assert now_s() < 11.5, "and all go on when it is back"


async def check_who_leaves() -> None:
    shelf = Shelf(5.0, 5.0)
    for wave in range(3):
        leaving = [asyncio.ensure_future(shelf.ask_until_answered(f"{wave} {number}")) for number in range(99)]
        await asyncio.sleep(0.5)
        for asker in leaving:
            asker.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
    assert not shelf.lookups._waiting, "asked for nobody"
    assert await shelf.ask_until_answered("thing") is None
    assert [things for _, things in shelf.asked[1:]] == [("thing",)], "asked for nobody"
    assert 5 + REST_S <= now_s() < 5.1 + REST_S


async def check_one_comes_as_another_leaves() -> None:
    shelf = Shelf()
    assert await shelf.lookups.ask("busy") is None  # so that the next has to pause
    leaving = asyncio.ensure_future(shelf.lookups.ask("thing"))
    await asyncio.sleep(ANSWER_S)
    leaving.cancel()
    coming = asyncio.ensure_future(shelf.lookups.ask("thing"))
    await asyncio.wait([leaving], timeout=1.0)
    assert leaving.cancelled()
    try:
        assert await asyncio.wait_for(coming, 1.0) is None
    except TimeoutError:
        raise AssertionError("nobody asks for it") from None
    assert len(shelf.asked) == 2


CHECKS = {
    "as of after the question": check_as_of_after_the_question,
    "seldom": check_seldom,
    "away": check_away,
    "who leaves": check_who_leaves,
    "one comes as another leaves": check_one_comes_as_another_leaves,
}


@pytest.mark.parametrize("what", CHECKS)
def test_it_is_looked_up(what: str) -> None:
    on_virtual_time(CHECKS[what])()


@on_virtual_time
async def test_a_bug_is_everybodys_who_asked_and_nobody_elses() -> None:
    class Wrong(Exception):
        """Nothing that passes."""

    async def fail(things: Collection[str]) -> Mapping[str, str]:
        if "wrong" in things:
            raise Wrong
        return dict.fromkeys(things, "here")

    lookups = Lookups(fail)
    asked = await asyncio.gather(lookups.ask("wrong"), lookups.ask("thing"), return_exceptions=True)
    assert [type(each) for each in asked] == [Wrong, Wrong]
    assert await lookups.ask("thing") == "here"


def who_asks_is_told_by_a_question_under_way(patch: pytest.MonkeyPatch) -> None:
    ask, under_way = Lookups[str, str].ask, dict[str, "asyncio.Task[str | None]"]()

    async def joining(self: Lookups[str, str], thing: str) -> str | None:
        if thing not in under_way or under_way[thing].done():
            under_way[thing] = asyncio.ensure_future(ask(self, thing))
        return await asyncio.shield(under_way[thing])

    patch.setattr(Lookups, "ask", joining)


def nobody_pauses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.questions.LOOKUP_PAUSE_S", 0.0)


def nobody_rests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.questions.REST_S", 0.0)


def all_are_told(patch: pytest.MonkeyPatch) -> None:
    def nobody_or_all(things: Iterable[Any], *bounds: int | None) -> Iterable[Any]:
        return () if len(bounds) > 1 else things

    patch.setattr("actors.questions.islice", nobody_or_all)


def who_leaves_stays(patch: pytest.MonkeyPatch) -> None:
    ask = Lookups[str, str].ask

    async def staying(self: Lookups[str, str], thing: str) -> str | None:
        return await asyncio.shield(asyncio.ensure_future(ask(self, thing)))

    patch.setattr(Lookups, "ask", staying)


def what_was_given_up_is_relied_on(patch: pytest.MonkeyPatch) -> None:
    def keep(self: Lookups[str, str], looking: "asyncio.Task[None] | None") -> None:
        if looking is not None:
            self.__dict__["looking"] = looking

    kept = property(lambda self: self.__dict__.get("looking"), keep)
    patch.setattr(Lookups, "_looking", kept, raising=False)


@pytest.mark.parametrize(
    ("sabotage", "check", "said"),
    [
        (who_asks_is_told_by_a_question_under_way, check_as_of_after_the_question, "told of before"),
        (nobody_pauses, check_seldom, "too often"),
        (nobody_rests, check_away, "too often"),
        (all_are_told, check_away, "everybody"),
        (who_leaves_stays, check_who_leaves, "asked for nobody"),
        (what_was_given_up_is_relied_on, check_one_comes_as_another_leaves, "nobody asks"),
    ],
)
def test_the_check_notices(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check, said: str
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=said):
        on_virtual_time(check)()

"""What is made of looks at the event on sale, in series made by hand; and how somebody looks, without a stack."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from actors.audit.ids import event_of
from actors.audit.replies import Acknowledged, Told
from loadtests.history.calls import Call, Kind, Outcome, line_of
from loadtests.history.witness import Witness
from loadtests.server import Server
from tests.chaos import looks as looks_module
from tests.chaos import onlooker as onlooker_module
from tests.chaos.looks import CLOCKS_MS, Look, ran_ahead, regarded
from tests.chaos.onlooker import COUNTS, UNITS, Onlooker
from tests.chaos.stage import MOST_TOLD, seen_too_early

BLOCK = "0123456789abcdef"
EVENT = event_of(BLOCK)
EPOCH_MS = 1_700_000_000_000
NOWHERE = Server("http://127.0.0.1:9", "127.0.0.1:9", "", "key", "operator's key")


def look(at_s: float, sequence: int = 5, age_s: float = 0.3, **changes: Any) -> Look:
    """An answer of that time, and of that age, after 0.1 s."""
    now_ms = EPOCH_MS + round(at_s * 1000)
    good = Look(EVENT, COUNTS, at_s - 0.1, at_s, now_ms, sequence, now_ms - round(age_s * 1000))
    return good._replace(**changes)


def refused(at_s: float, why: str = "UNAVAILABLE", *, is_passing: bool = True) -> Look:
    """No answer."""
    return look(at_s, 0)._replace(as_of_ms=0, why_not=why, is_passing=is_passing)


STEADY = [look(100 + number / 4, 5 + number) for number in range(41)]  # for ten seconds
GAP = [one for one in STEADY if not 103.1 < one.answered_s < 106.1]


def check_figures() -> None:
    good = regarded(STEADY, 101.0, 109.0, is_promised=True)
    assert good.wrong == []
    assert (good.unread_s, good.stalest_s, good.back_s) == pytest.approx((0.25, 0.3, 0.0))
    assert good.answered == 32
    assert regarded(GAP, 101.0, 109.0).unread_s == pytest.approx(3.25)
    assert regarded(GAP[:10], 101.0, 109.0).unread_s == pytest.approx(6.75), "nothing was shown to the end"
    assert regarded(GAP[30:], 101.0, 109.0).unread_s == pytest.approx(8.0), "nothing was ever shown"
    old = [*STEADY[:20], *(look(105 + number / 4, 25, 0.3 + number / 4) for number in range(16))]
    assert regarded(old, 101.0, 109.0, is_promised=True).stalest_s == pytest.approx(4.05)
    assert regarded(old, 101.0, 109.0, is_promised=True).wrong == [], "it says as of when it is"
    back = [*STEADY[:20], look(105.0, 25, 2.0)]
    assert regarded(back, 101.0, 105.5).back_s == pytest.approx(1.45)


WRONG: dict[str, tuple[Look, bool]] = {
    "no availability, 1 times UNAVAILABLE": (refused(105.1), True),
    "no availability, 1 times ReadTimeout": (refused(105.1, "ReadTimeout"), True),
    "1 times EVENT_NOT_FOUND instead of an answer": (refused(105.1, "EVENT_NOT_FOUND", is_passing=False), False),
    "1 times INTERNAL instead of an answer": (refused(105.1, "INTERNAL", is_passing=False), False),
    "row 9 shown behind row 25": (look(105.1, 9), True),
    "what was shown went back by 2.7 s": (look(105.1, 25, 3.1), True),
    "units are {'LOST'}": (look(105.1, 25, odd="units are {'LOST'}"), False),
    "availability as of 0.4 s after it was told": (look(105.1, 25, -0.4), False),
}


def with_one(odd: Look) -> list[Look]:
    """The steady ones, with another among them."""
    return sorted([*STEADY, odd], key=lambda one: one.answered_s)


def check_what_is_wrong() -> None:
    for said, (odd, only_where_promised) in WRONG.items():
        wrong = regarded(with_one(odd), 101.0, 109.0, is_promised=True).wrong
        assert said in wrong, f"{said} is not among {wrong}"
        assert (said in regarded(with_one(odd), 101.0, 109.0).wrong) != only_where_promised, said
        assert regarded(with_one(odd), 106.0, 109.0, is_promised=True).wrong == [], "it was before"
    assert regarded([], 101.0, 109.0, is_promised=True).wrong == ["nobody was shown any availability"]
    assert regarded([], 101.0, 109.0).wrong == []


def test_figures_are_of_the_time_that_is_asked_about() -> None:
    check_figures()


def test_what_must_not_be_is_wrong() -> None:
    check_what_is_wrong()


def test_what_clocks_and_their_faults_explain_is_not_wrong() -> None:
    assert regarded(with_one(look(105.1, 25, -CLOCKS_MS / 1000)), 101.0, 109.0).wrong == []
    assert regarded(with_one(look(105.1, 25, -4.0, ahead_ms=5_000)), 101.0, 109.0).wrong == []
    assert len(regarded(with_one(look(105.1, 25, -6.0, ahead_ms=5_000)), 101.0, 109.0).wrong) == 1


def test_an_event_that_was_created_a_moment_ago_need_not_be_shown_yet() -> None:
    fresh = [refused(99.0 + number / 4) for number in range(3)]
    assert regarded([*fresh, *STEADY], 98.0, 109.0, is_promised=True).wrong == []
    lost = [*STEADY[:8], *fresh]
    assert regarded(lost, 98.0, 109.0, is_promised=True).wrong == ["no availability, 3 times UNAVAILABLE"]


@pytest.mark.parametrize(
    ("name", "broken", "check"),
    [
        ("longest_silence", lambda *_: 0.25, check_figures),
        ("_in_turn", lambda _: [], check_figures),
        ("_falls", lambda _: [], check_what_is_wrong),
        ("_never", lambda _: {}, check_what_is_wrong),
        ("_is_early", lambda _: False, check_what_is_wrong),
        ("_once_shown", lambda looks: [one for one in looks if not one.why_not], check_what_is_wrong),
    ],
)
def test_control_who_does_not_regard_it_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[..., Any], check: Callable[[], None]
) -> None:
    monkeypatch.setattr(looks_module, name, broken)
    with pytest.raises(AssertionError):
        check()


AS_OF_MS = look(105.0).as_of_ms


@pytest.mark.parametrize(
    ("told", "is_wrong"),
    [
        ([], False),
        ([(-5_000, 4), (-1_000, 5)], False),
        ([(-5_000, 4), (-1_000, 6)], True),
        ([(-5_000, 6), (-1_000, 5)], True),
        ([(-CLOCKS_MS + 1, 6), (700, 7)], False),
    ],
)
def test_what_had_been_acknowledged_before_as_of_is_in_what_was_shown(
    told: Sequence[tuple[int, int]], is_wrong: bool
) -> None:
    writes = [((AS_OF_MS + after_ms) * 1000, row) for after_ms, row in told]
    assert bool(ran_ahead([look(105.0, 5), refused(106.0)], writes)) == is_wrong
    assert not ran_ahead([look(105.0, 5, ahead_ms=6_000)], writes), "clocks may be so far ahead"


class Rows(Witness):
    """Each write is in the row that its key names."""

    def row_of(self, call: Call) -> int:
        """So it is."""
        return int(call.key)


def test_each_look_is_held_against_the_rows_of_what_buyers_were_told(tmp_path: Path) -> None:
    told = Acknowledged(Told.HELD, f"hold_{BLOCK}00", ("A/1/1",), (), 1)
    asked_us = (AS_OF_MS - 5_000) * 1000
    calls = [
        Call("ana", Kind.HOLD, BLOCK, asked_us + row, Outcome.OK, asked_us + row, str(row), told=told) for row in (4, 7)
    ]
    calls += [Call("ana", Kind.HOLD, BLOCK, asked_us + 9, Outcome.FAIL, asked_us + 9, "9", reason="UNITS_HELD")]
    file = tmp_path / "calls.jsonl"
    file.write_bytes(b"".join(map(line_of, calls)))
    witnesses = {BLOCK: Rows(BLOCK, [], 0)}
    assert seen_too_early([look(105.0, 7)], [file], witnesses) == []
    (wrong,) = seen_too_early([look(105.0, 6)], [file], witnesses)
    assert "shown up to row 6, and row 7 had been acknowledged" in wrong
    assert seen_too_early([look(105.0, 6, event_id=event_of(BLOCK[::-1]))], [file], witnesses) == [], "another event"
    assert len(seen_too_early([look(105.0, 6)] * 9, [file], witnesses)) == MOST_TOLD


COUNTED = {"capacity": 6, "available": 3, "held": 2, "sold": 1, "blocked": 0}
SHOWN = {"sequence": 7, "as_of": "2026-01-02T03:04:05.678Z"}
WHOLE = {**SHOWN, "categories": [{"counts": COUNTED}]}
PAGE = {**SHOWN, "units": [{"status": "HELD"}, {"status": "SOLD"}]}


def seen(answer: httpx.Response | httpx.HTTPError, at: str = COUNTS) -> Look:
    """What somebody sees who is answered this."""

    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.HTTPError):
            raise answer
        return answer

    async def main() -> Look:
        onlooker = Onlooker(NOWHERE, lambda: EVENT, 6, httpx.MockTransport(handle))
        found = await onlooker.look(EVENT, at)
        await onlooker.end()
        return found

    return asyncio.run(main())


def problem(status: int, code: str, *, is_transient: bool) -> httpx.Response:
    """A refusal."""
    return httpx.Response(status, json={"code": code, "detail": "", "transient": is_transient})


def test_an_answer_is_seen_with_what_is_odd_about_it() -> None:
    for at, whole in ((COUNTS, WHOLE), (UNITS, PAGE)):
        good = seen(httpx.Response(200, json=whole), at)
        assert (good.why_not, good.odd, good.sequence, good.as_of_ms % 60_000) == ("", "", 7, 5_678), at
        assert good.counts == ((3, 2, 1) if at == COUNTS else ())
    for odd in (
        {**SHOWN},
        {**SHOWN, "categories": [{"counts": {**COUNTED, "sold": 2}}]},
        {**SHOWN, "categories": [{"counts": COUNTED}, {"counts": COUNTED}]},
        {**SHOWN, "units": [{"status": "LOST"}]},
    ):
        assert seen(httpx.Response(200, json=odd)).odd, odd


@pytest.mark.parametrize(
    ("answer", "why_not", "is_passing"),
    [
        (problem(503, "UNAVAILABLE", is_transient=True), "UNAVAILABLE", True),
        (problem(404, "EVENT_NOT_FOUND", is_transient=False), "EVENT_NOT_FOUND", False),
        (problem(500, "INTERNAL", is_transient=False), "INTERNAL", False),
        (httpx.Response(503, text="<html>"), "HTTP 503 without a code", True),
        (httpx.ReadTimeout("late"), "ReadTimeout", True),
    ],
)
def test_why_there_is_no_answer(answer: httpx.Response | httpx.HTTPError, why_not: str, is_passing: bool) -> None:
    found = seen(answer)
    assert (found.why_not, found.is_passing) == (why_not, is_passing)


def test_somebody_looks_all_the_time_and_knows_when_what_is_shown_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onlooker_module, "LOOK_EVERY_S", 0.001)
    on_sale = {"now": ""}
    old_until = 20

    async def main() -> None:
        onlooker = Onlooker(NOWHERE, lambda: on_sale["now"], 6, httpx.MockTransport(lambda _: httpx.Response(503)))

        async def look_at(event_id: str, at: str) -> Look:
            now_s = asyncio.get_running_loop().time()
            return look(now_s, age_s=9.0 if len(onlooker.looks) < old_until else 1.0, event_id=event_id, at=at)

        cast("Any", onlooker).look = look_at
        onlooker.start()
        await asyncio.sleep(0.01)
        assert onlooker.looks == [], "there is nothing to look at yet"
        on_sale["now"] = EVENT
        async with asyncio.timeout(5):
            await onlooker.until_fresh()
        assert len(onlooker.looks) > old_until
        assert {one.at for one in onlooker.looks} == {COUNTS, UNITS}
        on_sale["now"] = "another"
        async with asyncio.timeout(5):
            await onlooker.until_fresh()
        assert onlooker.looks[-1].event_id == "another"
        await onlooker.end()
        count = len(onlooker.looks)
        await asyncio.sleep(0.01)
        assert len(onlooker.looks) == count

    asyncio.run(main())


def test_who_fails_to_look_is_heard_of() -> None:
    async def main() -> None:
        onlooker = Onlooker(NOWHERE, lambda: EVENT, 6, httpx.MockTransport(lambda _: httpx.Response(200, text="{}")))
        onlooker.start()
        async with asyncio.timeout(5):
            await onlooker.until_fresh()

    with pytest.raises(Exception, match="sequence"):
        asyncio.run(main())

"""Shards that are told to stop hand over and fail no call; one that does not, and calls that fail, are noticed."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from actors.audit.replies import Told
from loadtests.history.calls import Call, Kind, Outcome, line_of
from loadtests.server import Server
from tests.chaos import stop_faults
from tests.chaos.basket_shop import BasketAsk
from tests.chaos.baskets import BasketCrowd
from tests.chaos.fault import undergo
from tests.chaos.load import Turn
from tests.chaos.organizer import Organizer
from tests.chaos.organizer_front import Deed, OrganizerAsk, Standing
from tests.chaos.stage import Stage
from tests.chaos.stop_faults import ShardsStopped, ShardStopped, code_of

SINCE_US = 1_000_000
NOWHERE = Server("http://nowhere", "nowhere:1", "postgresql://nowhere", "key", "key")
NOBODY_FOR_S = 14.0  # longer than a server lets a call wait


class ShardKilledInstead(ShardStopped):
    """It gets KILL, and can hand nothing over."""

    what = "shard killed instead of being told to stop"
    word = signal.SIGKILL


class NobodySucceeds(ShardKilledInstead):
    """It has no successor for a while, as who starts one hangs."""

    what = "shard killed, and not succeeded"
    effect_within_s = NOBODY_FOR_S + 20

    async def inflict(self, stage: Stage) -> None:
        """Whoever would notice is stopped first."""
        (self._directory,) = stage.pids("Directory")
        os.kill(self._directory, signal.SIGSTOP)
        await super().inflict(stage)

    async def effect(self, stage: Stage) -> str:
        """For as long as it is to last."""
        await asyncio.sleep(NOBODY_FOR_S)
        return "nobody served"

    async def end(self, stage: Stage) -> None:
        """Let there be one."""
        os.kill(self._directory, signal.SIGCONT)


def call(outcome: Outcome, reason: str, returned_us: int | None) -> Call:
    """One that was asked for before it began."""
    return Call("ana", Kind.HOLD, "0" * 16, 1, outcome, returned_us, "k", reason=reason)


FINE = (
    call(Outcome.OK, "", SINCE_US + 1),
    call(Outcome.FAIL, "UNITS_HELD", SINCE_US + 1),
    call(Outcome.FAIL, "UNAVAILABLE", SINCE_US - 1),
    call(Outcome.INFO, "left", SINCE_US + 1),
)
FAILED = (
    call(Outcome.FAIL, "UNAVAILABLE", SINCE_US + 1),
    call(Outcome.FAIL, "OVERLOADED", SINCE_US + 1),
    call(Outcome.INFO, "OUTCOME_UNKNOWN", SINCE_US + 1),
    call(Outcome.INFO, "HTTP: ServerDisconnectedError", SINCE_US),
    call(Outcome.INFO, "", None),
)


async def judged(
    folder: Path, *calls: Call, of_baskets: Counter[str] | None = None, of_organizer: Counter[str] | None = None
) -> list[str]:
    """What is said when buyers met this."""
    (folder / "calls").write_bytes(b"".join(map(line_of, calls)))
    fault = ShardStopped()
    fault._since_us, fault._since_s = SINCE_US, 7.0
    baskets, organizer = (
        SimpleNamespace(failed=lambda since_s, causes=causes: causes if causes and since_s == 7.0 else Counter())
        for causes in (of_baskets, of_organizer)
    )
    stage = SimpleNamespace(baskets=baskets, organizer=organizer)
    turn = SimpleNamespace(calls_files=[folder / "calls"])
    return await fault.judge(cast("Stage", stage), cast("Turn", turn))


async def check_who_failed_is_heard(folder: Path) -> None:
    assert await judged(folder, *FINE) == []
    for failed in FAILED:
        assert len(await judged(folder, *FINE, failed)) == 1, failed
    (said,) = await judged(folder, *FINE, of_baskets=Counter({"UNAVAILABLE": 2}))
    assert said == "2 calls of buyers of baskets came to nothing: UNAVAILABLE"
    (said,) = await judged(folder, *FINE, of_organizer=Counter({"OVERLOADED": 1}))
    assert said == "1 calls of an organizer came to nothing: OVERLOADED"


def test_calls_that_came_to_nothing_since_are_heard(tmp_path: Path) -> None:
    asyncio.run(check_who_failed_is_heard(tmp_path))


@pytest.mark.parametrize("name", ["TURNED_AWAY", "LEFT"])
def test_control_who_hears_too_little_or_too_much_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(stop_faults, name, ())
    with pytest.raises(AssertionError):
        asyncio.run(check_who_failed_is_heard(tmp_path))


class Answering(httpx.AsyncBaseTransport):
    """Everybody is told the same."""

    def __init__(self, answer: Callable[[], httpx.Response]) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """That."""
        return self._answer()


def refused(code: str, status: int, *, transient: bool) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "transient": transient})


def lost() -> httpx.Response:
    raise httpx.ReadError("cut")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (lambda: refused("UNAVAILABLE", 503, transient=True), "UNAVAILABLE"),
        (lost, "ReadError"),
        (lambda: refused("UNITS_HELD", 409, transient=False), ""),
    ],
)
def test_buyers_of_baskets_and_organizers_who_were_to_ask_again_are_counted(
    tmp_path: Path, answer: Callable[[], httpx.Response], cause: str
) -> None:
    async def main() -> None:
        crowd = BasketCrowd(NOWHERE, tmp_path, Answering(answer))
        await crowd._shop.ask(BasketAsk(Told.HELD, "/v1/holds", {}), "k", "ana")
        await crowd._shop.look(Kind.READ_HOLD, "hold_x", "ana")
        assert crowd.failed(0.0) == (Counter({cause: 2}) if cause else Counter())
        assert crowd.failed(1e12) == Counter(), "that was before"
        await crowd.end()
        organizer = Organizer(NOWHERE, tmp_path, Answering(answer))
        await organizer._front.ask(OrganizerAsk(Deed.OPENED, "/v1/events/x/open-sale", {}, Standing("")), "k")
        await organizer._front.read("event_x")
        assert organizer.failed(0.0) == (Counter({cause: 2}) if cause else Counter())
        assert organizer.failed(1e12) == Counter(), "that was before"
        await organizer.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([], None),
        (['{"event": "told to stop"}'], None),
        (['{"event": "told to stop"}', '{"code": 0, "event": "left"}'], 0),
        (['{"code": 1, "event": "left"}'], 1),
    ],
)
def test_who_did_not_hand_over_is_noticed(tmp_path: Path, lines: list[str], code: int | None) -> None:
    logs = tmp_path / "session_latest" / "logs"
    logs.mkdir(parents=True)
    (logs / "worker-ab-01000000-17.err").write_text("".join(f"{line}\n" for line in lines))
    (logs / "worker-ab-01000000-117.err").write_text('{"code": 7, "event": "left"}\n')
    stage = cast("Stage", SimpleNamespace(main=SimpleNamespace(folder=SimpleNamespace(ray=tmp_path))))
    assert code_of(stage, 17) == code
    fault = ShardStopped()
    fault._stopped = {17: 1}
    assert bool(asyncio.run(fault.harm(stage))) == (code != 0)


@pytest.mark.stack
@pytest.mark.long
def test_who_is_told_to_stop_hands_over_and_fails_no_call_and_who_is_killed_does_not(tmp_path: Path) -> None:
    """The latter two are the controls."""

    async def main() -> None:
        stage = Stage(tmp_path / "stack")
        try:
            await stage.start()
            turn = await stage.load.next_turn()
            for kind, said in (
                (ShardStopped, ""),
                (ShardsStopped, ""),
                (ShardKilledInstead, "did not hand over"),
                (NobodySucceeds, "came to nothing"),
            ):
                outcome, next_turn = await undergo(kind(), stage, turn, 0)
                assert outcome.effect, outcome
                assert next_turn is not None, outcome
                assert bool(outcome.wrong) == bool(said), outcome
                assert any(said in wrong for wrong in outcome.wrong) or not said, outcome
                turn = next_turn
            await turn.end()
            assert (await stage.audit()).findings == []
        finally:
            assert await stage.close() == []

    asyncio.run(main())

"""A gateway's loop stands still while its commands wait: none is sent then, as another may have said no meanwhile.

The loop does stand still here, by bounds that are shorter.
"""

import asyncio
import time

import pytest

from actors.core.outcomes import Reason
from actors.dispatch import Dispatcher
from actors.link.batch import Failed, Fault
from actors.link.coalescer import _Waiting
from actors.link.transport import NotSent
from serve import wakefulness
from serve.wakefulness import Wakefulness
from tests.engine.test_dispatch import BLOCK, COMMAND, HELD, UNKNOWN, YES, Shard, Step, reason
from tests.simulation.world import now_ms

pytestmark = pytest.mark.anyio
HANG_S = 0.5
LIMIT_MS = 10_000


@pytest.fixture(autouse=True)
def _short_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakefulness, "HANG_S", HANG_S)
    monkeypatch.setattr(wakefulness, "BEAT_S", HANG_S / 20)


async def told(shard: Shard, watched: Wakefulness, *, to_write: bool, stands_still_s: float) -> Reason | None:
    """What is said of a command whose first try has just met the shard's first step when the loop stands still."""
    hangs = watched.hangs() if to_write else None
    asked = Dispatcher(shard, now_ms).ask(
        BLOCK, COMMAND, "arena", now_ms() + LIMIT_MS, Reason.EVENT_NOT_FOUND, to_write=to_write, hangs=hangs
    )
    asking = asyncio.create_task(asked)
    async with asyncio.timeout(5):
        while not shard.is_at_last():  # noqa: ASYNC110  # a condition, not an event
            await asyncio.sleep(0)
        time.sleep(stands_still_s)  # noqa: ASYNC251  # as SIGSTOP does
        return reason(await asking)


async def check(
    first: Step, of_command: Reason | None, tries: int, *, to_write: bool = True, stands_still_s: float = 1.2 * HANG_S
) -> None:
    """Then the shard would say yes."""
    watched = Wakefulness()
    shard = Shard(first, YES, hangs=watched.hangs)
    beating = asyncio.create_task(watched.run())
    await asyncio.sleep(0)
    try:
        said = await told(shard, watched, to_write=to_write, stands_still_s=stands_still_s)
    finally:
        beating.cancel()
    assert (said, shard.tries) == (of_command, tries)


# What the first try meets; what is told of the write then; how often the shard has been asked.
WAITING: list[tuple[Step, Reason, int]] = [
    (None, Reason.DEADLINE_EXCEEDED, 0),  # the catalogue cannot be reached
    (NotSent("refused"), Reason.DEADLINE_EXCEEDED, 1),
    (Failed(Fault.UNAVAILABLE), Reason.DEADLINE_EXCEEDED, 1),
    (Failed(Fault.NOT_OWNER, "s2"), Reason.DEADLINE_EXCEEDED, 1),
    (Failed(Fault.NOT_READY), Reason.DEADLINE_EXCEEDED, 1),  # it stands in line
    (UNKNOWN, Reason.OUTCOME_UNKNOWN, 1),
    (Failed(Fault.FENCED), Reason.OUTCOME_UNKNOWN, 1),
    (Failed(Fault.DEFERRED), Reason.OUTCOME_UNKNOWN, 1),
]


@pytest.mark.parametrize(("first", "of_write", "tries"), WAITING)
async def test_what_waits_for_another_try_is_not_sent_after_a_hang(first: Step, of_write: Reason, tries: int) -> None:
    await check(first, of_write, tries)


@pytest.mark.parametrize(("first", "of_write", "tries"), WAITING)
async def test_control_what_is_sent_after_a_hang_is_noticed(
    first: Step, of_write: Reason, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Waiting, "why_late", lambda self, now_ms, hangs: "")
    with pytest.raises(AssertionError, match=f"None, {tries + 1}"):
        await check(first, of_write, tries)


@pytest.mark.parametrize(("first", "of_write", "tries"), WAITING)
async def test_what_reads_and_what_was_only_slow_is_sent(first: Step, of_write: Reason, tries: int) -> None:
    await check(first, None, tries + 1, to_write=False)
    await check(first, None, tries + 1, stands_still_s=HANG_S / 4)


@pytest.mark.parametrize(("answer", "of_write"), [(YES, None), (HELD, Reason.UNITS_HELD)])
async def test_what_was_sent_before_a_hang_is_answered_as_the_shard_says(answer: Step, of_write: Reason | None) -> None:
    await check(answer, of_write, 1)

"""A failure that nobody expects, while a block comes in, may pass: it stops the block only if it comes twice."""

import asyncio
from functools import partial

import pytest
from structlog.testing import capture_logs

from actors.core.ids import BlockId
from actors.engine.activation import Activator
from actors.engine.residence import NOT_TRIED_AGAIN_S, Residence
from actors.engine.residence import SOUNDNESS_KNOWN_S as STOPPED_S
from actors.link.batch import Answer, Failed, Fault, Replied
from tests.engine.stage import Running, Stage, hold, on_virtual_time

FAILS = "block does not come in, and nothing says why"


def failing(patch: pytest.MonkeyPatch, times: int) -> list[str]:
    """So often a claim raises what a library may raise that has a bug; a list that gets an element each time."""
    claim, failed = Activator.claim, list[str]()

    async def fails(self: Activator, *arguments: object) -> object:
        if len(failed) < times:
            failed.append("once more")
            raise AttributeError("'NoneType' object has no attribute 'bind_execute'")
        return await claim(self, *arguments)  # type: ignore[arg-type]

    patch.setattr(Activator, "claim", fails)
    return failed


async def taken_over(stage: Stage, patch: pytest.MonkeyPatch, times: int) -> tuple[Running, BlockId, list[str]]:
    """A successor that fails so often to claim a block of a shard that is dead; see `failing`."""
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    former.process.kill()
    failed = failing(patch, times)
    return await stage.engine(2), block, failed


async def asked_once(running: Running, block: BlockId) -> Answer:
    """What is answered at once, be it that the block is on its way in."""
    (answer,) = await running.send_calls([(block, hold(1, "1/1"))])
    return answer


async def check_one_that_passes(patch: pytest.MonkeyPatch) -> None:
    """The block sells as soon as it is asked for again, and the bug is told."""
    successor, block, failed = await taken_over(Stage(), patch, 1)
    with capture_logs() as logs:
        first = await asked_once(successor, block)
        assert first == Failed(Fault.NOT_READY)
        await asyncio.sleep(2 * NOT_TRIED_AGAIN_S)
        assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    assert failed == ["once more"]
    assert [log["log_level"] for log in logs if log["event"] == FAILS] == ["error"]
    assert successor.engine.counters().quarantined_count == 0


async def check_one_that_stays(patch: pytest.MonkeyPatch) -> None:
    """The second time the block is stopped, and tried again when that is over: then it sells, if the bug is gone."""
    successor, block, failed = await taken_over(Stage(), patch, 2)
    while len(failed) < 2:
        await asked_once(successor, block)
        await asyncio.sleep(2 * NOT_TRIED_AGAIN_S)
    refused = await asked_once(successor, block)
    assert isinstance(refused, Failed)
    assert refused.fault is Fault.QUARANTINED
    assert successor.engine.counters().quarantined_count == 1
    await asyncio.sleep(STOPPED_S)
    assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    assert successor.engine.counters().quarantined_count == 0


def test_one_that_passes_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    on_virtual_time(check_one_that_passes)(monkeypatch)


def test_one_that_stays_stops_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    on_virtual_time(check_one_that_stays)(monkeypatch)


def test_control_who_stops_the_block_at_once_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Residence, "_fail", Residence._quarantine)
    with pytest.raises(AssertionError):
        on_virtual_time(check_one_that_passes)(monkeypatch)


def test_control_who_tries_for_ever_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    quarantine = Residence._quarantine

    def fails_again(self: Residence, block: BlockId, why: Exception) -> None:
        (self._fail if isinstance(why, AttributeError) else partial(quarantine, self))(block, why)

    monkeypatch.setattr(Residence, "_quarantine", fails_again)
    with pytest.raises(AssertionError):
        on_virtual_time(check_one_that_stays)(monkeypatch)

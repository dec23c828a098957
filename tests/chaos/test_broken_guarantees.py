"""Guarantees that a real stack gives, each broken within its processes: the unchanged audit of `make chaos` notices.

That nothing is found without the patch is what every other run of it says; of the failover that loses rows, and of the
intrusion with heirs, and of shards that die while nothing is committed, or while what they have sent waits, which are
none of the campaign's faults, a test here.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.audit.findings import Fault as Wrong
from actors.audit.ids import block_of_event
from actors.database.connect import connect
from tests.chaos.fault import Fault, undergo
from tests.chaos.load import BUYERS
from tests.chaos.organizer_audit import LOST
from tests.chaos.organizer_front import Kind
from tests.chaos.process_faults import (
    _HELD_UP,
    _HOLD_UP,
    HELD_UP_WITHIN_S,
    QUEUES_FOR_S,
    GatewayKilled,
    ShardKilled,
    commits_held_up,
)
from tests.chaos.stage import LOOK_EVERY_S, Stage
from tests.chaos.succession_faults import BESIDE_S, Failover, TwoStacks
from tests.chaos.within import WAY_IN, Within
from tests.stack.running_stack import RunningStack, kill

pytestmark = pytest.mark.long

TRIES = 3
LOST_ROWS = 10
SHARD = "Shard"
FEW_BUYERS = 4  # who leave the second stack so much of the machine that it starts in its time
LOST_WITHIN_S = 20.0
TOLD_WITHIN_S = 10.0
MORE_TOLD = 3  # of which the last was decided when what is sent was sent

_SENDERS = "select pid from pg_stat_replication"
_LAST = "select max(position) from journal where block_id = $1"


class LosingFailover(Failover):
    """A replica that nobody waits for becomes the primary, and lacks what was committed last, while more is sent.

    It is a shard whose rows were lost under it that knows a chain which the journal does not: of two that both have the
    journal's head, one finds the place taken. It leaves when it reads a block anew that is behind what it has written.
    So nobody else buys, and a row of the event stands in the server when that dies: it is what is sent first.
    """

    what = "Postgres primary killed, a replica promoted that lags"

    async def prepare(self, stage: Stage) -> None:
        """A replica that no commit waits for; and who buys baskets, or sells, is at the end."""
        await stage.baskets.end()
        await stage.organizer.end()
        await super().prepare(stage)
        await stage.execute("alter system reset synchronous_standby_names")
        await stage.execute("select pg_reload_conf()")

    async def inflict(self, stage: Stage) -> None:
        """Send it nothing any more, and promote it when rows of the event that is on sale have come since."""
        for sender in await stage.fetch(_SENDERS):
            os.kill(sender["pid"], signal.SIGSTOP)
        block = block_of_event(stage.load.event_id)
        ((before,),) = await stage.fetch(_LAST, block)
        async with asyncio.timeout(LOST_WITHIN_S):
            while (await stage.fetch(_LAST, block))[0][0] < before + LOST_ROWS:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY_S)
        journal = await connect(stage.database.url, application_name="chaos")
        try:
            await journal.execute("begin")
            await journal.execute(_HOLD_UP)
            async with asyncio.timeout(HELD_UP_WITHIN_S):
                while not await journal.fetchval(_HELD_UP):  # noqa: ASYNC110  # Postgres rings no bell
                    await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.sleep(QUEUES_FOR_S)
            await super().inflict(stage)
        finally:
            journal.terminate()


class ShardsKilledCommitting(ShardKilled):
    """All of them, while no commit ends and what is decided waits: when the organizer was told more, if it is told."""

    what = "shards killed while nothing is committed"

    async def victims(self, stage: Stage) -> list[int]:
        """All shards."""
        return stage.pids(SHARD)

    async def inflict(self, stage: Stage) -> None:
        """When it has been told, or long enough after it should have been."""
        async with commits_held_up(stage.database.url):
            until_s = time.monotonic() + TOLD_WITHIN_S
            enough = stage.organizer.acknowledged(Kind.WHOLE) + MORE_TOLD
            while stage.organizer.acknowledged(Kind.WHOLE) < enough and time.monotonic() < until_s:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY_S)
            await super().inflict(stage)


class ShardKilledBeforeItsRows(ShardKilled):
    """The one that sells, when every buyer waits; what it has sent to Postgres by then lands when it is gone."""

    what = "shard killed while what it has sent waits in Postgres"

    async def inflict(self, stage: Stage) -> None:
        """Nobody has an answer, nor will that shard give one."""
        async with commits_held_up(stage.database.url):
            await asyncio.sleep(QUEUES_FOR_S)
            await super().inflict(stage)


class SoundIntruder(TwoStacks):
    """The second stack is not broken; how it ends is not judged, as the first one spoils what it works on."""

    def stack(self, stage: Stage) -> RunningStack:
        """One into whose processes nobody reaches."""
        other = super().stack(stage)
        del other.environ[WAY_IN]
        return other

    def end_other(self) -> None:
        """At once."""
        if self._other is not None:
            other, self._other = self._other, None
            other.kill_everything()


class SoundIntruderAndHeirs(SoundIntruder):
    """The first stack's shards die while the second one sells: their successors do not know that they were fenced."""

    async def effect(self, stage: Stage) -> str:
        """When the second one has sold something."""
        async with asyncio.timeout(BESIDE_S):
            while not await self.foreign_rows(stage):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY_S)
        kill(stage.pids(SHARD))
        return await super().effect(stage)


def hold_what_is_held(within: Within) -> None:
    """And go on selling when the stack's own auditor has seen that."""
    within.hold_what_is_held()
    within.heed_no_quarantines()


@pytest.mark.parametrize(
    ("sabotage", "fault", "tries", "found"),
    [
        (Within.answer_before_durable, ShardKilled, TRIES, Wrong.REPLY_NOT_IN_JOURNAL),
        (Within.answer_before_durable, ShardsKilledCommitting, 1, LOST),
        (Within.deny_what_may_be_done, ShardKilledBeforeItsRows, TRIES, Wrong.DONE_THOUGH_REFUSED),
        (Within.remember_no_keys, GatewayKilled, TRIES, Wrong.KEY_USED_TWICE),
        (hold_what_is_held, GatewayKilled, 1, Wrong.UNIT_CLAIMED_TWICE),
        (Within.take_conflicts_for_success, SoundIntruder, 1, Wrong.REPLY_NOT_IN_JOURNAL),
        (Within.follow_newer_generations, SoundIntruderAndHeirs, 1, Wrong.EPOCH_WENT_BACK),
        (Within.append_behind_anything, LosingFailover, 1, Wrong.ROW_MISSING),
    ],
)
def test_a_broken_guarantee_is_noticed_on_a_real_stack(
    tmp_path: Path, sabotage: Callable[[Within], None], fault: type[Fault], tries: int, found: str
) -> None:
    findings = asyncio.run(findings_of(tmp_path, sabotage, fault, tries))
    assert any(found in finding for finding in findings), findings[:20]


def test_control_who_loses_rows_and_compares_heads_leaves_no_hole(tmp_path: Path) -> None:
    findings = asyncio.run(findings_of(tmp_path, lambda _: None, LosingFailover, 1))
    assert any(Wrong.REPLY_NOT_IN_JOURNAL in finding for finding in findings), "nothing was lost"
    assert not any(wrong in finding for finding in findings for wrong in (Wrong.ROW_MISSING, Wrong.CHAIN_BROKEN))


def test_control_shards_that_die_while_nothing_is_committed_lose_nothing(tmp_path: Path) -> None:
    assert asyncio.run(findings_of(tmp_path, lambda _: None, ShardsKilledCommitting, 1)) == []


def test_control_a_shard_that_dies_before_its_rows_land_makes_nobody_a_liar(tmp_path: Path) -> None:
    assert asyncio.run(findings_of(tmp_path, lambda _: None, ShardKilledBeforeItsRows, 1)) == []


def test_control_an_intrusion_into_a_stack_that_is_not_broken_is_let_be(tmp_path: Path) -> None:
    assert asyncio.run(findings_of(tmp_path, lambda _: None, SoundIntruderAndHeirs, 1)) == []


async def findings_of(tmp_path: Path, sabotage: Callable[[Within], None], fault: type[Fault], tries: int) -> list[str]:
    """What an audit says when the stack that is broken so has undergone the fault a few times."""
    stage = Stage(tmp_path / "stack", FEW_BUYERS if issubclass(fault, TwoStacks) else BUYERS)
    try:
        await stage.start()
        sabotage(stage.within)
        turn = await stage.load.next_turn()
        for _ in range(tries):
            outcome, next_turn = await undergo(fault(), stage, turn, 0)
            assert outcome.effect, outcome
            if next_turn is None:
                break
            turn = next_turn
        else:
            await turn.end()
        return (await stage.audit(asks_product=False)).findings
    finally:
        await stage.close()

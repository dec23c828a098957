"""Guarantees that a real stack gives, each broken within its processes: the unchanged audit of `make chaos` notices.

That nothing is found without the patch is what every other run of it says.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.audit.findings import Fault as Wrong
from tests.chaos.fault import Fault, undergo
from tests.chaos.process_faults import GatewayKilled, ShardKilled
from tests.chaos.stage import Stage
from tests.chaos.succession_faults import TwoStacks
from tests.chaos.within import Within

pytestmark = pytest.mark.long

TRIES = 3


@pytest.mark.parametrize(
    ("sabotage", "fault", "found"),
    [
        (Within.answer_before_durable, ShardKilled, (Wrong.REPLY_NOT_IN_JOURNAL,)),
        (Within.remember_no_keys, GatewayKilled, (Wrong.KEY_USED_TWICE,)),
        (Within.take_conflicts_for_success, TwoStacks, (Wrong.REPLY_NOT_IN_JOURNAL,)),
        (Within.follow_newer_generations, TwoStacks, (Wrong.EPOCH_WENT_BACK,)),
    ],
)
def test_a_broken_guarantee_is_noticed_on_a_real_stack(
    tmp_path: Path, sabotage: Callable[[Within], None], fault: type[Fault], found: tuple[Wrong, ...]
) -> None:
    findings = asyncio.run(findings_of(tmp_path, sabotage, fault))
    assert any(str(wrong) in finding for finding in findings for wrong in found), findings[:20]


async def findings_of(tmp_path: Path, sabotage: Callable[[Within], None], fault: type[Fault]) -> list[str]:
    """What an audit says when the stack that is broken so has undergone the fault a few times."""
    stage = Stage(tmp_path / "stack")
    try:
        await stage.start()
        sabotage(stage.within)
        turn = await stage.load.next_turn()
        for _ in range(TRIES):
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

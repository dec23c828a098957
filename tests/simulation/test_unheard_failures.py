"""Whatever fails in a simulated run is wrong, though nobody waits for it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from actors.projections.projector import Projector
from tests.simulation import virtual_time
from tests.simulation.clocks import GatewayClock
from tests.simulation.faults import Fault
from tests.simulation.runs import simulate
from tests.simulation.shards import Cluster
from tests.simulation.virtual_time import Process
from tests.simulation.world import World

CALM: frozenset[Fault] = frozenset()


async def fail(*_: object) -> None:
    """A bug."""
    await asyncio.sleep(1.0)
    raise LookupError("a bug")


def projectors_fail(patch: pytest.MonkeyPatch) -> None:
    """In their second round."""
    round_ = Projector.round
    rounds = 0

    async def fail_later(projector: Projector) -> bool:
        nonlocal rounds
        rounds += 1
        return await (fail() if rounds > 1 else round_(projector))  # type: ignore[return-value]

    patch.setattr(Projector, "round", fail_later)


def gateways_clocks_fail(patch: pytest.MonkeyPatch) -> None:
    """After a second."""
    patch.setattr(GatewayClock, "run", fail)


def directing_fails(patch: pytest.MonkeyPatch) -> None:
    """It has no process of its own."""
    patch.setattr(Cluster, "_direct", fail)


def a_callback_fails(patch: pytest.MonkeyPatch) -> None:
    """One that is no task."""
    project = World.project

    def call_a_bug(world: World) -> object:
        asyncio.get_running_loop().call_later(1.0, lambda: dict[str, str]()["a bug"])
        return project(world)

    patch.setattr(World, "project", call_a_bug)


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (projectors_fail, "in projector 0 a task failed: Projector.run: LookupError('a bug')"),
        (gateways_clocks_fail, "in gateway 0 a task failed: fail: LookupError('a bug')"),
        (directing_fails, "nobody heard that a task failed: fail: LookupError('a bug')"),
        (a_callback_fails, "failed: KeyError('a bug')"),
    ],
)
def test_a_run_in_which_something_fails_unheard_is_wrong(
    breaks: Callable[[pytest.MonkeyPatch], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    wrong = simulate(1, faults=CALM).wrong
    assert any(said in one for one in wrong), wrong


def heard(main: Callable[[], Coroutine[Any, Any, None]]) -> list[str]:
    """What the exception handler is told of this."""
    said: list[str] = []
    virtual_time.run(main, hear=said.append)
    return said


def test_what_fails_in_a_process_that_has_died_is_not_told() -> None:
    async def main() -> None:
        process = Process("shard")

        async def die() -> None:
            process.kill()
            raise LookupError("too late")

        process.start(die())
        await asyncio.sleep(1)

    assert heard(main) == []


def test_what_somebody_waits_for_is_theirs() -> None:
    async def main() -> None:
        with pytest.raises(LookupError):
            await asyncio.create_task(fail())

    assert heard(main) == []

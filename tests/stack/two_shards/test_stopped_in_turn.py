"""`holdfast shards stop` tells one shard after the other, each when the one before has its successor."""

import asyncio
import re
from datetime import datetime
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from actors.catalogue.fleet import Fleet, ShardLine
from actors.database.connect import connect
from serve import stop_shards
from serve.local.processes import is_living
from serve.stop_shards import run_stop
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
BOUND_S, PATIENCE_S = 60.0, 30.0
HANDED_OVER = r"handed over to incarnation \d+ in \d+\.\d s"
NOT_YET = r"ended after \d+\.\d s, without a successor yet"
_REGISTERED = "select min(started_at) from shards where shard = $1 and epoch > $2"


async def serving(database_url: str) -> list[ShardLine]:
    """The shards that live and beat."""
    fleet = Fleet(database_url, application_name="tests")
    lines = [line for line in await fleet.shards() if line.pid and is_living(line.pid) and line.counters is not None]
    await fleet.close()
    return lines


async def succeeded_at(database_url: str, former: list[ShardLine]) -> dict[str, datetime | None]:
    """When each shard's successor was registered."""
    connection = await connect(database_url, application_name="tests")
    found = {line.shard: await connection.fetchval(_REGISTERED, line.shard, line.epoch) for line in former}
    await connection.close()
    return found


def told_at(running: RunningStack, line: ShardLine) -> datetime:
    """When it was told to stop, as its log says."""
    for log in running.folder.ray.glob(f"session_latest/logs/worker-*-{line.pid}.err"):
        for said in log.read_text(errors="replace").splitlines():
            if '"told to stop"' in said:
                return datetime.fromisoformat(msgspec.json.decode(said)["timestamp"])
    raise AssertionError(f"{line.shard} was not told")


def check_in_turn(running: RunningStack) -> None:
    """Of two, the second is told when the first has its successor; one to whom nobody is connected waits for none."""
    url = running.stack.database_url
    await_that("both serve", lambda: len(asyncio.run(serving(url))) == 2, PATIENCE_S)
    former = asyncio.run(serving(url))
    said, errors = StringIO(), StringIO()
    code = run_stop(url, (), BOUND_S, Console(file=said, width=200), Console(file=errors, width=200))
    assert (code, errors.getvalue()) == (stop_shards.DONE, "")
    assert re.fullmatch(rf"(shard-[12] has ({HANDED_OVER}|{NOT_YET})\n){{2}}", said.getvalue()), said.getvalue()
    first, second = sorted(former, key=lambda line: told_at(running, line))
    await_that("they have successors", lambda: None not in asyncio.run(succeeded_at(url, former)).values(), PATIENCE_S)
    first_succeeded_at = asyncio.run(succeeded_at(url, former))[first.shard]
    assert first_succeeded_at is not None
    assert first_succeeded_at < told_at(running, second), "they left together"


def test_the_second_is_told_when_the_first_has_its_successor(running: RunningStack) -> None:
    check_in_turn(running)


def test_control_who_tells_all_at_once_is_noticed(running: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_shards, "AT_ONCE", 2)
    with pytest.raises(AssertionError, match="they left together"):
        check_in_turn(running)


def test_whoever_is_left_when_time_is_short_is_told_with_all_others(
    running: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody is killed untold when it is over."""
    monkeypatch.setattr(stop_shards, "LEAVES_WITHIN_S", BOUND_S)
    with pytest.raises(AssertionError, match="they left together"):
        check_in_turn(running)

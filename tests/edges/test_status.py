"""The operator's status tells what is quarantined, and asks Postgres for it seldom."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import msgspec
import pytest

from actors.auditor.alarms import Alarm, Alarms
from actors.auditor.board import Board
from actors.auditor.figures import AuditorFigures, BlockLag
from actors.catalogue.quarantines import Quarantines
from actors.core.ids import BlockId, TenantId
from actors.core.outcomes import Rejected
from actors.database.connect import Connection, connect
from actors.database.line import LineUnavailable
from actors.projections.read_models import ReadModels
from actors.reservations import Caller, Reservations
from actors.routes import CatalogueRoutes
from serve import status
from serve.auth import Operator
from serve.local.redis import Redis
from serve.operations import Operations
from serve.status import Quarantine, QuarantinedProjection, QuarantineReader, cluster_status
from serve.wakefulness import Wakefulness
from tests.doctor.remarked import remarked_by
from tests.edges.asking import Ask, ask_http
from tests.edges.edge_stack import edges_over, operator_of

pytestmark = pytest.mark.anyio

STOPPED = [QuarantinedProjection("availability", 2), QuarantinedProjection("deadlines", 1)]


class NoShards:
    """Routes that lead nowhere."""

    def known(self) -> list[object]:
        return []


ALARM = {
    "event_id": "event_0000000000000008",
    "position": 4,
    "what": "TAIL_MISSING",
    "sentence": "it is gone",
    "old_chain": "61" * 16,
    "new_chain": "",
    "seen_count": 1,
}


@pytest.fixture
async def positions(database_url: str) -> AsyncIterator[Connection]:
    """A connection to many blocks that are followed, and three projections of blocks that are not."""
    connection = await connect(database_url, application_name="tests")
    await connection.execute("truncate projection_positions")
    await connection.execute(
        "insert into projection_positions (position, projection, block_id, chain, quarantined_because) "
        "select 1, projection, 'block ' || number, '\\x00', "
        "case when number = 1 or (number = 2 and projection = 'availability') then 'it cannot be right' end "
        "from generate_series(1, 5000) as number, unnest(array['availability', 'deadlines', 'fine']) as projection "
        "where projection <> 'fine' or number > 2"
    )
    await connection.execute("analyze projection_positions")
    yield connection
    await connection.close()


async def test_the_status_counts_what_is_quarantined_and_tells_how_far_all_is_audited(
    positions: Connection, database_url: str, redis: Redis
) -> None:
    board = Board(redis.url)
    reader = QuarantineReader(database_url, board)
    quarantine = Quarantine(reader.find)
    others = (Quarantine(reader.find_blocks), Quarantine(reader.find_alarms), Quarantine(reader.find_silent))
    lag = BlockLag("0" * 16, 12, 3.5, "it cannot be read")
    figures = AuditorFigures(block_count=7, row_count=99, lag_rows=12, lagging=(lag,))
    quarantines = Quarantines(database_url)
    await quarantines.impose(BlockId("0000000000000007"), 3, "a unit has two owners", "auditor")
    await quarantines.close()
    alarms = Alarms(database_url)
    await alarms.note(Alarm("0000000000000008", 4, "TAIL_MISSING", "it is gone", b"a" * 16))
    await alarms.close()

    async def authenticate(authorization: str | None) -> Caller | Rejected:
        return Operator(TenantId("alpha"), "alpha")

    whole = Operations(
        cast(Reservations, None),
        cast(ReadModels, None),
        authenticate,
        lambda: cluster_status(cast(CatalogueRoutes, NoShards()), quarantine, *others, board),
        Wakefulness(),
    )
    async with edges_over(whole, {operator_of("alpha"): "unused"}) as edges:
        before = (await ask_http(edges, Ask("get_status", tenant=operator_of("alpha")))).reply
        assert await board.show(figures)
        told = (await ask_http(edges, Ask("get_status", tenant=operator_of("alpha")))).reply
        redis.stop()
        away = (await ask_http(edges, Ask("get_status", tenant=operator_of("alpha")))).reply
    redis.start()
    assert told == {
        "shards": [],
        "quarantined": [
            {"projection": "availability", "block_count": 2},
            {"projection": "deadlines", "block_count": 1},
        ],
        "quarantined_blocks": [
            {
                "event_id": "event_0000000000000007",
                "since": told["quarantined_blocks"][0]["since"],
                "by": "auditor",
                "position": 3,
                "why": "a unit has two owners",
            }
        ],
        "alarms": [ALARM | {name: told["alarms"][0][name] for name in ("number", "first_seen", "last_seen")}],
        "silent": [],
        "auditor": msgspec.to_builtins(figures) | {"lagging": [msgspec.to_builtins(lag)]},
    }
    assert before == away == told | {"auditor": None}
    assert await remarked_by(reader) == (
        "1 quarantined: see holdfast quarantine list",
        "1 alarms are open, among them 1 TAIL_MISSING: see holdfast alarms list",
    )
    await reader.close()
    await board.close()


async def test_looking_at_what_is_quarantined_does_not_read_what_is_not(positions: Connection) -> None:
    plan = await positions.fetch(f"explain {status._QUERIES['quarantined']}")
    assert "projection_positions_quarantined" in "\n".join(line[0] for line in plan)


class Source:
    """The quarantine in memory, a clock to turn, and a switch to be away; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.fault: Exception = LineUnavailable()
        self.now_s = 1_000.0

    async def find(self) -> list[QuarantinedProjection]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise self.fault
        return STOPPED

    def quarantine(self) -> Quarantine[QuarantinedProjection]:
        """The quarantine over this source and its clock."""
        return Quarantine(self.find, lambda: self.now_s)


async def check_seldom() -> None:
    """Nothing is read until somebody asks, once for all who ask within the time, and again after it."""
    source = Source()
    quarantine = source.quarantine()
    assert source.asked == 0
    assert await asyncio.gather(*(quarantine.known() for _ in range(100))) == [STOPPED] * 100
    await quarantine.known()
    assert source.asked == 1
    source.now_s += status.QUARANTINE_FRESH_S
    await quarantine.known()
    assert source.asked == 2


async def test_a_hundred_askers_cost_one_reading() -> None:
    await check_seldom()


async def test_the_check_notices_when_each_costs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(status, "QUARANTINE_FRESH_S", 0.0)
    with pytest.raises(AssertionError):
        await check_seldom()


@pytest.mark.parametrize("fault", [LineUnavailable(), AttributeError("a bug")], ids=["away", "bug"])
async def test_what_cannot_be_read_is_not_told_as_none(fault: Exception) -> None:
    """An empty list says that all is well: while Postgres is away nobody knows. A bug is no end of the status."""
    source = Source()
    source.fault = fault
    quarantine = source.quarantine()
    await quarantine.known()
    source.away = True
    assert await quarantine.known() == STOPPED
    source.now_s += status.QUARANTINE_FRESH_S
    assert [await quarantine.known() for _ in range(3)] == [None] * 3
    assert source.asked == 2
    source.away = False
    source.now_s += status.QUARANTINE_FRESH_S
    assert await quarantine.known() == STOPPED

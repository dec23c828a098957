"""Who sells: what it asks over a network that loses requests and answers, of the real edges, core and journal."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx
import pytest

from actors.core import block, events
from actors.core.commands import EditEvent, FollowEvent
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import RevisionReply
from actors.core.state import BlockState
from actors.projections.availability import AvailabilityProjection
from actors.projections.projector import Projector
from loadtests.history.calls import Outcome as CallOutcome
from loadtests.server import Server
from tests.chaos import organizer as organizer_module
from tests.chaos import organizer_audit
from tests.chaos.organizer import Organizer
from tests.chaos.organizer_audit import LOST, PART_BEHIND, unkept
from tests.chaos.organizer_front import Deed, Kind, Write
from tests.edges.edge_stack import Edges, whole_edges
from tests.event_states import EventState
from tests.projections.selling import follow_all, selling

pytestmark = pytest.mark.anyio

ENOUGH = 120  # writes: several lives of both events
ENOUGH_WITHIN_S = 60.0
NOWHERE = Server("http://127.0.0.1:1", "", "", "key", "key")
UNREACHED, NO_SERVER, CUT = 0.1, 0.2, 0.3  # up to there, of all calls


class Torn(httpx.AsyncHTTPTransport):
    """A way to the server on which some calls do not arrive, and of some the answers do not; counted in `lost`."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0
        self._random = Random(7)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Or not."""
        fate = self._random.random()
        self.lost += fate < CUT
        if fate < UNREACHED:
            raise httpx.ConnectError("nobody listens")
        if fate < NO_SERVER:
            return httpx.Response(503)
        response = await super().handle_async_request(request)
        await response.aread()
        if fate < CUT:
            raise httpx.ReadError("cut")
        return response


async def follow_on(projector: Projector, edges: Edges) -> None:
    """Derive what can be read, for ever."""
    while True:
        projector.hint(edges.blocks)
        await follow_all(projector)
        await asyncio.sleep(0.05)


async def organized(database_url: str, folder: Path) -> tuple[Organizer, list[str]]:
    """An organizer that has written enough, and what is wrong."""
    transport = Torn()
    async with whole_edges(database_url, in_postgres=True) as edges, selling(database_url) as world:
        following = asyncio.create_task(follow_on(world.projector(AvailabilityProjection()), edges))
        server = Server(edges.http_url, edges.grpc_address, database_url, edges.keys["alpha"], "")
        organizer = Organizer(server, folder, transport)
        try:
            await organizer.start()
            async with asyncio.timeout(ENOUGH_WITHIN_S):
                while len(organizer.writes) < ENOUGH:  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.05)
            await organizer.end()
            wrong = [*organizer.objections(), *await unkept(database_url, organizer)]
        finally:
            await organizer.end()
            await organizer.close()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    assert transport.lost > ENOUGH // 10
    return organizer, wrong


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """It rests nowhere, and its events live for two rounds."""
    for name, value in {"PAUSE_S": 0.0, "AGAIN_S": 0.01, "ROUNDS": 2}.items():
        monkeypatch.setattr(organizer_module, name, value)
    monkeypatch.setattr(organizer_audit, "READ_WITHIN_S", 5.0)


@pytest.mark.usefixtures("in_haste")
async def test_whatever_is_lost_on_the_way_each_write_is_had_once_and_as_it_was_told(
    own_database_url: str, tmp_path: Path
) -> None:
    organizer, wrong = await organized(own_database_url, tmp_path)
    assert wrong == []
    assert set(organizer.organized.acknowledged) == {str(deed) for deed in Deed}
    assert {(one.kind, one.deed) for one in organizer.writes} >= {(kind, Deed.CLOSED) for kind in Kind}
    assert organizer.told, "nothing was held"
    assert organizer.organized.unknown == 0


def edit_nothing(state: BlockState, command: EditEvent, now_ms: int) -> Outcome:
    """As if it had."""
    outcome = events.decide_edit_event(state, command, now_ms)
    return Accepted((), outcome.reply) if isinstance(outcome, Accepted) else outcome


def follow_nothing(_: BlockState, command: FollowEvent, __: int) -> Outcome:
    """As if it had, once it is there."""
    return Accepted((), RevisionReply(command.revision), replayed=True)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda patch: patch.setitem(block._DECIDE, EditEvent, edit_nothing), LOST),
        (lambda patch: patch.setitem(block._DECIDE_ERRAND, FollowEvent, follow_nothing), PART_BEHIND),
        (lambda patch: patch.setattr("actors.core.events.remember", lambda *_, **__: None), "asked again"),
    ],
    ids=["edits nothing", "tells no part", "forgets keys"],
)
@pytest.mark.usefixtures("in_haste")
async def test_control_an_event_that_is_not_what_its_organizer_was_told_is_noticed(
    own_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[pytest.MonkeyPatch], None],
    said: str,
) -> None:
    break_it(monkeypatch)
    _, wrong = await organized(own_database_url, tmp_path)
    assert any(said in one for one in wrong), wrong[:5]


def edited(kind: Kind, outcome: CallOutcome = CallOutcome.OK) -> Write:
    """It was, or not."""
    return Write(Deed.EDITED, kind, "key", "event", outcome, EventState(3, "ON_SALE", "name", 1))


async def test_who_has_edited_nothing_or_does_not_know_what_came_of_it_objects(tmp_path: Path) -> None:
    organizer = Organizer(NOWHERE, tmp_path)
    assert len(organizer.objections()) == len(Kind)
    organizer.writes += [edited(kind) for kind in Kind] * 49
    assert organizer.objections() == []
    organizer.writes += [edited(Kind.WHOLE, CallOutcome.INFO)] * 2
    assert organizer.objections() == [], "two of a hundred are allowed"
    organizer.writes += [edited(Kind.WHOLE, CallOutcome.INFO)]
    (said,) = organizer.objections()
    assert "3 of 101 writes are of unknown outcome, over the bound of 2%" in said
    await organizer.close()

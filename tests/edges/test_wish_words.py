"""What `holdfast hold` is told to hold: best seats, times, a channel, a buyer; and words that say nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from serve import cli
from serve.local.stack import DataFolder
from serve.wish_words import wish_of_words
from tests.edges.asking import Ask, ask_http
from tests.edges.club import make_club
from tests.edges.commands import House, command
from tests.edges.edge_stack import Edges
from tests.edges.published import published
from tests.edges.refusal_house import NOWHERE_EVENT

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def house(edges: Edges, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = DataFolder(tmp_path_factory.mktemp("data"))
    with folder.held():
        published(folder, edges, edges.grpc_address)
        yield House(folder.root, NOWHERE_EVENT, Path(), "")


async def check_wishes(house: House, edges: Edges, number: int) -> None:
    """The best seats, times and a channel arrive as they were said."""
    club = await make_club(edges, f"club {number}")
    starts_at = datetime.fromtimestamp(club.tomorrow_ms / 1000, UTC).astimezone(timezone(timedelta(hours=2)))
    span = f"Court 2/{starts_at.isoformat(timespec='minutes')}/{(starts_at + timedelta(hours=2)).isoformat()}"
    words = ("--best", "2", "--best", 'Stalls, "Lawn":1', "--slot", span, "--channel", "presale", "--buyer", "ana")
    held = await command(house, "hold", club.event, *words)
    assert (held.exit_code, held.stderr) == (0, "")
    placed = msgspec.json.decode(held.stdout)
    assert placed["units"][:2] == [club.slot_name(0), club.slot_name(1)]
    assert len(placed["units"]) == 5
    shown = (await ask_http(edges, Ask("get_hold", hold_id=placed["hold_id"]))).reply
    assert (shown["channel"], shown["buyer_id"]) == ("presale", "ana")
    assert len(shown["choices"]) == 2


async def test_whatever_may_be_wished_for_is_held(house: House, edges: Edges) -> None:
    await check_wishes(house, edges, 1)


@pytest.mark.parametrize(("number", "left_out"), [(2, "best"), (3, "slots"), (4, "channel"), (5, "buyer_id")])
async def test_the_check_notices_what_is_left_out(
    house: House, edges: Edges, monkeypatch: pytest.MonkeyPatch, number: int, left_out: str
) -> None:
    """Negative control."""
    without = {left_out: () if left_out in ("best", "slots") else ""}
    monkeypatch.setattr(cli, "wish_of_words", lambda *words: msgspec.structs.replace(wish_of_words(*words), **without))
    with pytest.raises(AssertionError):
        await check_wishes(house, edges, number)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--area", "2"), "--area 2: write NAME:QUANTITY"),
        (("--best", "Seat"), "--best Seat: write QUANTITY or CATEGORIES:QUANTITY"),
        (("--best", "Seat:"), "write QUANTITY or CATEGORIES:QUANTITY"),
        (("--best", "Seat\nStand:2"), "names stand in one line"),
        (("--slot", "Court 1/2026-05-01T18:00Z"), "write RESOURCE/START/END"),
        (("--slot", "Court 1/2026-05-01T18:00/2026-05-01T19:00"), "each time with its zone"),
        (("--slot", "Court 1/noon/2026-05-01T19:00Z"), "write RESOURCE/START/END"),
        (("--slot", "Court 1/0001-01-01T00:00+02:00/2026-05-01T19:00Z"), "write RESOURCE/START/END"),
    ],
)
async def test_words_that_say_nothing_are_one_line(house: House, words: tuple[str, ...], said: str) -> None:
    ended = await command(house, "hold", house.event, *words)
    assert (ended.exit_code, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert said in line

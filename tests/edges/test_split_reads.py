"""What is read of an event that is split is what is read of any other, over both protocols, with Redis and without."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from actors.core.commands import ReadEvent
from actors.core.ids import BlockId, desks_of, event_id, part_block
from actors.core.outcomes import Reason
from actors.projections import availability_reader, listing_reader, whole
from actors.projections.live_events import LiveEvents
from actors.projections.split import Split
from actors.reservations.events import EventAsks
from serve.local.redis import Redis
from tests.edges.asking import Ask, ask_http
from tests.edges.edge_stack import Edges, whole_edges
from tests.edges.split_followed import ALPHA, ASKING, SECTIONS, House, bare, read
from tests.edges.split_house import LAYOUT, SPLIT, Pair
from tests.projections.selling import follow_all

pytestmark = pytest.mark.anyio

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
async def without_redis(anyio_backend: str, database_url: str, house: House) -> AsyncIterator[Edges]:
    """Other edges over the same, which do not reach Redis."""
    async with whole_edges(database_url, NO_REDIS) as edges:
        yield edges


async def check_counted_alike(edges: Edges, pair: Pair) -> None:
    """Counts, seats one by one, and all seats at once are those of the other event."""
    for asking in ASKING:
        split, plain = [await read(edges, asking, "get_availability", event) for event in pair]
        assert split["event_id"] == pair.split
        assert bare(split) == bare(plain)
        assert [one["section"] for one in split["sections"]] == list(SECTIONS)
        for section in SECTIONS:
            seats = [await read(edges, asking, "list_units", event, section=section) for event in pair]
            assert seats[0]["units"] == seats[1]["units"]
        statuses = [await read(edges, asking, "get_statuses", event) for event in pair]
        assert bare(statuses[0]) == bare(statuses[1])
        assert statuses[0]["sequence"] == split["sequence"]


async def check_listed_alike(edges: Edges, pair: Pair) -> None:
    """Both are in the list of events, alike, and nothing else is."""
    for asking in ASKING:
        listed = (await read(edges, asking, "list_events", "", limit=200))["events"]
        assert {one["event_id"] for one in listed if one["name"] == "Final"} == set(pair)
        of_split, of_plain = [next(one for one in listed if one["event_id"] == event) for event in pair]
        assert bare(of_split) == bare(of_plain)
        assert of_split["available"] < of_split["capacity"]


async def test_it_is_counted_alike(house: House) -> None:
    await check_counted_alike(house.edges, house.pair)


async def test_it_is_counted_alike_without_redis(house: House, without_redis: Edges) -> None:
    await check_counted_alike(without_redis, house.pair)
    await check_listed_alike(without_redis, house.pair)


async def test_what_redis_lost_is_read_in_postgres(house: House, redis: Redis) -> None:
    """All of it, or of one part."""
    live = LiveEvents(redis.url)
    home = BlockId(house.pair.split.removeprefix("event_"))
    try:
        for lost in (home, part_block(home, 0)):
            await live._redis.delete(*_keys_of(lost))
            await check_counted_alike(house.edges, house.pair)
            assert (await live.find(lost, with_seats=True)) is not None, "it is shown again"
    finally:
        await live.close()


def _keys_of(block: BlockId) -> tuple[str, str]:
    return f"holdfast:live:1:{block}", f"holdfast:live:1:{block}:changes"


async def test_the_list_of_events_has_no_parts(house: House) -> None:
    await check_listed_alike(house.edges, house.pair)


def seats_in_another_order(patch: pytest.MonkeyPatch) -> None:
    honest = whole._statuses
    patch.setattr(whole, "_statuses", lambda blocks, sections: honest(blocks, sorted(sections)))


def seats_of_home_only(patch: pytest.MonkeyPatch) -> None:
    honest = whole._by_section
    patch.setattr(whole, "_by_section", lambda shown: {} if shown.event.home else honest(shown))


def categories_of_home_only(patch: pytest.MonkeyPatch) -> None:
    honest = whole._categories
    patch.setattr(whole, "_categories", lambda blocks: honest(list(blocks)[:1]))


@pytest.mark.parametrize("sabotage", [seats_in_another_order, seats_of_home_only, categories_of_home_only])
async def test_the_check_notices_an_event_that_is_not_whole(
    house: House, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Negative control."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check_counted_alike(house.edges, house.pair)


async def test_ledgers_are_not_counted(house: House) -> None:
    """The places of a ledger are nobody's."""
    rows = await house.world.rows("select block_id from availability")
    home = BlockId(house.pair.split.removeprefix("event_"))
    shown = {home, *(part_block(home, number) for number in range(len(SPLIT)))}
    assert {block for (block,) in rows} == shown | {house.pair.plain.removeprefix("event_")}


async def test_the_layout_is_the_whole_one(house: House, without_redis: Edges) -> None:
    for edges in (house.edges, without_redis):
        for asking in ASKING:
            split, plain = [await read(edges, asking, "get_layout", event) for event in house.pair]
            assert [one["section"] for one in split["sections"]] == list(SECTIONS)
            assert bare(split) == bare(plain)
        url, headers = f"/v1/events/{house.pair.split}/layout", {"Authorization": edges.bearer("alpha")}
        first = await edges.http.get(url, headers=headers)
        again = await edges.http.get(url, headers=headers | {"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


async def check_parts_are_no_events(house: House) -> None:
    """Neither a part nor a ledger nor a desk can be read by itself, though all of them are followed."""
    home, operations = BlockId(house.pair.split.removeprefix("event_")), ("get_event", "get_availability")
    for block in [*(part_block(home, number) for number in range(2 * len(SPLIT))), *desks_of(ALPHA)]:
        for operation in (*operations, "get_layout", "get_statuses", "list_holds", "list_orders"):
            for asking in ASKING:
                refused = await asking(house.edges, Ask(operation, event_id=event_id(block)))
                assert (refused.code, refused.fields) == ("EVENT_NOT_FOUND", ()), operation


async def test_its_parts_and_ledgers_and_desks_are_no_events(house: House) -> None:
    await check_parts_are_no_events(house)


def whoever_has_a_tenant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(availability_reader, "_is_theirs", lambda shown, tenant: shown.event.tenant == tenant)


def whatever_has_lists(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(listing_reader, "desks_of", lambda _: frozenset())


def whatever_a_block_answers(patch: pytest.MonkeyPatch) -> None:
    async def get_event(asks: EventAsks, caller: Any, event_id: str, deadline_ms: int) -> Any:
        command = ReadEvent(caller.tenant)
        block = BlockId(event_id.removeprefix("event_"))
        return await asks._read(block, caller, command, deadline_ms, Reason.EVENT_NOT_FOUND)

    patch.setattr(EventAsks, "get_event", get_event)


@pytest.mark.parametrize("sabotage", [whoever_has_a_tenant, whatever_has_lists, whatever_a_block_answers])
async def test_the_check_notices_a_part_that_can_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Negative control."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check_parts_are_no_events(house)


async def check_it_is_not_there_by_halves(house: House) -> None:
    """Until all its parts are followed it is neither shown nor listed, and is not unknown."""
    body = {"name": "New", "layout": LAYOUT, "split": SPLIT}
    created = await ask_http(house.edges, Ask("create_event", body, key=house.key()))
    event = created.reply["event_id"]
    house.projector.hint([BlockId(event.removeprefix("event_"))])
    await follow_all(house.projector)
    for asking in ASKING:
        for operation in ("get_availability", "get_statuses", "get_layout"):
            refused = await asking(house.edges, Ask(operation, event_id=event))
            assert (refused.code, refused.wait_s) == ("UNAVAILABLE", 1)
        assert event not in await events_listed(house.edges, asking)
    await house.follow()
    for asking in ASKING:
        assert (await read(house.edges, asking, "get_layout", event))["seat_count"] == 96
        assert await events_listed(house.edges, asking) >= {event, *house.pair}


async def events_listed(edges: Edges, asking: Any) -> set[str]:
    """All that are, read two at a time."""
    found, cursor = set[str](), ""
    while True:
        page = await read(edges, asking, "list_events", "", limit=2, **({"cursor": cursor} if cursor else {}))
        found |= {one["event_id"] for one in page["events"]}
        cursor = page.get("next_cursor") or ""
        if not cursor:
            return found


async def test_it_is_not_there_by_halves(house: House) -> None:
    await check_it_is_not_there_by_halves(house)


async def test_the_check_notices_an_event_that_is_there_by_halves(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(Split, "parts", ())
    with pytest.raises(AssertionError):
        await check_it_is_not_there_by_halves(house)

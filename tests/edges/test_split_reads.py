"""What is read of an event that is split is what is read of any other, over both protocols, with Redis and without."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from actors.core.commands import ReadEvent
from actors.core.ids import BlockId, TenantId, desks_of, event_id, part_block
from actors.core.outcomes import Reason
from actors.core.state import BlockState
from actors.journal.journal import GENESIS
from actors.projections import availability_reader, fresh, listing, listing_reader, past, whole
from actors.projections.availability import AvailabilityProjection
from actors.projections.availability_reader import AvailabilityReader
from actors.projections.listing import ListingProjection
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.projector import Projector
from actors.projections.seat_statuses import unpack
from actors.projections.shown import Change, Shown
from actors.reservations.events import EventAsks
from serve import journal_telling, shards
from serve.cli import app
from serve.local.preflight import free_port
from serve.local.redis import Redis
from serve.ration import Ration
from serve.wire_time import rfc3339
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import plain_of, thing
from tests.edges.edge_stack import Edges, now_ms, operator_of, whole_edges
from tests.edges.split_house import SPLIT, Pair, comes_to, like, make_pair
from tests.projections.selling import World, follow_all, selling

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]
ALPHA = TenantId("alpha")
OPERATOR = operator_of("alpha")
NO_REDIS = "redis://127.0.0.1:1/0"
SECTIONS = ("north", "east", "south", "west")
LISTS = {"list_holds": "holds", "list_orders": "orders"}


class House:
    """Both events on sale, their journals in Postgres, and what follows them when it is told to."""

    def __init__(self, edges: Edges, projector: Projector, world: World) -> None:
        self.edges, self.projector, self.world = edges, projector, world
        self.pair = Pair("", "")
        self.seats = cycle(range(1, 9))
        self._asked = 0

    async def follow(self) -> None:
        """All that has happened can be read."""
        self.projector.hint(self.edges.blocks)
        await follow_all(self.projector)

    async def settle(self) -> None:
        """Nothing happens by itself any more, and all that has can be read."""
        sequences = [-1, -2]
        while sequences[-1] != sequences[-2]:
            await asyncio.sleep(0.1)
            await self.follow()
            shown = await read(self.edges, ask_http, "get_availability", self.pair.split)
            sequences.append(shown["sequence"])

    def key(self) -> str:
        """One that nobody has used."""
        self._asked += 1
        return f"{self._asked}"

    async def ask(self, operation: str, body: dict[str, Any], **ids: str) -> Any:
        """The hold or order that is answered."""
        answered = await ask_http(self.edges, Ask(operation, body, key=self.key(), **ids))  # type: ignore[arg-type]
        return thing(answered, "")

    async def hold(self, event: str, buyer: str, *units: str, floor: int = 0) -> Any:
        """A hold of these."""
        areas = [{"area": "Floor", "quantity": floor}] if floor else []
        return await self.ask("place_hold", {"units": units, "areas": areas, "buyer_id": buyer}, event_id=event)

    async def buy(self, event: str, buyer: str, *units: str, floor: int = 0) -> Any:
        """A paid order of these."""
        hold = await self.hold(event, buyer, *units, floor=floor)
        order = await self.ask("place_order", {"hold_id": hold["hold_id"]})
        order = await self.ask("confirm_order", {}, order_id=order["order_id"])
        for unit in units:
            await comes_to(self.edges, event, unit, "UNITS_SOLD")
        return order

    async def live(self, row: str) -> None:
        """The same happens to both events, and can be read."""
        for event in self.pair:
            ana, bo = f"ana-{row}", f"bo-{row}"
            paid = await self.buy(event, ana, f"north/{row}/1", f"west/{row}/2", f"south/{row}/3", floor=2)
            (ticket,) = (one["ticket_id"] for one in paid["tickets"] if one["unit"] == f"south/{row}/3")
            await self.ask("cancel_tickets", {"tickets": [ticket]}, order_id=paid["order_id"])
            await comes_to(self.edges, event, f"south/{row}/3", "")
            await self.hold(event, bo, f"east/{row}/4", f"east/{row}/5", f"north/{row}/8")
            gone = await self.hold(event, ana, f"west/{row}/7")
            await self.ask("release_hold", {}, hold_id=gone["hold_id"])
            pending = await self.hold(event, bo, f"west/{row}/8")
            await self.ask("place_order", {"hold_id": pending["hold_id"]})
            await comes_to(self.edges, event, f"west/{row}/7", "")
        await self.follow()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("redis")
    (folder / "password").write_text("for-tests-only")
    server = Redis(folder / "data", free_port(), folder / "password", log=folder / "log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def house(anyio_backend: str, database_url: str, redis: Redis) -> AsyncIterator[House]:
    """Something has happened to both events, in row A."""
    patch = pytest.MonkeyPatch()
    patch.setattr(fresh, "FRESH_S", -1.0)  # what was read serves nobody else
    patch.setattr(Ration, "turn", Ration(0.0).turn)
    live = LiveEvents(redis.url)
    async with whole_edges(database_url, redis.url, in_postgres=True) as edges, selling(database_url) as world:
        projector = world.projector(AvailabilityProjection(), ListingProjection(), display=LiveWriter(live))
        house = House(edges, projector, world)
        house.pair = await make_pair(edges, "pair")
        await house.live("A")
        yield house
    await live.close()
    patch.undo()


@pytest.fixture(scope="module")
async def without_redis(anyio_backend: str, database_url: str, house: House) -> AsyncIterator[Edges]:
    """Other edges over the same, which do not reach Redis."""
    async with whole_edges(database_url, NO_REDIS) as edges:
        yield edges


def bare(reply: Any) -> Any:
    """Without the event's id, what passes, and where both are (`like`)."""
    return like({name: value for name, value in reply.items() if name != "event_id"})


async def read(edges: Edges, asking: Any, operation: str, event: str, **asked: Any) -> Any:
    answered = await asking(edges, Ask(operation, asked, event_id=event))
    return thing(answered, "")


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
        assert {one["event_id"] for one in listed} == set(pair)
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


async def check_orders_and_holds(edges: Edges, pair: Pair) -> None:
    """Lists of holds and orders of both, under every filter, in pages of any size, over either protocol."""
    filters: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
        ("list_holds", {}, {}, 4),
        ("list_holds", {"buyer_id": "bo-A"}, {"buyer_id": "bo-A"}, 2),
        ("list_holds", {"status": "RELEASED", "buyer_id": "ana-A"}, {"status": 3, "buyer_id": "ana-A"}, 1),
        ("list_holds", {"buyer_id": "nobody"}, {"buyer_id": "nobody"}, 0),
        ("list_orders", {}, {}, 2),
        ("list_orders", {"status": "PARTLY_CANCELLED"}, {"status": 5}, 1),
        ("list_orders", {"status": "PENDING", "buyer_id": "bo-A"}, {"status": 1, "buyer_id": "bo-A"}, 1),
        ("list_orders", {"status": "PENDING", "buyer_id": "ana-A"}, {"status": 1, "buyer_id": "ana-A"}, 0),
    ]
    for operation, over_http, over_grpc, count in filters:
        for limit in (50, 1):
            lists = [
                [await listed(edges, asking, operation, event, limit, asked) for event in pair]
                for asking, asked in ((ask_http, over_http), (ask_grpc, over_grpc))
            ]
            assert lists[0][0] == lists[1][0], "over both protocols"
            assert lists[0][1] == lists[1][1], "over both protocols"
            split, plain = lists[0]
            assert len(split) == count, (operation, over_http)
            assert [like(one) for one in split] == [like(one) for one in plain]
            assert {one["event_id"] for one in split} <= {pair.split}


async def listed(
    edges: Edges, asking: Any, operation: str, event: str, limit: int, asked: dict[str, Any]
) -> list[dict[str, Any]]:
    """The whole list, but for those who only tried whether a seat can be had."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answered = await asking(edges, Ask(operation, asked | {"limit": limit} | cursor, event_id=event))
        page = thing(answered, "")
        shown = plain_of(page[LISTS[operation]], f"{LISTS[operation].upper()[:-1]}_STATUS_")
        found += [one | {"expires_in_seconds": 0} for one in shown if one["buyer_id"].endswith("-A")]
        if not page.get("next_cursor"):
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_its_holds_and_orders_are_listed_alike(house: House) -> None:
    await check_orders_and_holds(house.edges, house.pair)


async def test_the_check_notices_baskets_that_are_not_listed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: those of an event of which only a part is."""

    def those_at_home(state: BlockState, hold: Any) -> set[str]:
        basket = state.desk.baskets.get(hold.number)
        return set() if basket is None else {held.block for held in basket.held if not held.home}

    monkeypatch.setattr(listing, "_events_of", those_at_home)
    await house.world.connection.execute("delete from listed_baskets")
    await house.world.connection.execute("update projection_positions set position = 0, chain = $1", GENESIS)
    await house.follow()
    with pytest.raises(AssertionError):
        await check_orders_and_holds(house.edges, house.pair)
    monkeypatch.undo()
    await house.world.connection.execute("update projection_positions set position = 0, chain = $1", GENESIS)
    await house.follow()
    await check_orders_and_holds(house.edges, house.pair)


class Clients:
    """Some who have a seat map, and bring it up to date by what has changed since, at once or after a while."""

    def __init__(self, block: BlockId, random: Random) -> None:
        self.block, self.random = block, random
        self.changed_count = 0
        self._known: list[tuple[int | None, bytes]] = [(None, b"")]

    async def look(self, reader: AvailabilityReader) -> None:
        """What is known then is what the reader shows to who knows nothing."""
        sequence, seats = self.random.choice([self._known[-1], *self._known])
        told = await reader.seat_statuses(ALPHA, self.block, sequence)
        whole = await reader.seat_statuses(ALPHA, self.block)
        assert told is not None
        assert whole is not None
        assert told.position == whole.position, "nothing has happened meanwhile"
        mine = bytearray(seats if told.statuses is None else unpack(told.statuses))
        for seat, status in (told.changed or {}).items():
            mine[seat] = status
        self.changed_count += told.changed is not None
        assert mine == unpack(whole.statuses or b""), "it is not what there is"
        self._known.append((told.position, bytes(mine)))


async def check_since(house: House, redis: Redis, steps: int = 40) -> None:
    """Whichever gateway is asked, whatever Redis has lost, and while projections are rebuilt row by row."""
    random, event = Random(7), house.pair.split
    block, row = BlockId(event.removeprefix("event_")), "C"
    lives = [LiveEvents(redis.url) for _ in range(3)]
    readers = [AvailabilityReader(house.world.database_url, live) for live in lives[:2]]
    readers.append(AvailabilityReader(house.world.database_url))
    slow = house.world.projector(AvailabilityProjection(), display=LiveWriter(lives[2]), rows_per_slice=3)
    clients, held = Clients(block, random), dict[str, str]()
    for step in range(steps):
        unit = f"{random.choice(SECTIONS)}/{row}/{random.randint(1, 8)}"
        if unit in held:
            await house.ask("release_hold", {}, hold_id=held.pop(unit))
        else:
            wish = {"units": [unit], "buyer_id": f"{step}"}
            hold = await ask_http(house.edges, Ask("place_hold", wish, event_id=event, key=house.key()))
            held |= {} if hold.code else {unit: hold.reply["hold_id"]}
        match random.randrange(6):
            case 0:
                await lives[0]._redis.flushdb()
            case 1:
                which = random.choice([block, part_block(block, 0)])
                query = "update projection_positions set position = 0, chain = $2 where block_id = $1"
                await house.world.connection.execute(query, which, GENESIS)
        for _ in range(3):
            slow.hint(house.edges.blocks)
            await slow.round()
            await clients.look(random.choice(readers))
    assert clients.changed_count > steps // 4, "what has changed is told, not always the whole"
    for hold_id in held.values():
        await house.ask("release_hold", {}, hold_id=hold_id)
    await house.follow()
    for reader in readers:
        await reader.close()
    await lives[2].close()


async def test_who_is_told_what_has_changed_since_knows_the_whole(house: House, redis: Redis) -> None:
    await check_since(house, redis)


def sequences_of_home_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(whole, "sequence_of", lambda blocks, _: blocks[BlockId("")].position)


def sums_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(whole, "sequence_of", lambda blocks, _: sum(shown.position for shown in blocks.values()))


def changes_that_are_left_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(whole, "change_between", lambda before, _, position, __: Change(before, position, ()))


@pytest.mark.parametrize("sabotage", [sequences_of_home_only, sums_only, changes_that_are_left_out])
async def test_the_check_notices_a_sequence_that_stands_for_two(
    house: House, redis: Redis, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Negative control."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match="it is not what there is"):
        await check_since(house, redis, 80)


async def check_past(house: House, edges: Edges) -> None:
    """As of each instant it is what it was then, of all its blocks, over both protocols; and it has no sequence."""
    event, then = house.pair.split, []
    for number in (1, 2):
        for section in SECTIONS:
            seat = next(house.seats)
            await house.hold(event, f"past-{section}-{seat}", f"{section}/B/{seat}", floor=number)
        await house.settle()
        known = [
            (asking, operation, await read(edges, asking, operation, event))
            for asking in ASKING
            for operation in ("get_availability", "get_statuses")
        ]
        then.append((now_ms(), known))
        await asyncio.sleep(0.01)
    for at_ms, known in then:
        for asking, operation, was in known:
            ask = Ask(operation, {"at": rfc3339(at_ms)}, event_id=event, tenant=OPERATOR)
            shown = thing(await asking(edges, ask), "")
            assert bare(shown) == bare(was)
            assert shown["sequence"] == 0


async def test_it_is_shown_as_it_was_at_an_instant(house: House) -> None:
    await check_past(house, house.edges)


async def test_it_has_no_past_at_a_position(house: House) -> None:
    """No position is one of all its journals; and before it was there it was not there."""
    for at, problem in (
        ("4", "must be an instant, as the event is split and has no sequence of its past"),
        ("2023-01-01T00:00:00Z", "the event has no such past"),
    ):
        for asking in ASKING:
            for operation in ("get_availability", "get_statuses"):
                ask = Ask(operation, {"at": at}, event_id=house.pair.split, tenant=OPERATOR)
                refused = await asking(house.edges, ask)
                assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", (("at", problem),))
                part = event_id(part_block(BlockId(house.pair.split.removeprefix("event_")), 0))
                assert (await asking(house.edges, ask._replace(event_id=part))).code == "EVENT_NOT_FOUND"


async def test_the_check_notices_a_past_of_parts_that_are_not_asked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    honest = whole.whole_of

    def whole_of(home: Shown, parts: dict[BlockId, Shown], *, with_seats: bool) -> Shown:
        unsold = {
            block: msgspec.structs.replace(shown, statuses=bytes(len(shown.statuses))) for block, shown in parts.items()
        }
        return honest(home, unsold, with_seats=with_seats)

    monkeypatch.setattr(past, "whole_of", whole_of)
    with pytest.raises(AssertionError):
        await check_past(house, house.edges)


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


def journal(url: str, block: BlockId, *options: str) -> str:
    """What an operator sees of it."""
    done = CliRunner().invoke(app, ["journal", event_id(block), "--database-url", url, *options])
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


async def check_journals(house: House) -> None:
    """Home, parts, ledgers: each tells of its own units by name, and of the others as whoever asks names them."""
    home = BlockId(house.pair.split.removeprefix("event_"))
    blocks = [home, *(part_block(home, number) for number in range(2 * len(SPLIT)))]
    told = [
        [
            msgspec.json.decode(line)
            for line in (await asyncio.to_thread(journal, house.world.database_url, block, "--json")).splitlines()
        ]
        for block in blocks
    ]
    units_of = [
        {
            unit
            for row in rows
            for entry in row["entries"]
            if entry["kind"] == "LegPinned"
            for unit in entry["says"].get("units", ())
        }
        for rows in told
    ]
    sections = [{"west"}, *(set(group) for group in SPLIT), set(), set()]
    assert [{unit.partition("/")[0] for unit in units} for units in units_of] == sections
    assert {"west/A/2", "north/A/1", "south/A/3", "east/A/5"} <= set().union(*units_of)
    places = [place for row in told[-1] for entry in row["entries"] for place in entry["says"].get("areas", ())]
    assert {place["area"] for place in places} == {"units"}
    text = await asyncio.to_thread(journal, house.world.database_url, home)
    assert (
        f"parts {event_id(blocks[1])} (north), {event_id(blocks[2])} (east, south), {event_id(blocks[3])} (ledger)"
        in text
    )
    assert f"PartFollowed  part {event_id(blocks[3])}, revision 1" in text
    for block in blocks[1:]:
        text = await asyncio.to_thread(journal, house.world.database_url, block)
        assert f"EventFollowed  tenant alpha, home {event_id(home)}, revision 1, name Final" in text
    desks = [desk for desk in desks_of(ALPHA) if desk in house.edges.blocks]
    texts = [await asyncio.to_thread(journal, house.world.database_url, desk) for desk in desks]
    assert any(f"'counted_by': '{event_id(blocks[3])}'" in text and "'counts': " in text for text in texts)
    assert all("life_seconds" in text for text in texts if "BasketIntended" in text)


async def test_operators_can_read_its_journals(house: House) -> None:
    await check_journals(house)


async def test_the_check_notices_units_that_are_named_by_the_whole_layout(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(journal_telling, "layout_of_home", lambda layout, _: layout)
    with pytest.raises(AssertionError):
        await check_journals(house)


async def check_roles(house: House) -> None:
    """`holdfast shards list --blocks` says of each block what it is."""
    home, url = BlockId(house.pair.split.removeprefix("event_")), house.world.database_url
    for block in house.edges.blocks:
        query = "insert into blocks (block_id, tenant, shard) values ($1, 'alpha', 'shard-1') on conflict do nothing"
        await house.world.connection.execute(query, block)
    ran = await asyncio.to_thread(CliRunner().invoke, app, ["shards", "list", "--blocks", "--database-url", url])
    assert (ran.exit_code, ran.stderr) == (0, "")
    told = dict(line.split("  alpha  shard-1  version 1  ") for line in ran.stdout.splitlines())
    north, rest, *ledgers = (event_id(part_block(home, number)) for number in range(2 * len(SPLIT)))
    desks = [event_id(desk) for desk in desks_of(ALPHA) & house.edges.blocks]
    assert told == {
        house.pair.split: "home (west)",
        house.pair.plain: "event",
        north: f"part of {house.pair.split} (north)",
        rest: f"part of {house.pair.split} (east, south)",
        **dict.fromkeys(ledgers, f"ledger of {house.pair.split}"),
        **dict.fromkeys(desks, "desk"),
    }


async def test_operators_are_told_what_each_block_is(house: House) -> None:
    await check_roles(house)


async def test_the_check_notices_desks_that_are_told_like_events(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(shards, "desks_of", lambda _: frozenset())
    with pytest.raises(AssertionError):
        await check_roles(house)

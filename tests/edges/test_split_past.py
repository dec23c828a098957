"""An event that is split, as it was and since then: what has changed, and what there was."""

import asyncio
from collections.abc import Callable
from random import Random

import msgspec
import pytest

from actors.core.ids import BlockId, event_id, part_block
from actors.journal.journal import GENESIS
from actors.projections import past, whole
from actors.projections.availability import AvailabilityProjection
from actors.projections.availability_reader import AvailabilityReader
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.seat_statuses import unpack
from actors.projections.shown import Change, Shown
from serve.local.redis import Redis
from serve.wire_time import rfc3339
from tests.edges.asking import Ask, ask_http
from tests.edges.both import thing
from tests.edges.edge_stack import Edges, now_ms
from tests.edges.split_followed import ALPHA, ASKING, OPERATOR, SECTIONS, House, bare, read
from tests.edges.split_house import LAYOUT, make_pair

pytestmark = pytest.mark.anyio


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


async def check_old_layout(house: House) -> None:
    """After its prices changed, the layout of then is that of all its parts, as it was."""
    edges, event = house.edges, (await make_pair(house.edges, house.key())).split
    await house.follow()
    then = {asking: await read(edges, asking, "get_layout", event) for asking in ASKING}
    then_ms = now_ms()
    await asyncio.sleep(0.01)
    shown = await read(edges, ask_http, "get_event", event)
    layout = {**LAYOUT, "categories": [{"name": "Seat", "price": 5000}, {"name": "Floor", "price": 2500}]}
    edit = Ask("edit_event", {"layout": layout}, event_id=event, if_revision=shown["revision"], key=house.key())
    assert not (await ask_http(edges, edit)).code
    await house.settle()
    for asking in ASKING:
        newest = await read(edges, asking, "get_layout", event)
        assert (newest["layout_version"], newest["categories"][0]["price_minor"]) == (2, 5000)
        at = Ask("get_statuses", {"at": rfc3339(then_ms)}, event_id=event, tenant=OPERATOR)
        assert thing(await asking(edges, at), "")["layout_version"] == 1
        old = Ask("get_layout", {"version": 1}, event_id=event, tenant=OPERATOR)
        assert thing(await asking(edges, old), "") == then[asking], "it is not what it was"


async def test_a_layout_that_it_had_can_be_read(house: House) -> None:
    await check_old_layout(house)


async def test_the_check_notices_a_layout_of_the_home_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(past, "event_layout", lambda state: state.index.layout)
    with pytest.raises(AssertionError, match="it is not what it was"):
        await check_old_layout(house)


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

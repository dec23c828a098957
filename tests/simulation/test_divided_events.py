"""An event that is split by sections: its parts know what it knows, and what is held of it is held as of one event."""

import asyncio

import msgspec
import pytest

from actors.core import desk_state
from actors.core.baskets import MAX_LEGS
from actors.core.commands import FollowEvent
from actors.core.following import what_to_follow
from actors.core.ids import BlockId, Kind, outside_id
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Reason, Rejected
from actors.core.parts import LEDGER_AREA, Part
from actors.core.replies import EventReply, EventStatus, HoldReply, HoldStatus, OrderReply, OrderStatus
from actors.core.rules import Allotment, Channel, Rules
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from actors.engine import errands
from actors.reservations import Done, Request
from actors.reservations.divisions import Division
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER
from tests.simulation.world import World

SECTIONS = ("north", "east", "south", "west")
LAYOUT = Layout(
    "EUR",
    (Category("gold", 9000), Category("standing", 4000)),
    tuple(Section(name, tuple(Row(str(row), 0, 1, 4) for row in (1, 2))) for name in SECTIONS),
    (Area("floor", 1, 30),),
)
SPLIT = (("north",), ("east", "south"))  # west is at home


class Stadium:
    """A world without faults with one event, split, and one gateway."""

    def __init__(
        self,
        rules: Rules = Rules(),  # noqa: B008 - it is frozen
        layout: Layout = LAYOUT,
        split: tuple[tuple[str, ...], ...] = SPLIT,
    ) -> None:
        self.world = World(7, ("shard-1", "shard-2", "shard-3"), faults=False)
        self.gateway = self.world.gateway()
        self.rules, self.layout, self.split = rules, layout, split
        self.event = self.home = ""
        self._keys = 0

    def request(self, buyer: str = "ana", key: str = "") -> Request:
        self._keys += 1
        return Request(CALLER, key or f"key-{self._keys}", 15_000, buyer)

    async def create(self) -> Done[EventReply]:
        created = await self.gateway.create_event(self.request(), "final", self.layout, 600_000, self.rules, self.split)
        assert isinstance(created, Done), created
        self.home, self.event = created.block, f"event_{created.block}"
        return created

    async def open(self) -> "Stadium":
        await self.create()
        opened = await self.gateway.open_sale(self.request(), self.event)
        assert isinstance(opened, Done), opened
        assert opened.reply.behind == 0
        return self

    def state(self, block: str) -> BlockState:
        """The block, where it is claimed."""
        of = BlockId(block)
        residence = self.world.newest[self.world.catalogue.owners[of]].engine.residence
        return residence.blocks[of].state

    def parts(self) -> list[BlockState]:
        """The parts, the ledgers last."""
        return [self.state(part.block) for part in self.state(self.home).parts]

    async def hold(self, wish: Wish, buyer: str = "ana", key: str = "") -> Done[HoldReply]:
        held = await self.gateway.place_hold(self.request(buyer, key), self.event, wish)
        assert isinstance(held, Done), held
        return held

    async def refused(self, wish: Wish, buyer: str = "ana") -> Rejected:
        held = await self.gateway.place_hold(self.request(buyer), self.event, wish)
        assert isinstance(held, Rejected), held
        return held

    async def order(self, held: Done[HoldReply]) -> str:
        hold_id = outside_id(Kind.HOLD, held.block, held.reply.hold)
        ordered = await self.gateway.place_order(self.request(), hold_id)
        assert isinstance(ordered, Done), ordered
        order_id = outside_id(Kind.ORDER, ordered.block, ordered.reply.order)
        confirmed = await self.gateway.confirm_order(self.request(), order_id)
        assert isinstance(confirmed, Done), confirmed
        return order_id


@on_virtual_time
async def test_parts_are_what_their_event_is() -> None:
    stadium = Stadium(Rules(max_per_buyer=4))
    created = await stadium.create()
    assert created.reply.layout == LAYOUT
    assert created.reply.behind == 0
    home, (north, east, *ledgers) = stadium.state(stadium.home), stadium.parts()
    assert [section.name for section in home.index.layout.sections] == ["west"]
    assert [section.name for section in north.index.layout.sections] == ["north"]
    assert [section.name for section in east.index.layout.sections] == ["east", "south"]
    assert [ledger.is_ledger for ledger in ledgers] == [True, True]
    assert home.index.layout.areas == LAYOUT.areas
    assert {part.status for part in stadium.parts()} == {EventStatus.DRAFT}
    opened = await stadium.gateway.open_sale(stadium.request(), stadium.event)
    assert isinstance(opened, Done)
    assert {part.status for part in stadium.parts()} == {EventStatus.ON_SALE}
    dearer = msgspec.structs.replace(LAYOUT, categories=(Category("gold", 9900), Category("standing", 4000)))
    edited = await stadium.gateway.edit_event(
        stadium.request(), stadium.event, opened.reply.revision, layout=dearer, rules=Rules(max_per_buyer=6)
    )
    assert isinstance(edited, Done), edited
    assert edited.reply.layout == dearer
    assert {part.revision for part in (*stadium.parts(), stadium.state(stadium.home))} == {edited.reply.revision}
    assert {part.rules.max_per_buyer for part in stadium.parts()} == {6}
    assert north.index.layout.categories[0].price == 9900


@on_virtual_time
async def test_what_a_part_has_cannot_change_and_a_part_is_no_event_by_itself() -> None:
    stadium = await Stadium().open()
    shorter = msgspec.structs.replace(LAYOUT, sections=LAYOUT.sections[1:])
    revision = stadium.state(stadium.home).revision
    refused = await stadium.gateway.edit_event(stadium.request(), stadium.event, revision, layout=shorter)
    assert isinstance(refused, Rejected)
    assert refused.details.fields == ("layout.sections: the seats of north cannot change, as the event is split",)
    part = f"event_{stadium.state(stadium.home).parts.copy().popitem()[0].block}"
    for asked in (
        stadium.gateway.open_sale(stadium.request(), part),
        stadium.gateway.change_status(stadium.request(), part, EventStatus.CANCELLED),
        stadium.gateway.edit_event(stadium.request(), part, revision, name="other"),
        stadium.gateway.get_event(CALLER, part, 5_000),
        stadium.gateway.place_hold(stadium.request(), part, Wish(("north/1/1",))),
    ):
        outcome = await asked
        assert isinstance(outcome, Rejected)
        assert (outcome.reason, outcome.details.event) == (Reason.EVENT_NOT_FOUND, "")
    basket = await stadium.gateway.place_basket(stadium.request(), [(part, Wish(("north/1/1",)))])
    assert isinstance(basket, Rejected)
    assert (basket.reason, basket.details.event) == (Reason.EVENT_NOT_FOUND, part)
    (leg,) = (await stadium.hold(Wish(("north/1/1",)))).reply.legs
    assert leg.seats == ("north/1/1",), "nobody has it"


@on_virtual_time
async def test_a_hold_over_parts_is_one_hold() -> None:
    stadium = await Stadium().open()
    wish = Wish(("north/1/1", "south/2/4", "west/1/1"), (AreaPlaces("floor", 2),))
    held = await stadium.hold(wish, key="mine")
    (leg,) = held.reply.legs
    assert (leg.block, set(leg.seats), leg.areas) == (stadium.home, set(wish.seats), wish.areas)
    assert held.reply.price.total == 3 * 9000 + 2 * 4000
    assert held.reply.expires_at_ms == held.reply.now_ms + 600_000
    again = await stadium.hold(wish, key="mine")
    assert again.replayed
    assert again.reply.hold == held.reply.hold
    assert (await stadium.refused(Wish(("south/2/4",)))).reason is Reason.UNITS_HELD
    unknown = await stadium.refused(Wish(("nowhere/1/1",)))
    assert (unknown.reason, unknown.details.units) == (Reason.UNIT_UNKNOWN, ("nowhere/1/1",))


@on_virtual_time
async def test_the_best_seats_are_found_in_whichever_part_has_them() -> None:
    stadium = await Stadium().open()
    sections = []
    for _ in range(8):
        held = await stadium.hold(Wish(best=(BestSeats(4),)))
        sections.append(held.reply.legs[0].seats[0].split("/")[0])
    assert sections == ["north", "north", "east", "east", "south", "south", "west", "west"]
    assert (await stadium.refused(Wish(best=(BestSeats(1),)))).reason is Reason.NOT_ENOUGH_AVAILABLE
    assert (await stadium.refused(Wish(best=(BestSeats(1, ("south", "west")),)))).reason is Reason.NOT_ENOUGH_AVAILABLE


@on_virtual_time
async def test_sections_say_where_to_look() -> None:
    stadium = await Stadium().open()
    held = await stadium.hold(Wish(best=(BestSeats(2, ("west", "south")), BestSeats(2, ("north",)))))
    assert sorted({seat.split("/")[0] for seat in held.reply.legs[0].seats}) == ["north", "south"]


@on_virtual_time
async def test_a_hold_is_of_eight_parts_at_most() -> None:
    names = tuple(f"s{number}" for number in range(MAX_LEGS + 1))
    sections = tuple(Section(name, (Row("1", 0, 1, 2),)) for name in names)
    layout = Layout("EUR", (Category("gold", 9000),), sections, ())
    stadium = await Stadium(layout=layout, split=tuple((name,) for name in names)).open()
    refused = await stadium.refused(Wish(tuple(f"{name}/1/1" for name in names)))
    assert refused.reason is Reason.INVALID_ARGUMENT
    assert refused.details.fields == ("units: are of more than 8 parts of the event",)
    eight = tuple(f"{name}/1/1" for name in names[:MAX_LEGS])
    (leg,) = (await stadium.hold(Wish(eight))).reply.legs
    assert sorted(leg.seats) == sorted(eight)


async def check_limit() -> None:
    stadium = await Stadium(Rules(max_per_buyer=4)).open()
    await stadium.hold(Wish(("north/1/1", "north/1/2")))
    await stadium.hold(Wish(("west/1/1",)))
    too_many = await stadium.refused(Wish(("east/1/1", "east/1/2")))
    assert (too_many.reason, too_many.details.available) == (Reason.BUYER_LIMIT_EXCEEDED, 1)
    await asyncio.sleep(1)  # what was placed before the refusal is given back
    await stadium.hold(Wish(("east/1/1", "east/1/2")), "bob")
    order = await stadium.order(await stadium.hold(Wish(("east/1/3",))))
    await asyncio.sleep(1)
    assert (await stadium.refused(Wish(("east/1/4",)))).reason is Reason.BUYER_LIMIT_EXCEEDED
    swapped = await stadium.gateway.exchange_tickets(
        stadium.request(), order, (0,), Wish(("south/1/1",)), stadium.event
    )
    assert isinstance(swapped, Done), swapped
    more = await stadium.gateway.exchange_tickets(
        stadium.request(), order, (1,), Wish(("south/1/2", "south/1/3")), stadium.event
    )
    assert isinstance(more, Rejected)
    assert more.reason in (Reason.INVALID_ARGUMENT, Reason.BUYER_LIMIT_EXCEEDED)
    await asyncio.sleep(1)
    assert (await stadium.refused(Wish(("east/1/4",)))).reason is Reason.BUYER_LIMIT_EXCEEDED
    cancelled = await stadium.gateway.cancel_order(stadium.request(), order)
    assert isinstance(cancelled, Done), cancelled
    await asyncio.sleep(1)
    await stadium.hold(Wish(("east/1/4",)))


def test_what_a_buyer_has_in_all_parts_is_limited() -> None:
    on_virtual_time(check_limit)()


def test_the_check_notices_parts_that_count_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: nobody counts what a buyer has in all parts together."""
    monkeypatch.setattr(Division, "_ledger_of", lambda self, _: None)
    monkeypatch.setattr(BlockState, "is_ledger", True)
    with pytest.raises(AssertionError):
        on_virtual_time(check_limit)()


def test_the_check_notices_a_ledger_that_never_counts_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what is given back counts for ever."""
    monkeypatch.setattr(desk_state, "count_less", lambda *_: {})
    with pytest.raises(AssertionError):
        on_virtual_time(check_limit)()


async def check_ledgers_count_places_of_no_area() -> None:
    """Whatever an area is called of which places are set aside."""
    layout = msgspec.structs.replace(LAYOUT, areas=(Area(LEDGER_AREA, 1, 30),))
    allotment = Allotment("box", "box", places=(AreaPlaces(LEDGER_AREA, 200),))
    rules = Rules(max_per_buyer=4, channels=(Channel("box"),), allotments=(allotment,))
    stadium = await Stadium(rules, layout).open()
    await stadium.hold(Wish(("north/1/1",)))
    assert (await stadium.refused(Wish(areas=(AreaPlaces(LEDGER_AREA, 1),)))).reason is Reason.NOT_ENOUGH_AVAILABLE


def test_what_is_set_aside_of_an_area_is_none_of_the_ledgers_business() -> None:
    on_virtual_time(check_ledgers_count_places_of_no_area)()


def test_the_check_notices_a_ledger_that_sets_places_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: ledgers are told all rules."""

    def with_all_rules(state: BlockState, home: str, part: Part) -> FollowEvent:
        return msgspec.structs.replace(what_to_follow(state, home, part), rules=state.rules)

    monkeypatch.setattr(errands, "what_to_follow", with_all_rules)
    with pytest.raises(AssertionError):
        on_virtual_time(check_ledgers_count_places_of_no_area)()


@on_virtual_time
async def test_an_event_that_is_cancelled_ends_what_is_held_of_its_parts() -> None:
    stadium = await Stadium(Rules(max_per_buyer=8)).open()
    held = await stadium.hold(Wish(("north/1/1", "west/1/1")))
    order = await stadium.order(await stadium.hold(Wish(("south/1/1", "east/1/1"))))
    cancelled = await stadium.gateway.change_status(stadium.request(), stadium.event, EventStatus.CANCELLED)
    assert isinstance(cancelled, Done), cancelled
    await asyncio.sleep(10)
    seen = await stadium.gateway.get_hold(CALLER, outside_id(Kind.HOLD, held.block, held.reply.hold), 5_000)
    assert isinstance(seen, Done)
    assert seen.reply.status is HoldStatus.RELEASED
    bought: Done[OrderReply] | Rejected = await stadium.gateway.get_order(CALLER, order, 5_000)
    assert isinstance(bought, Done)
    assert bought.reply.status is OrderStatus.CANCELLED
    for part in (*stadium.parts(), stadium.state(stadium.home)):
        assert not any(part.inventory.owners)
        assert not any((*part.inventory.area_held, *part.inventory.area_sold))

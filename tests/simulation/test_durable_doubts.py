"""A desk is asked by what was durable: no order ends with an event whose end is only in a memory that then dies."""

import asyncio

import pytest

from actors.core.entries import StatusChanged
from actors.core.ids import BlockId, Kind, outside_id
from actors.core.replies import EventStatus, HoldStatus
from actors.core.wishes import BestSeats, Wish
from actors.engine.errands import Errands, _errand
from actors.engine.hosted import HostedBlock
from actors.engine.ways import About
from actors.journal.codec import decode_entries
from actors.journal.memory import Statement
from actors.reservations import Done
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER
from tests.simulation.test_divided_events import LAYOUT, Stadium

SLOW_S = 0.05
ASKS_S = 19.0  # a moment before the leg asks its desk: 15 s for placing, and 5 s


class Journal:
    """From `begin` on the block's head takes a while to look up, and the end of its event never becomes durable."""

    def __init__(self, stadium: Stadium, block: BlockId) -> None:
        self._block = block
        self._is_on = False
        self.asked = asyncio.Event()
        self.stuck = asyncio.Event()
        stadium.world.journal_faults.before = self.before  # type: ignore[method-assign]

    def begin(self) -> None:
        self._is_on = True

    def end(self) -> None:
        self._is_on = False

    async def before(self, statement: Statement) -> None:
        await asyncio.sleep(0.001)
        if not self._is_on:
            return
        rows = [new.row for new in statement.rows if new.row.block == self._block]
        if any(isinstance(entry, StatusChanged) for row in rows for entry in decode_entries(row.entries)):
            self.stuck.set()
            await asyncio.Event().wait()
        if statement.name == "heads" and self._block in statement.blocks:
            self.asked.set()
            await asyncio.sleep(SLOW_S)


async def check_doubt() -> None:
    """The event is cancelled while a leg of it is about to ask, and its shard dies before that is durable."""
    stadium, events = Stadium(), list[BlockId]()
    for number in range(2):
        created = await stadium.gateway.create_event(
            stadium.request(), f"plain {number}", LAYOUT, 600_000, stadium.rules
        )
        assert isinstance(created, Done), created
        events.append(created.block)
        await stadium.gateway.open_sale(stadium.request(), f"event_{created.block}")
    block, owners = events[0], stadium.world.catalogue.owners
    while True:  # under key after key
        wishes = [(f"event_{event}", Wish(best=(BestSeats(1),))) for event in events]
        held = await stadium.gateway.place_basket(stadium.request(), wishes)
        assert isinstance(held, Done), held
        if owners[held.block] != owners[block]:
            break
    other = stadium.world.gateway()
    await other.get_event(CALLER, f"event_{block}", 5_000)
    journal = Journal(stadium, block)
    await asyncio.sleep(ASKS_S)
    journal.begin()
    await asyncio.wait_for(journal.asked.wait(), 10)
    cancelling = asyncio.ensure_future(other.change_status(stadium.request(), f"event_{block}", EventStatus.CANCELLED))
    await asyncio.wait_for(journal.stuck.wait(), 5)
    await asyncio.sleep(6 * SLOW_S)
    cancelling.cancel()
    journal.end()
    shard = owners[block]
    stadium.world.newest[shard].process.kill()
    stadium.world.succeed(shard)
    await asyncio.sleep(5)
    event = await stadium.gateway.get_event(CALLER, f"event_{block}", 5_000)
    assert isinstance(event, Done), event
    assert event.reply.status is EventStatus.ON_SALE, "it never ended"
    basket = await stadium.gateway.get_hold(CALLER, outside_id(Kind.HOLD, held.block, held.reply.hold), 5_000)
    assert isinstance(basket, Done), basket
    assert basket.reply.status is HoldStatus.ACTIVE, "the basket is gone"


def test_who_has_a_basket_keeps_it_though_the_end_of_an_event_was_in_memory() -> None:
    on_virtual_time(check_doubt)()


def test_the_check_notices_a_question_of_what_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what is asked is made up when it is asked."""
    run = Errands._run

    async def late(self: Errands, hosted: HostedBlock, about: About, _: object) -> None:
        await run(self, hosted, about, _errand(hosted, about))

    monkeypatch.setattr(Errands, "_run", late)
    with pytest.raises(AssertionError, match="the basket is gone"):
        on_virtual_time(check_doubt)()

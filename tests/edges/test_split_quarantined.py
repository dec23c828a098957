"""Of an event that is split and quarantined as a whole nothing is held any more; desks go on with what was held."""

import asyncio

import pytest

from actors.core.ids import BlockId, part_block
from tests.edges.asking import Ask, ask_http
from tests.edges.both import thing
from tests.edges.edge_stack import Edges
from tests.edges.split_house import SPLIT, comes_to, make_pair

pytestmark = pytest.mark.anyio

HEARD_S = 1.2  # a heartbeat, and more


async def check_what_was_held(edges: Edges, *, is_whole: bool) -> None:
    """It is paid while all blocks are quarantined, which they are told afterwards; nothing else of it is held."""
    key = f"whole {is_whole}"
    event = (await make_pair(edges, key)).split
    home = BlockId(event.removeprefix("event_"))
    blocks = {home, *(part_block(home, number) for number in range(2 * len(SPLIT)))} if is_whole else {home}

    async def ask(operation: str, body: dict[str, object], **ids: str) -> str:
        answered = await ask_http(edges, Ask(operation, body, key=f"{key} {operation} {body}", **ids))  # type: ignore[arg-type]
        return answered.code or str(thing(answered, "")["order_id" if "order" in operation else "hold_id"])

    async def held(*units: str) -> str:
        return await ask("place_hold", {"units": units, "buyer_id": "ana"}, event_id=event)

    hold = await held("north/A/1", "south/A/1")
    edges.quarantined.update(blocks)
    try:
        await asyncio.sleep(HEARD_S)
        for section in ("north", "south", "west"):
            assert await held(f"{section}/B/1") == "UNAVAILABLE"
        order = await ask("place_order", {"hold_id": hold})
        assert await ask("confirm_order", {}, order_id=order) == order
    finally:
        edges.quarantined.difference_update(blocks)
    await asyncio.sleep(HEARD_S)
    for unit in ("north/A/1", "south/A/1"):
        await comes_to(edges, event, unit, "UNITS_SOLD")


async def test_what_was_held_can_be_paid_and_nothing_else_is_held(edges: Edges) -> None:
    await check_what_was_held(edges, is_whole=True)


async def test_control_a_part_that_is_not_stopped_is_noticed(edges: Edges) -> None:
    """As it was: where the home alone was quarantined, its parts sold on."""
    with pytest.raises(AssertionError, match="hold_"):
        await check_what_was_held(edges, is_whole=False)

"""Events that sold a unit twice, and what an operator had struck of their journals."""

import msgspec

from actors.core.commands import Correct
from actors.core.corrections import decide_correct
from actors.core.entries import Corrected, HoldPlaced
from actors.core.state import BlockState
from actors.engine.striking import to_strike
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.striking import Struck, by_row, fold_row, struck_behind
from tests.projections.selling import SellingEvent

TWICE = 1_000_000
"""The number of a second hold of the same seats is so much higher."""


async def sell_twice(event: SellingEvent, seat: str = "Hall/C/1") -> tuple[int, int]:
    """Another owner, who does not see that somebody has this seat, holds it: the numbers of both holds."""
    held = event.hold(seat)
    assert await event.sell(held) == 1
    placed = [entry for entry in decode_entries(event.rows[-1].entries) if isinstance(entry, HoldPlaced)][-1]
    again = msgspec.structs.replace(placed, hold=held.hold + TWICE, key=b"k" * 16)
    await event.append_bytes(encode_entries([again]))
    return held.hold, again.hold


async def strike(event: SellingEvent, *given_up: int) -> Struck:
    """The correction is in the journal, and the event as it is from then on."""
    struck = await to_strike(event.journal, event.block, given_up)
    assert struck
    event.state = await state_without(event, struck)
    wish = Correct(1, len(event.rows), "mara", "sold twice", event.now_ms, strikes=True, given_up=given_up)
    entry = decide_correct(event.state, wish, event.now_ms, by_row(struck))
    assert isinstance(entry, Corrected)
    await event.append([entry])
    return struck


async def state_without(event: SellingEvent, struck: Struck) -> BlockState:
    """What the rows come to, but for that and what was struck before."""
    struck |= await struck_behind(event.journal, event.block, 0)
    state = BlockState()
    for row in event.rows:
        fold_row(state, row, decode_entries(row.entries), struck)
    return state

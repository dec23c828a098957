"""Corrections at random, for walks: of what there is some is named, as far as the core lets it end."""

from random import Random
from typing import Any

import msgspec

from actors.core.commands import Correct
from actors.core.corrections import decide_correct
from actors.core.entries import Corrected
from tests.loadtests.journals import Shop

SHARE = 0.1
SPAN_MS = 20_000


def correct_some(shop: Shop, random: Random, quarantine: int) -> Correct:
    """Nobody was served for a while, until this was done."""
    if shop.pending:
        shop.commit()
    state = shop.state
    command = Correct(quarantine, len(shop.drafts), "mara", "looked at it", shop.now_ms - SPAN_MS)
    may_end: dict[str, list[Any]] = {
        "holds": [*state.holds],
        "orders": [*state.orders],
        "tickets": [(order.number, place) for order in state.orders.values() for place in (0, 1)],
    }
    for field, named in may_end.items():
        for one in named:
            wider = msgspec.structs.replace(command, **{field: (*getattr(command, field), one)})
            if random.random() < SHARE and isinstance(decide_correct(state, wider, shop.now_ms), Corrected):
                command = wider
    shop.correct(command)
    return command

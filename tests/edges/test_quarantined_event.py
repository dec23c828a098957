"""What clients of a quarantined event are told, over both protocols: that it is unavailable, and why."""

import asyncio
from typing import Any

import pytest

from actors.core.ids import parse_event_id
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.both import thing
from tests.edges.edge_stack import Edges
from tests.edges.refusal_house import LAYOUT

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]
SAID = "The server cannot answer now: this event is quarantined until an operator has looked at it."


def sentence(answered: Answered) -> str:
    """What a person reads."""
    return str(answered.reply["detail"] if answered.protocol == "http" else answered.reply.message)


@pytest.mark.parametrize("asking", ASKING)
async def test_writes_and_reads_are_unavailable_and_others_go_on(edges: Edges, asking: Any) -> None:
    quarantined, other = [
        thing(
            await asking(
                edges,
                Ask("create_event", {"name": name, "layout": LAYOUT}, key=f"{name}{asking.__name__}"),
            ),
            "event",
        )["event_id"]
        for name in ("quarantined", "other")
    ]
    for event in (quarantined, other):
        opened = await asking(edges, Ask("open_sale", event_id=event, key=f"open {event}"))
        assert not opened.code
    wish = {"units": ["101/B/1"]}
    held = await asking(edges, Ask("place_hold", wish, event_id=quarantined, key=f"hold {asking.__name__}"))
    block = parse_event_id(quarantined)
    assert block is not None
    edges.quarantined.add(block)
    await asyncio.sleep(1.2)
    for ask in (
        Ask("place_hold", {"units": ["101/C/1"]}, event_id=quarantined, key=f"again {asking.__name__}"),
        Ask("get_hold", hold_id=thing(held, "hold")["hold_id"]),
        Ask("get_event", event_id=quarantined),
    ):
        refused = await asking(edges, ask)
        assert (refused.code, sentence(refused)) == ("UNAVAILABLE", SAID), ask.operation
        assert refused.status in (503, "UNAVAILABLE")
    sold = await asking(edges, Ask("place_hold", wish, event_id=other, key=f"other {asking.__name__}"))
    assert not sold.code
    edges.quarantined.discard(block)
    await asyncio.sleep(1.2)
    assert not (await asking(edges, Ask("get_hold", hold_id=thing(held, "hold")["hold_id"]))).code

"""A replica hangs between letting a call in and writing for it: nothing of that call is written any more.

The same key, asked again, is then as good as new, or goes on where the call stopped.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from actors.core.ids import BlockId
from actors.link.batch import Answer
from actors.link.coalescer import Coalescer
from serve.wakefulness import HANG_S, Wakefulness
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges
from tests.edges.test_wakefulness import Hands, watch_by_hand
from tests.stack.load import HALL

pytestmark = pytest.mark.anyio

Asking = Callable[[Edges, Ask], Awaitable[Answered]]
PROTOCOLS = pytest.mark.parametrize("asking", [ask_http, ask_grpc])
WRITES = 4  # of a basket of two legs: what is meant, each leg, the decision


async def on_sale(edges: Edges, name: str) -> str:
    created = await ask_http(edges, Ask("create_event", {"name": name, "layout": HALL}, key=name))
    event = str(created.reply["event_id"])
    assert not (await ask_http(edges, Ask("open_sale", event_id=event, key=f"open {name}"))).code
    return event


def hang_before(write: int, hands: Hands, patch: pytest.MonkeyPatch) -> None:
    """When this write of whoever was let in, counted from 1, is about to wait for its batch."""
    sound, writes = Coalescer.call, set[bytes]()

    async def call(self: Coalescer, block: BlockId, command: bytes, *asked: Any, **options: Any) -> Answer:
        if options["hangs"] is not None and command not in writes:  # a block that is not there is asked again
            writes.add(command)
            hands.at_s += (HANG_S + 0.01) * (len(writes) == write)
        return await sound(self, block, command, *asked, **options)

    patch.setattr(Coalescer, "call", call)


async def check_hung_writes(edges: Edges, asking: Asking, write: int, patch: pytest.MonkeyPatch) -> None:
    """A hold if it is the first, and a basket."""
    name = f"{asking.__name__}, {write}, {uuid4()}"
    events = [await on_sale(edges, f"{name}, {number}") for number in range(2)]
    place = {"areas": [{"area": "Hall", "quantity": 1}]}
    hold = Ask("place_hold", place, event_id=events[0], key=f"hold {name}")
    legs = [{"event_id": event, **place} for event in events]
    basket = Ask("place_basket", {"legs": legs, "buyer_id": "b"}, key=f"basket {name}")
    for ask in (hold, basket) if write == 1 else (basket,):
        with patch.context() as hung:
            hang_before(write, watch_by_hand(edges, hung), hung)
            code = (await asking(edges, ask)).code
        # who has pinned a leg cannot say what the desk makes of that; without a decision it makes nothing of it
        assert code == ("DEADLINE_EXCEEDED" if write in (1, WRITES) else "OUTCOME_UNKNOWN")
        if write == 1:
            two = {"areas": [{"area": "Hall", "quantity": 2}]}
            ask = ask._replace(body=two if ask is hold else {"legs": legs[:1], "buyer_id": "c"})
        assert not (await asking(edges, ask)).code


@pytest.mark.parametrize("write", range(1, WRITES + 1))
@PROTOCOLS
async def test_nothing_is_written_after_a_hang_for_whom_was_let_in_before_it(
    edges: Edges, asking: Asking, write: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_hung_writes(edges, asking, write, monkeypatch)


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_control_what_is_written_after_a_hang_is_noticed(
    edges: Edges, write: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wakefulness, "hangs", lambda _: 0)
    with pytest.raises(AssertionError, match="assert ''"):
        await check_hung_writes(edges, ask_http, write, monkeypatch)

"""The crowd that buys baskets: how an answer is kept, and what of what it met must not be."""

import httpx
import msgspec
import pytest

from actors.audit.ids import HOLD, block_of_event, id_of
from actors.audit.replies import Acknowledged, Told
from loadtests.server import Server
from tests.chaos.baskets import BasketCrowd, _acknowledged

FIRST, SECOND, DESK = "event_0000000000000001", "event_0000000000000002", "event_0000000000000003"
BASKET = id_of(HOLD, block_of_event(DESK), 7)


def hold(event_id: str | None, **changes: object) -> httpx.Response:
    """A hold of two events, or of this one, as the server shows it."""
    legs = [
        {"event_id": FIRST, "units": ["S001/1/1"], "areas": []},
        {"event_id": SECOND, "units": [], "areas": [{"area": "Floor", "quantity": 2}]},
    ]
    shown = {
        "hold_id": BASKET,
        "event_id": event_id,
        "units": ["S001/1/2"] if event_id else [],
        "areas": [],
        "legs": [] if event_id else legs,
        "price": {"total_minor": 900},
        "expires_at": "2026-05-01T18:00:00.250Z",
    }
    return httpx.Response(201, content=msgspec.json.encode({**shown, **changes}))


def test_a_basket_is_kept_with_the_block_before_each_name() -> None:
    first, second = block_of_event(FIRST), block_of_event(SECOND)
    assert _acknowledged(Told.HELD, hold(None), "k") == Acknowledged(
        Told.HELD, BASKET, (f"{first}/S001/1/1",), ((f"{second}/Floor", 2),), 900, BASKET, 1_777_658_400_250, key="k"
    )
    assert _acknowledged(Told.HELD, hold(FIRST), "k").units == (f"{first}/S001/1/2",)
    order = hold(None, order_id="order_x", expires_at=None)
    assert _acknowledged(Told.ORDERED, order, "k").id == "order_x"


@pytest.mark.parametrize("lacking", [Told.HELD, Told.CONFIRMED])
def test_control_a_crowd_that_had_nothing_or_met_what_nothing_explains_objects(lacking: Told) -> None:
    crowd = BasketCrowd(Server("http://127.0.0.1:1", "", "", "key", "key"))
    crowd.accepted.update({Told.HELD: 2, Told.CONFIRMED: 1})
    assert crowd.objections() == []
    crowd.wrong["held: INTERNAL"] += 3
    assert crowd.objections() == ["baskets: 3 times held: INTERNAL"]
    del crowd.accepted[lacking]
    assert len(crowd.objections()) == 2

"""An event that is split by sections, and one of the same layout that is not."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.edges.asking import Ask, ask_http
from tests.edges.edge_stack import Edges

SPLIT = [["north"], ["east", "south"]]  # west is at home
LAYOUT: Mapping[str, Any] = {
    "currency": "EUR",
    "price_types": ["adult", "child"],
    "categories": [{"name": "Seat", "price": 4500, "prices": {"child": 2000}}, {"name": "Floor", "price": 2500}],
    "fees": [{"name": "service", "amount": 100}, {"name": "order", "amount": 250, "per": "order"}],
    "tax": {"name": "VAT", "percent": 19, "included": True},
    "sections": [
        {"name": name, "category": "Seat", "rows": [{"names": "A..C", "seats": "1..8"}]}
        for name in ("north", "east", "south", "west")
    ],
    "areas": [{"name": "Floor", "capacity": 20, "category": "Floor"}],
}
RULES = {"max_per_buyer": 6, "channels": [{"name": "club"}]}


_ID = re.compile(r"(event|hold|order|ticket)_[0-9a-z]+(-\d+)?")
_PASSING = ("expires_in_seconds", "choices", "sequence", "age_ms")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")


class Pair(NamedTuple):
    """The ids of both events, which are on sale."""

    split: str
    plain: str


async def make_pair(edges: Edges, key: str) -> Pair:
    """Create both for the tenant alpha."""
    bodies = {"split": {"split": SPLIT}, "plain": {}}
    made = {}
    for name, more in bodies.items():
        body = {"name": "Final", "layout": LAYOUT, "rules": RULES, **more}
        created = await ask_http(edges, Ask("create_event", body, key=f"{key}, {name}"))
        assert created.status == 201, created
        made[name] = str(created.reply["event_id"])
        await ask_http(edges, Ask("open_sale", event_id=made[name], key=f"{key}, {name}, open"))
    return Pair(**made)


async def comes_to(edges: Edges, event: str, unit: str, code: str) -> None:
    """Whoever asks for the unit is told this within a moment; "": it can be held."""
    for number in range(100):
        key = f"probe {unit} {code} {number} {asyncio.get_running_loop().time()}"
        held = await ask_http(
            edges, Ask("place_hold", {"units": [unit], "buyer_id": key[-10:]}, event_id=event, key=key)
        )
        if not held.code:
            await ask_http(edges, Ask("release_hold", hold_id=held.reply["hold_id"], key=f"{key}, back"))
        if held.code == code:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{unit} never came to {code or 'be available'}")


def like(shown: Any) -> Any:
    """What is shown, without what differs between any two: ids, times, and the order where there is none."""
    if isinstance(shown, dict):
        return {name: like(value) for name, value in shown.items() if name not in _PASSING}
    if isinstance(shown, list):
        return sorted(map(like, shown), key=repr)
    return _TIME.sub("time", _ID.sub(r"\1", shown)) if isinstance(shown, str) else shown

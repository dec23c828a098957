"""An event that is split by sections looks like any other, over both protocols; but for what it says of itself."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from actors.core.ids import BlockId, event_id, part_block
from actors.reservations.baskets import BasketAsks
from serve import cli, had
from serve.cli import app
from serve.grpc_api import replies
from serve.http_api import order_views
from serve.local.stack import DataFolder
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import both, thing
from tests.edges.edge_stack import Edges
from tests.edges.published import published
from tests.edges.split_house import LAYOUT, RULES, SPLIT, Pair, comes_to, like, make_pair

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]
ODD_SECTION = {"name": "south, upper", "category": "Seat", "rows": [{"names": "A..B", "seats": "1..8"}]}


@pytest.fixture(scope="module")
async def pair(edges: Edges) -> Pair:
    """Both events on sale."""
    return await make_pair(edges, "pair")


class Buyer:
    """Somebody who buys of an event. What is answered is remembered."""

    def __init__(self, edges: Edges, asking: Any, event: str, name: str) -> None:
        self._edges, self._asking, self.event, self._name = edges, asking, event, name
        self.told: list[Any] = []
        self._asked = 0

    async def ask(self, operation: str, body: Mapping[str, object] = {}, **ids: str) -> Any:
        """The hold or order that is answered, or the refusal."""
        self._asked += 1
        wishes = operation == "place_hold"
        body = {**body, **({"buyer_id": self._name} if wishes else {})}
        ids |= {"event_id": self.event} if wishes else {}
        ask = Ask(operation, body, key=f"{self.event} {self._name} {self._asked}", **ids)  # type: ignore[arg-type]
        answered = await self._asking(self._edges, ask)
        if answered.code:
            self.told.append((answered.code, answered.fields, answered.units, answered.event_id))
            return None
        shown = thing(answered, "hold" if "hold" in operation else "order")
        self.told.append(shown)
        if "hold_id" in ids or "order_id" in ids:
            get = "hold" if "hold_id" in ids else "order"
            self.told.append(await both(self._edges, Ask(f"get_{get}", **ids), get))  # type: ignore[arg-type]
        return shown


async def buys(edges: Edges, asking: Any, event: str, row: str) -> list[Any]:
    """What is told to somebody who holds, orders, pays, changes and cancels."""
    buyer = Buyer(edges, asking, event, f"{asking.__name__} {row}".replace(" ", "-"))
    units = [f"north/{row}/1", f"south/{row}/2", f"west/{row}/3"]
    wish = {
        "units": units,
        "price_types": {f"south/{row}/2": "child"},
        "areas": [{"area": "Floor", "quantity": 2}],
        "channel": "club",
    }
    hold = await buyer.ask("place_hold", wish)
    await buyer.ask("place_hold", {"units": [f"north/{row}/1"]})
    await buyer.ask("place_hold", {"units": [f"north/{row}/1", "nowhere/1/1"]})
    await buyer.ask("extend_hold", {"ttl_seconds": 900}, hold_id=hold["hold_id"])
    released = await buyer.ask("release_hold", hold_id=hold["hold_id"])
    assert released["status"] == "RELEASED"
    for unit in units:
        await comes_to(edges, event, unit, "")
    hold = await buyer.ask("place_hold", wish)
    order = await buyer.ask("place_order", {"hold_id": hold["hold_id"]})
    of_it = {"order_id": order["order_id"]}
    order = await buyer.ask("confirm_order", **of_it)
    await comes_to(edges, event, f"west/{row}/3", "UNITS_SOLD")
    tickets = {ticket["unit"]: ticket["ticket_id"] for ticket in order["tickets"]}
    await buyer.ask("cancel_tickets", {"tickets": [tickets[f"west/{row}/3"]]}, **of_it)
    await comes_to(edges, event, f"west/{row}/3", "")
    swap = {"tickets": [tickets[f"south/{row}/2"]], "channel": "club"}
    await buyer.ask("exchange_tickets", {**swap, "units": ["nowhere/1/1"]}, **of_it)
    await buyer.ask("exchange_tickets", {**swap, "units": [f"east/{row}/7"]}, **of_it)
    await comes_to(edges, event, f"south/{row}/2", "")
    more = {"tickets": [tickets[f"north/{row}/1"]], "areas": [{"area": "Floor", "quantity": 1}]}
    await buyer.ask("exchange_tickets", more, **of_it)
    await comes_to(edges, event, f"north/{row}/1", "")
    await buyer.ask("reassign_ticket", {"buyer_id": "friend"}, ticket_id=tickets["Floor"])
    cancelled = await buyer.ask("cancel_order", **of_it)
    assert cancelled["status"] == "CANCELLED"
    await comes_to(edges, event, f"east/{row}/7", "")
    return buyer.told


async def check_alike(edges: Edges, pair: Pair, asking: Any, row: str) -> None:
    """Whatever is told of the one is told of the other."""
    split, plain = [await buys(edges, asking, event, row) for event in pair]
    assert all(told.get("event_id") == pair.split for told in split if isinstance(told, dict))
    assert len(split) == len(plain)
    for one, other in zip(split, plain, strict=True):
        assert like(one) == like(other)


@pytest.mark.parametrize("asking", ASKING)
async def test_what_is_bought_of_it_looks_like_what_is_bought_of_any_other(
    edges: Edges, pair: Pair, asking: Any
) -> None:
    await check_alike(edges, pair, asking, "A")


async def test_the_check_notices_a_hold_that_is_shown_by_its_legs(
    edges: Edges, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""

    def by_legs(block: BlockId, reply: Any) -> had.Had:
        return had.Had("" if reply.legs else event_id(block), reply.seats, reply.areas, reply.legs)

    monkeypatch.setattr(order_views, "had", by_legs)
    monkeypatch.setattr(replies, "had", by_legs)
    with pytest.raises(AssertionError):
        await check_alike(edges, pair, ask_grpc, "B")


@pytest.mark.parametrize("asking", ASKING)
async def test_an_event_says_how_it_is_split(edges: Edges, pair: Pair, asking: Any) -> None:
    split = await both(edges, Ask("get_event", event_id=pair.split), "event")
    plain = await both(edges, Ask("get_event", event_id=pair.plain), "event")
    assert (split.pop("split"), plain.pop("split")) == (SPLIT, [])
    assert like(split) == like(plain)
    body = {"name": "Final", "layout": LAYOUT, "rules": RULES, "split": SPLIT}
    again = await asking(edges, Ask("create_event", body, key="pair, split"))
    assert thing(again, "event")["event_id"] == pair.split
    other = await asking(edges, Ask("create_event", {**body, "split": [["north"]]}, key="pair, split"))
    assert other.code == "IDEMPOTENCY_KEY_REUSED"


FAULTS: dict[str, tuple[Any, str, str]] = {
    "no such section": ([["north"], ["nowhere"]], "split[1][0]", "is no section of the layout"),
    "an area": ([["north", "Floor"]], "split[0][1]", "is no section of the layout"),
    "twice": ([["north"], ["east", "north"]], "split[1][1]", "is there twice"),
    "an empty group": ([["north"], []], "split[1]", ""),
    "many": ([[f"{number}"] for number in range(57)], "split", ""),
    "a long name": ([["n" * 300]], "split[0][0]", ""),
}


@pytest.mark.parametrize("case", FAULTS)
async def test_a_split_with_faults_is_refused_by_name(edges: Edges, case: str) -> None:
    split, field, problem = FAULTS[case]
    ask = Ask("create_event", {"name": "Final", "layout": LAYOUT, "split": split}, key=case)
    over_http, over_grpc = [await asking(edges, ask) for asking in ASKING]
    assert (over_http.code, over_http.fields) == (over_grpc.code, over_grpc.fields)
    ((found, told),) = over_http.fields
    assert (over_http.code, found) == ("INVALID_ARGUMENT", field)
    assert told == (problem or told)


async def test_a_split_event_has_no_waiting_list(edges: Edges, pair: Pair) -> None:
    body = {"name": "Final", "layout": LAYOUT, "split": SPLIT, "rules": {"waiting_list": {"claim_seconds": 60}}}
    for asking in ASKING:
        refused = await asking(edges, Ask("create_event", body, key="waiting"))
        assert (refused.code, refused.fields[0][0]) == ("INVALID_ARGUMENT", "rules.waiting_list")
        refused = await asking(edges, Ask("join_waiting_list", {"units": ["north/A/1"]}, event_id=pair.split))
        assert refused.code == "NO_WAITING_LIST"


@pytest.mark.parametrize("number", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("get_event", {}),
        ("get_layout_document", {}),
        ("open_sale", {}),
        ("get_availability", {}),
        ("get_layout", {}),
        ("get_statuses", {}),
        ("list_units", {"section": "north"}),
        ("list_holds", {}),
        ("list_orders", {}),
        ("place_hold", {"units": ["north/A/8"]}),
        ("place_hold", {"areas": [{"area": "units", "quantity": 1}]}),
    ],
)
async def test_its_parts_and_ledgers_are_no_events(
    edges: Edges, pair: Pair, operation: str, body: dict[str, Any], number: int
) -> None:
    part = event_id(part_block(BlockId(pair.split.removeprefix("event_")), number))
    for asking in ASKING:
        refused = await asking(edges, Ask(operation, body, event_id=part, key=f"{operation} {number}"))
        assert (refused.code, refused.fields) == ("EVENT_NOT_FOUND", ())


async def test_an_exchange_of_several_events_says_of_which(edges: Edges, pair: Pair) -> None:
    legs = [{"event_id": event, "units": ["west/C/1"]} for event in pair]
    placed = await ask_http(edges, Ask("place_basket", {"legs": legs, "buyer_id": "b"}, key="several"))
    assert placed.reply["event_id"] is None
    ordered = await ask_http(edges, Ask("place_order", {"hold_id": placed.reply["hold_id"]}, key="several, order"))
    of_it = {"order_id": ordered.reply["order_id"]}
    paid = await ask_http(edges, Ask("confirm_order", key="several, confirm", **of_it))
    tickets = {ticket["event_id"]: ticket["ticket_id"] for ticket in paid.reply["tickets"]}
    swap = {"tickets": [tickets[pair.split]], "units": ["north/C/1"]}
    for asking in ASKING:
        refused = await asking(edges, Ask("exchange_tickets", swap, key="several, swap", **of_it))
        assert (refused.code, refused.fields[0][0]) == ("INVALID_ARGUMENT", "event_id")
    cancel = Ask("cancel_tickets", {"tickets": [tickets[pair.plain]]}, key="several, cancel", **of_it)
    left = await ask_http(edges, cancel)
    assert (left.reply["event_id"], left.reply["units"], left.reply["legs"]) == (pair.split, ["west/C/1"], [])
    swapped = await ask_grpc(edges, Ask("exchange_tickets", swap, key="several, swap", **of_it))
    assert thing(swapped, "order")["units"] == ["north/C/1"]


async def check_told_again(edges: Edges, key: str) -> None:
    """What a key stands for is told over both protocols, though the event has no such channel any more."""
    event = (await make_pair(edges, key)).split
    club = {"buyer_id": "b", "channel": "club"}
    hold = Ask("place_hold", {"units": ["north/A/1"], **club}, event_id=event, key=f"{key}, hold")
    held = thing(await ask_http(edges, hold), "hold")
    ordered = await ask_http(edges, Ask("place_order", {"hold_id": held["hold_id"]}, key=f"{key}, order"))
    of_it = {"order_id": ordered.reply["order_id"]}
    paid = await ask_http(edges, Ask("confirm_order", key=f"{key}, confirm", **of_it))
    swap = {"tickets": [paid.reply["tickets"][0]["ticket_id"]], "units": ["south/A/1"], "channel": "club"}
    exchange = Ask("exchange_tickets", swap, key=f"{key}, swap", **of_it)
    exchanged = thing(await ask_grpc(edges, exchange), "order")
    rules = {"max_per_buyer": RULES["max_per_buyer"]}
    edited = await ask_http(edges, Ask("edit_event", {"rules": rules}, event_id=event, if_revision=2, key=f"{key}, no"))
    assert edited.status == 200, edited
    other = Ask("place_hold", {"units": ["north/A/2"], **club}, event_id=event, key=f"{key}, other")
    for asking in ASKING:
        assert (await asking(edges, other)).code == "UNIT_UNKNOWN"
        assert thing(await asking(edges, hold), "hold")["hold_id"] == held["hold_id"]
        assert thing(await asking(edges, exchange), "order") == exchanged


async def test_a_key_is_told_what_it_stands_for_whatever_was_edited(edges: Edges) -> None:
    await check_told_again(edges, "edited")


async def test_the_check_notices_who_reads_a_wish_first(edges: Edges, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""

    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(BasketAsks, "_under_key", nothing)
    with pytest.raises(AssertionError):
        await check_told_again(edges, "edited, control")


async def check_the_command(edges: Edges, folder: Path) -> None:
    """`holdfast events create --split`, once for each group; what is wrong with one is told by its place."""
    data, layout = DataFolder(folder / "data"), folder / "layout.json"
    layout.write_bytes(msgspec.json.encode({**LAYOUT, "sections": [*LAYOUT["sections"], ODD_SECTION]}))
    create = ("events", "create", "Final", "--layout", str(layout))
    unset = {"HOLDFAST_KEY": None, "HOLDFAST_DATA_DIR": str(data.root)}

    async def run(*words: str) -> Any:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, (*create, *words), env=unset))

    with data.held():
        published(data, edges, edges.grpc_address)
        made = await run("--split", "north", "--split", 'east, "south, upper"')
        assert (made.exit_code, made.stderr) == (0, "")
        shown = await both(edges, Ask("get_event", event_id=made.stdout.strip()), "event")
        assert shown["split"] == [["north"], ["east", "south, upper"]]
        faulty = await run("--split", "north", "--split", "nowhere,east")
        assert (faulty.exit_code, faulty.stdout) == (1, "")
        assert "split[1][0]: is no section of the layout" in " ".join(faulty.stderr.split())


async def test_the_command_line_splits_events(edges: Edges, tmp_path: Path) -> None:
    await check_the_command(edges, tmp_path)


async def test_the_check_notices_groups_that_are_taken_for_one(
    edges: Edges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(cli, "names_of", lambda text: text.split(","))
    with pytest.raises(AssertionError):
        await check_the_command(edges, tmp_path)

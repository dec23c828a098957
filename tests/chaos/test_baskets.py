"""The crowd that buys baskets: how its calls are kept and held against the journal of their desk; what must not be."""

import asyncio
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.audit.ids import HOLD, ORDER, block_of_event, id_of
from actors.audit.replies import Acknowledged, Told
from actors.core import commands as c
from actors.core.baskets import LegHeld
from actors.core.ids import BlockId
from actors.core.replies import HoldReply, OrderReply
from actors.core.wishes import AreaPlaces, Wish
from loadtests.history.calls import Call, Kind, Outcome, read_calls
from loadtests.history.recorded import Histories
from loadtests.history.tally import Tally, together
from loadtests.history.timed import Written
from loadtests.server import Server
from serve.http_api.order_views import hold_view, order_view
from tests.chaos.basket_shop import BasketAsk, BasketShop, given
from tests.chaos.baskets import MUST_HAVE_BEEN, BasketCrowd, _hold, _Wish
from tests.chaos.stage import with_rows
from tests.loadtests.basket_shops import DESK, FIRST, SECOND, BasketShops
from tests.loadtests.journals import TENANT, Journal

ONE, OTHER, OF_DESK = "event_0000000000000001", "event_0000000000000002", "event_0000000000000003"
BASKET = id_of(HOLD, block_of_event(OF_DESK), 7)
NOWHERE = Server("http://127.0.0.1:1", "", "", "key", "key")
LONG_AFTER_US = 1 << 60
EVENTS = (FIRST, SECOND)
HAD = f"{FIRST}/A/1/3"
NOBODY_KNOWS = Written()


def hold(event_id: str | None, **changes: object) -> httpx.Response:
    """A hold of two events, or of this one, as the server shows it."""
    legs = [
        {"event_id": ONE, "units": ["S001/1/1"], "areas": []},
        {"event_id": OTHER, "units": [], "areas": [{"area": "Floor", "quantity": 2}]},
    ]
    shown = {
        "hold_id": BASKET,
        "event_id": event_id,
        "units": ["S001/1/2"] if event_id else [],
        "areas": [],
        "legs": [] if event_id else legs,
        "price": {"total_minor": 900},
        "status": "ACTIVE",
        "expires_at": "2026-05-01T18:00:00.250Z",
    }
    return httpx.Response(201, content=msgspec.json.encode({**shown, **changes}))


def test_a_basket_is_kept_with_the_block_before_each_name() -> None:
    first, second = block_of_event(ONE), block_of_event(OTHER)
    held = Acknowledged(
        Told.HELD, BASKET, (f"{first}/S001/1/1",), ((f"{second}/Floor", 2),), 900, BASKET, 1_777_658_400_250, key="k"
    )
    assert given(Told.HELD, hold(None), "k").reply == held
    assert given(Told.HELD, hold(ONE), "k").reply.units == (f"{first}/S001/1/2",)
    assert given(Told.ORDERED, hold(None, order_id="order_x", expires_at=None), "k").reply.id == "order_x"
    asked = _hold([_Wish(ONE, ["S001/1/1"]), _Wish(OTHER, [], 2)])
    assert (asked.units, asked.areas, asked.event_id) == (held.units, held.areas, "")
    assert _hold([_Wish(ONE, ["S001/1/2"])]).event_id == ONE


@pytest.mark.parametrize("lacking", MUST_HAVE_BEEN)
def test_control_a_crowd_that_had_nothing_or_met_what_nothing_explains_objects(tmp_path: Path, lacking: Told) -> None:
    crowd = BasketCrowd(NOWHERE, tmp_path)
    crowd.accepted.update(dict.fromkeys(MUST_HAVE_BEEN, 2))
    assert crowd.objections() == ["nobody has read of a basket"]
    crowd.seen["ACTIVE"] += 1
    assert crowd.objections() == []
    crowd.wrong["held: INTERNAL"] += 3
    assert crowd.objections() == ["baskets: 3 times held: INTERNAL"]
    del crowd.accepted[lacking]
    assert len(crowd.objections()) == 2
    asyncio.run(crowd.end())


class Step(NamedTuple):
    """What is asked, and what comes of it each time; a read if it is of such a kind."""

    ask: BasketAsk | Kind
    key: str
    answers: tuple[httpx.Response | httpx.HTTPError, ...]


class Sale(NamedTuple):
    """A basket of a desk that is the real core: all journals, the desk's first, and what a client met who asked."""

    journals: tuple[Journal, ...]
    steps: dict[str, Step]


def refused(code: str, status: int = 409, *, transient: bool = False) -> httpx.Response:
    """A problem as the server tells it."""
    return httpx.Response(status, json={"code": code, "transient": transient, "units": []})


def shown(reply: HoldReply | OrderReply) -> httpx.Response:
    """A hold or an order as the server shows it."""
    view = hold_view(DESK, reply) if isinstance(reply, HoldReply) else order_view(DESK, reply)
    return httpx.Response(200, content=msgspec.json.encode(view))


def lost() -> httpx.HTTPError:
    """No answer."""
    return httpx.ReadTimeout("nobody answered")


@cache
def sale() -> Sale:
    """Held at the second try, read, ordered, paid at the second try, cancelled in part, read; a wish and an exchange
    that are refused, and a wish of which nobody heard again.
    """
    shops = BasketShops()
    shops.open()
    desk = shops.desk
    shops.wait(1_000)
    wishes = {FIRST: Wish(("A/1/3",)), SECOND: Wish(("A/1/2",), (AreaPlaces("floor", 1),))}
    placing = shops.intend(1, wishes)
    keys = [f"basket key {shops._keys}"]
    legs = [leg for plan in placing.legs if isinstance(leg := shops.pin(placing, plan), LegHeld)]
    replies = [desk.ask(c.SettleBasket(TENANT, 1, tuple(legs)))]
    shops.commit()
    for command in (
        lambda stamp: c.PlaceOrder(stamp, 1, 101),
        lambda stamp: c.ConfirmOrder(stamp, 101),
        lambda stamp: c.CancelTickets(stamp, 101, (1,)),
    ):
        stamp = shops.stamp()
        keys.append(f"basket key {shops._keys}")
        replies.append(desk.ask(command(stamp)))
        shops.commit()
        shops.carry_out()
        shops.commit()
    for _ in range(3):
        shops.stamp()
        keys.append(f"basket key {shops._keys}")
    held, ordered, paid, fewer = (shown(reply) for reply in replies if isinstance(reply, HoldReply | OrderReply))
    of_hold, of_order = id_of(HOLD, DESK, 1), id_of(ORDER, DESK, 101)
    wish = BasketAsk(Told.HELD, "/v1/holds", {})
    steps = {
        "held": Step(wish, keys[0], (lost(), held)),
        "hold read": Step(Kind.READ_HOLD, of_hold, (held,)),
        "refused": Step(wish._replace(units=(HAD,)), keys[4], (refused("UNITS_HELD"),)),
        "ordered": Step(BasketAsk(Told.ORDERED, "/v1/orders", {}, of_hold), keys[1], (ordered,)),
        "paid": Step(
            BasketAsk(Told.CONFIRMED, "/v1/orders/x/confirm", {}, of_order),
            keys[2],
            (refused("UNAVAILABLE", 503, transient=True), paid),
        ),
        "fewer": Step(BasketAsk(Told.PARTLY_CANCELLED, "/x", {}, of_order, tickets=(1,)), keys[3], (fewer,)),
        "order read": Step(Kind.READ_ORDER, of_order, (fewer,)),
        "not exchanged": Step(
            BasketAsk(Told.EXCHANGED, "/x", {}, of_order, units=(HAD,)), keys[5], (refused("UNITS_SOLD"),)
        ),
        "never heard of": Step(wish, keys[6], (lost(),)),
    }
    return Sale(shops.journals(), steps)


class Scripted(httpx.AsyncBaseTransport):
    """Gives these answers, one after the other."""

    def __init__(self, answers: Sequence[httpx.Response | httpx.HTTPError]) -> None:
        self._answers = list(answers)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The next."""
        answer = self._answers.pop(0)
        if isinstance(answer, httpx.HTTPError):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)


async def met(steps: Sequence[Step], calls_file: Path) -> list[Acknowledged]:
    """Ask all of it; what was acknowledged. The calls are in the file."""
    shop = BasketShop(NOWHERE, calls_file, Scripted([answer for step in steps for answer in step.answers]))
    for step in steps:
        for _ in step.answers:
            if isinstance(step.ask, Kind):
                await shop.look(step.ask, step.key, "ana")
            else:
                await shop.ask(step.ask, step.key, "ana")
    await shop.close()
    return shop.told


def audited(
    steps: dict[str, Step], folder: Path, audited_us: int = LONG_AFTER_US, written: Written = NOBODY_KNOWS
) -> tuple[list[Fault], Tally, list[Call]]:
    """What the audit of all blocks finds when a client met this, what was checked, and what was kept.

    `written`: of any block.
    """
    file = folder / "calls.jsonl"
    told = asyncio.run(met(list(steps.values()), file))
    histories = Histories(folder, TENANT, {block: [block] for block in EVENTS})
    histories.sort([file])
    witnesses = histories.witnesses(audited_us, tolerance_ms=None, written=lambda _: written)
    assert list(witnesses) == [DESK, *EVENTS], "all of it is at home at the desk, also what bears no id"
    journals = {journal.block: journal for journal in sale().journals}
    found: list[Fault] = []
    for block, witness in witnesses.items():
        audit = BlockAudit(block, told if block == DESK else (), watcher=witness)
        found += [finding.fault for row in journals[BlockId(block)].rows() for finding in audit.take(row)]
        found += [finding.fault for finding in audit.finish()]
    return found, together(witness.tally for witness in witnesses.values()), list(read_calls([file]))


def check_all_calls_are_kept_and_checked(folder: Path) -> None:
    found, tally, calls = audited(sale().steps, folder)
    assert found == []
    assert [(call.kind, call.outcome) for call in calls] == [
        (Kind.HOLD, Outcome.INFO),
        (Kind.HOLD, Outcome.OK),
        (Kind.READ_HOLD, Outcome.OK),
        (Kind.HOLD, Outcome.FAIL),
        (Kind.ORDER, Outcome.OK),
        (Kind.CONFIRM, Outcome.FAIL),
        (Kind.CONFIRM, Outcome.OK),
        (Kind.CANCEL_PARTLY, Outcome.OK),
        (Kind.READ_ORDER, Outcome.OK),
        (Kind.EXCHANGE, Outcome.FAIL),
        (Kind.HOLD, Outcome.INFO),
    ]
    assert (tally.call_count, tally.info, tally.unresolved, tally.unchecked) == (11, 2, 0, 0)
    assert (tally.elsewhere, tally.held, tally.borne_out, tally.vague) == (2, 2, 2, 0)
    assert tally.is_known


def test_each_call_about_a_basket_is_kept_and_held_against_its_desk(tmp_path: Path) -> None:
    check_all_calls_are_kept_and_checked(tmp_path)


def test_control_a_crowd_that_keeps_only_what_was_acknowledged_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = BasketShop._keep

    def keep_acknowledged(shop: BasketShop, call: Call) -> None:
        if isinstance(call.told, Acknowledged):
            keep(shop, call)

    monkeypatch.setattr(BasketShop, "_keep", keep_acknowledged)
    with pytest.raises(AssertionError):
        check_all_calls_are_kept_and_checked(tmp_path)


def test_what_may_come_yet_of_a_call_that_timed_out_is_unresolved(tmp_path: Path) -> None:
    found, tally, _ = audited(sale().steps, tmp_path, audited_us=0)
    assert (found, tally.unresolved, tally.suffices) == ([], 1, False)


@pytest.mark.parametrize(
    ("rows", "answered", "is_watched"), [((), (), False), ((), (DESK,), True), (({"block_id": DESK},), (), True)]
)
def test_a_desk_that_has_refused_everything_needs_no_rows(
    tmp_path: Path, rows: tuple[dict[str, str], ...], answered: tuple[str, ...], is_watched: bool
) -> None:
    async def fetch(statement: str, *arguments: object) -> list[dict[str, str]]:
        return list(rows)

    asyncio.run(met([sale().steps["refused"]], tmp_path / "calls.jsonl"))
    histories = Histories(tmp_path, TENANT)
    histories.sort([tmp_path / "calls.jsonl"])
    witnesses = histories.witnesses(LONG_AFTER_US, tolerance_ms=None)
    assert asyncio.run(with_rows(dict(witnesses), answered, fetch)) == (witnesses if is_watched else {})
    assert witnesses[DESK].tally == (Tally() if is_watched else Tally({"held fail": 1}, elsewhere=1, untimed=1))
    assert not witnesses[DESK].findings


def test_what_a_refused_try_has_done_to_a_basket_is_found(tmp_path: Path) -> None:
    """The payment was refused, and done at the second try; if all rows came long before, by the first."""
    found, _, _ = audited(sale().steps, tmp_path, written=Written([1] * 99))
    assert found == [Fault.DONE_THOUGH_REFUSED]


def changed(response: httpx.Response, **members: object) -> httpx.Response:
    """The same with other members."""
    return httpx.Response(200, json={**response.json(), **members})


def said_no(steps: dict[str, Step]) -> None:
    steps["fewer"] = steps["fewer"]._replace(answers=(refused("TICKET_VOID"),))
    del steps["order read"]


def said_yes_to_another_key(steps: dict[str, Step]) -> None:
    steps["again"] = steps["fewer"]._replace(key=steps["never heard of"].key)


def read_what_was_not_so(steps: dict[str, Step]) -> None:
    (held,) = steps["hold read"].answers
    assert isinstance(held, httpx.Response)
    steps["hold read"] = steps["hold read"]._replace(answers=(changed(held, status="RELEASED"),))


def refused_what_could_be_had(steps: dict[str, Step]) -> None:
    steps["no order"] = Step(
        BasketAsk(Told.CANCELLED, "/x", {}, id_of(ORDER, DESK, 101)), "k", (refused("ORDER_EXPIRED"),)
    )


def refused_for_what_nobody_has(steps: dict[str, Step]) -> None:
    ask = steps["refused"].ask
    assert isinstance(ask, BasketAsk)
    steps["refused"] = steps["refused"]._replace(ask=ask._replace(units=(f"{SECOND}/A/1/6",)))


def not_exchanged_for_what_nobody_has(steps: dict[str, Step]) -> None:
    ask = steps["not exchanged"].ask
    assert isinstance(ask, BasketAsk)
    steps["not exchanged"] = steps["not exchanged"]._replace(ask=ask._replace(units=(f"{SECOND}/A/1/6",)))


@pytest.mark.parametrize(
    ("lie", "fault"),
    [
        (said_no, Fault.DONE_THOUGH_REFUSED),
        (said_yes_to_another_key, Fault.REPLY_NOT_IN_JOURNAL),
        (read_what_was_not_so, Fault.READ_WRONGLY),
        (refused_what_could_be_had, Fault.REFUSED_WRONGLY),
        (refused_for_what_nobody_has, Fault.REFUSED_WRONGLY),
        (not_exchanged_for_what_nobody_has, Fault.REFUSED_WRONGLY),
    ],
)
def test_control_a_wrong_answer_about_a_basket_is_found(
    tmp_path: Path, lie: Callable[[dict[str, Step]], None], fault: Fault
) -> None:
    steps = dict(sale().steps)
    lie(steps)
    found, _, _ = audited(steps, tmp_path)
    assert fault in found

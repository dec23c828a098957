"""Whatever the real core journals, asked at random for all that it can do, the audit finds nothing wrong with it."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import get_args

import msgspec
import pytest

from actors.core import commands as c
from actors.core.entries import Corrected, Entry, HoldPlaced, TicketsExchanged
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Accepted
from actors.core.replies import EventStatus, HoldStatus, OrderStatus
from actors.core.rules import Allotment, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.basket_walk import BasketWalk
from tests.loadtests.correcting import SPAN_MS, correct_some
from tests.loadtests.journals import HOLD_TTL_MS, Journal, Shop, audit, audit_together, open_deeds
from tests.loadtests.split_walk import SplitWalk
from tests.loadtests.whole_house import (
    HOUR_MS,
    SLOT_MS,
    SLOTS_FROM_MS,
    WHOLE_LAYOUT,
    WHOLE_RULES,
    another_layout,
)

STEPS = 400
CORRECTED_EVERY = 40
BUYERS = ("ana", "ben", "cem")
SEATS = (*map(LayoutIndex(WHOLE_LAYOUT).unit_name, range(WHOLE_LAYOUT.seat_count)), "N/1/1", "N/1/2")


class Walk:
    """Asks a shop for this and that."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.shop = Shop()
        self.met: Counter[str] = Counter()
        self.numbers = 0
        self.keys = 0
        self.layouts = 0

    def run(self) -> Journal:
        """A journal of so many steps."""
        self.shop.take_over()
        self.ask(c.CreateEvent(self.stamp(), "A concert", WHOLE_LAYOUT, HOLD_TTL_MS, WHOLE_RULES))
        self.ask(c.OpenSale(self.stamp()))
        for step in range(STEPS):
            if step == STEPS // 2:
                self.commit()
                self.shop.now_ms += 60_000
                self.shop.take_over(self.shop.now_ms - 50_000, self.shop.now_ms - 1_000)
            if step % CORRECTED_EVERY == CORRECTED_EVERY - 1:
                self.correct()
            self.step()
        self.play()
        for order in list(self.shop.state.orders):
            self.ask(
                c.CloseOrder(self.stamp(), order, self.random.choice((OrderStatus.COMPLETED, OrderStatus.NO_SHOW)))
            )
        for _ in range(5):
            self.ask(c.PlaceHold(self.stamp(), self.number(), self.wish()))
        self.ask(c.ChangeStatus(self.stamp(), EventStatus.CLOSED))
        if self.random.random() < 0.5:
            self.ask(c.ChangeStatus(self.stamp(), EventStatus.CANCELLED))
        self.commit()
        return self.shop.journal()

    def correct(self) -> None:
        """Nobody was served for a while, and some of what there is ends with that."""
        self.commit()
        self.keys += 1
        self.shop.now_ms += SPAN_MS
        correct_some(self.shop, self.random, self.keys)

    def play(self) -> None:
        """Somebody has the last slot of a court, if it can be had, and its time comes."""
        hold, order = self.number(), self.number()
        span = Span("court 1", SLOTS_FROM_MS + 7 * SLOT_MS, SLOTS_FROM_MS + 8 * SLOT_MS)
        self.ask(c.PlaceHold(self.stamp(), hold, Wish(spans=(span,))))
        if hold in self.shop.state.holds:
            self.ask(c.PlaceOrder(self.stamp(), hold, order))
            self.ask(c.ConfirmOrder(self.stamp(), order))
            self.commit()
        self.shop.now_ms = max(self.shop.now_ms, span.starts_at_ms)

    def step(self) -> None:
        random, shop = self.random, self.shop
        shop.now_ms += random.choice((0, 1, 1_000, 10_000, 30_000))
        self.ask(self.command())
        if random.random() < 0.2:
            self.commit()

    def commit(self) -> None:
        if self.shop.pending:
            self.shop.commit()

    def ask(self, command: c.Write) -> None:
        """As a shard does: what is due first, then the command, then what came back for those who wait."""
        self.shop.expire()
        outcome = self.shop.try_ask(command)
        what = "ACCEPTED" if isinstance(outcome, Accepted) else outcome.reason.name
        self.met[f"{type(command).__name__} {what}"] += 1
        self.shop.expire()

    def stamp(self, buyer: str = "") -> c.Stamp:
        self.keys += 1
        return self.shop.stamp(f"key {self.keys}", buyer or self.random.choice(BUYERS))

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def command(self) -> c.Write:
        random, state = self.random, self.shop.state
        if state.status is not EventStatus.ON_SALE and random.random() < 0.3:
            return c.OpenSale(self.stamp())
        dice = random.random()
        if dice < 0.35 or not state.holds:
            return c.PlaceHold(self.stamp(), self.number(), self.wish(), random.choice((0, 0, 5_000, 10 * HOUR_MS)))
        if dice < 0.42:
            return c.JoinWaitingList(self.stamp(), self.number(), self.wish())
        if dice < 0.44 and state.waiters:
            return c.LeaveWaitingList(self.stamp(), random.choice(list(state.waiters)))
        active = [number for number, hold in state.holds.items() if hold.status is HoldStatus.ACTIVE]
        hold = random.choice(active if active and random.random() < 0.9 else list(state.holds))
        if dice < 0.58:
            return c.PlaceOrder(self.stamp(), hold, self.number())
        if dice < 0.62:
            return c.ExtendHold(self.stamp(), hold, random.choice((0, 60_000, 10 * HOUR_MS)))
        if dice < 0.64:
            return c.ReleaseHold(self.stamp(), hold)
        if dice < 0.67 or not state.orders:
            return self.edit()
        alive = [
            number
            for number, order in state.orders.items()
            if order.status not in (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
        ]
        return self.of_order(random.choice(alive if alive and random.random() < 0.9 else list(state.orders)))

    def of_order(self, order: int) -> c.Write:
        random = self.random
        count = len(self.shop.state.orders[order].code_revisions)
        tickets = tuple(random.sample(range(count), min(count, random.randint(1, 2)))) if count else (0,)
        if self.shop.state.orders[order].status is OrderStatus.PENDING and random.random() < 0.8:
            return c.ConfirmOrder(self.stamp(), order)
        match random.choice(("confirm", "cancel", "partly", "exchange", "exchange", "exchange", "give", "close")):
            case "confirm":
                return c.ConfirmOrder(self.stamp(), order)
            case "cancel":
                return c.CancelOrder(self.stamp(), order)
            case "partly":
                return c.CancelTickets(self.stamp(), order, tickets)
            case "exchange":
                return c.ExchangeTickets(self.stamp(), order, tickets, self.wish())
            case "give":
                return c.ReassignTicket(self.stamp(), order, tickets[0], random.choice(("dan", "eve")))
        return c.CloseOrder(self.stamp(), order, random.choice((OrderStatus.COMPLETED, OrderStatus.NO_SHOW)))

    def edit(self) -> c.Write:
        random, state = self.random, self.shop.state
        revision = state.revision
        match random.choice(("layout", "layout", "rules", "rules", "name", "pause", "open", "open")):
            case "layout":
                self.layouts += 1
                return c.EditEvent(self.stamp(), revision, None, another_layout(self.layouts))
            case "rules":
                return c.EditEvent(self.stamp(), revision, None, None, self.rules())
            case "name":
                return c.EditEvent(self.stamp(), revision, f"Concert {revision}", None, None, 30_000)
            case "pause":
                return c.ChangeStatus(self.stamp(), EventStatus.PAUSED)
        return c.OpenSale(self.stamp())

    def rules(self) -> Rules:
        random, now_ms = self.random, self.shop.now_ms
        allotments = random.sample(WHOLE_RULES.allotments, random.randint(0, 3))
        if random.random() < 0.5:
            allotments.append(Allotment("late", "presale", ("T", "court 1"), (), now_ms + random.choice((-1, 90_000))))
        return msgspec.structs.replace(
            WHOLE_RULES,
            max_per_buyer=random.choice((0, 0, 6, 12)),
            max_hold_life_ms=random.choice((60_000, 7_200_000)),
            allotments=tuple(allotments),
            accessible_until_ms=random.choice((0, now_ms + 60_000, now_ms - 1)),
            waiting_list=random.choice((None, WaitingList(5_000), WaitingList(600_000))),
            window=random.choice((*(Window(),) * 6, Window(now_ms + 20_000), Window(0, now_ms + 20_000))),
        )

    def wish(self) -> Wish:
        random = self.random
        seats: list[str] = []
        types: list[tuple[str, str]] = []
        areas: dict[tuple[str, str], AreaPlaces] = {}
        best: list[BestSeats] = []
        spans: list[Span] = []
        for _ in range(random.choice((1, 1, 1, 2))):
            kind = random.choice(("seats", "seats", "area", "best", "best", "slots", "table"))
            price_type = random.choice(("", "", "adult", "child"))
            if kind == "seats":
                first = random.randrange(len(SEATS))
                seats += [seat for seat in SEATS[first : first + random.randint(1, 3)] if seat not in seats]
            elif kind == "table" and "T/t1" not in seats:
                seats.append(random.choice(("T/t1", "T/t2", "T/t2")))
            elif kind == "area":
                area = random.choice(("floor", "terrace"))
                areas[area, price_type] = AreaPlaces(area, random.randint(1, 4), price_type)
            elif kind == "slots":
                starts_ms = SLOTS_FROM_MS + random.randrange(6) * SLOT_MS
                court = random.choice(("court 1", "court 2", "room"))
                spans.append(Span(court, starts_ms, starts_ms + random.randint(1, 2) * SLOT_MS))
            else:
                best.append(self.best(price_type))
        types = [(seat, "child") for seat in seats if random.random() < 0.2]
        channel = random.choice(("", "", "", "partner", "presale", "box"))
        return Wish(
            tuple(dict.fromkeys(seats)), tuple(areas.values()), tuple(best), tuple(spans), tuple(dict(types).items()),
            random.random() < 0.2, channel,
        )  # fmt: skip

    def best(self, price_type: str) -> BestSeats:
        random = self.random
        quantity = random.randint(1, 5)
        return BestSeats(
            quantity,
            random.choice(((), (), ("A",), ("T", "H"))),
            random.choice(((), (), ("far",))),
            random.choice((0, 0, 0, 1)),
            random.random() < 0.4,
            ((price_type, 1),) if price_type and random.random() < 0.5 else (),
        )


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_audit_finds_nothing_in_what_the_core_journals(seed: int) -> None:
    walk = Walk(seed)
    journal = walk.run()
    print(dict(sorted(walk.met.items())))
    assert [str(finding) for finding in audit(journal)] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_audit_finds_nothing_in_what_desks_and_legs_journal(seed: int) -> None:
    """Neither in the middle of everything, nor when all that was to be done is done."""
    walk = BasketWalk(seed)
    assert [str(finding) for finding in audit_together(walk.run())] == []
    journals = walk.settle()
    print(dict(sorted(walk.met.items())))
    assert [str(finding) for finding in audit_together(journals)] == []
    assert (len(walk.shops.desk.state.desk.todos), open_deeds(journals[0])) == (0, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_audit_finds_nothing_in_what_split_events_journal(seed: int) -> None:
    """Neither in the middle of everything, nor when all that was to be done is done."""
    walk = SplitWalk(seed)
    assert [str(finding) for finding in audit_together(walk.run())] == []
    journals = walk.settle()
    print(dict(sorted(walk.met.items())))
    assert [str(finding) for finding in audit_together(journals)] == []
    assert (len(walk.shops.desk.state.desk.todos), open_deeds(journals[0])) == (0, 0)
    assert walk.shops.home.state.parts_behind == []


def _walked(walk: BasketWalk) -> tuple[Journal, ...]:
    walk.run()
    return walk.settle()


def _entries(journals: tuple[Journal, ...]) -> Iterator[Entry]:
    return (entry for journal in journals for draft in journal.drafts for entry in draft.entries)


def test_the_walks_show_every_kind_of_entry_and_all_that_it_can_bear() -> None:
    entries = [entry for seed in SEEDS for draft in Walk(seed).run().drafts for entry in draft.entries]
    walks = (walk for seed in SEEDS for walk in (BasketWalk(seed), SplitWalk(seed)))
    of_baskets = {type(entry) for walk in walks for entry in _entries(_walked(walk))}
    assert {type(entry) for entry in entries} | of_baskets == set(get_args(Entry))
    baskets = [entry for seed in SEEDS for entry in _entries(_walked(BasketWalk(seed)))]
    for some in (entries, baskets):
        corrected = [entry for entry in some if isinstance(entry, Corrected)]
        assert all(any(getattr(entry, field) for entry in corrected) for field in ("holds", "orders", "voided"))
    for kind in (HoldPlaced, TicketsExchanged):
        for field in kind.__struct_fields__:
            assert any(getattr(entry, field) for entry in entries if isinstance(entry, kind)), f"no {field}"

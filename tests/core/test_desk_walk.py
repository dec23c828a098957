"""Many baskets over two events, at random: whatever is said comes late, twice or never, and deeds in any order.

What the desk and the legs are to each other is checked after each step, and unit by unit when all is settled.
"""

from collections import Counter
from collections.abc import Callable
from random import Random

import msgspec
import pytest

from actors.core.baskets import Deed, LegHeld, LegPlan
from actors.core.commands import (
    AcknowledgeLeg,
    AskAboutLeg,
    BookLeg,
    CancelOrder,
    CancelTickets,
    ChangeStatus,
    Command,
    ConfirmOrder,
    DropBasket,
    ExtendHold,
    IntendBasket,
    IntendExchange,
    PlaceOrder,
    ReleaseHold,
    ReleaseLeg,
    SettleBasket,
    SettleExchange,
    Stamp,
)
from actors.core.desk_state import Todo
from actors.core.entries import BasketIntended, ExchangeIntended
from actors.core.ids import BlockId
from actors.core.outcomes import Accepted
from actors.core.replies import EventStatus, LegFateReply, PinReply, PlacingReply
from actors.core.wishes import AreaPlaces, Wish
from tests.core.checked_house import DESK, FIRST, SECOND, TENANT, House, pinning, stamp
from tests.simulation.basket_check import faults_between, unsettled
from tests.simulation.basket_units import faults_when_settled

SEEDS = (*range(20), 1029, 1228, 1349)  # these three have found something
STEPS = 300
EVENTS = FIRST, SECOND


class Placing:
    """What somebody places for a desk: a basket, or an exchange in an order."""

    def __init__(self, reply: PlacingReply, order: int) -> None:
        self.reply = reply
        self.order = order
        self.held: list[LegHeld] = []


class Walk:
    """One seed. `done`: how often what was accepted."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.house = House()
        self.folds = {BlockId(name): block.live for name, block in self.house.blocks.items()}
        self.said: list[tuple[str, Command]] = []
        self.placing: list[Placing] = []
        self.done: Counter[str] = Counter()
        self._number = 1_000

    def step(self) -> None:
        """Something happens."""
        steps: tuple[tuple[Callable[[], None], int], ...] = (
            (self._intend, 3), (self._place, 8), (self._ask_for_something, 4), (self._intend_exchange, 2),
            (self._do_deed, 6), (self._ask_desk, 2), (self._say_again, 3), (self._pass_time, 2),
        )  # fmt: skip
        self.random.choices([step for step, _ in steps], [weight for _, weight in steps])[0]()
        if self.random.random() < 0.002:
            self._say(self.random.choice(EVENTS), ChangeStatus(self._stamp(), EventStatus.CANCELLED))
        meant: Counter[int] = Counter()
        for entry in self.house.blocks[DESK].journal:
            if isinstance(entry, BasketIntended):
                meant.update(plan.leg for plan in entry.legs)
            elif isinstance(entry, ExchangeIntended):
                meant[entry.leg.leg] += 1
        again = {leg for leg, times in meant.items() if times > 1}
        assert faults_between(self.folds, again) == []

    def settle(self) -> None:
        """Everybody does what is left to do, and time passes."""
        for _ in range(60):
            self.house.now_ms += 1_000
            self._tick()
            for todo in self._todos():
                self._carry_out(todo, is_lost=False)
            for block in EVENTS:
                for leg in list(self.house.state(block).asking):
                    self._ask_about(block, leg)
            if not unsettled(self.folds, self.house.now_ms):
                break
        assert unsettled(self.folds, self.house.now_ms) == ""
        assert faults_when_settled(self.folds) == []

    def _say(self, block: str, command: Command) -> object:
        """The reply, if it is accepted."""
        self.said.append((block, command))
        outcome = self.house.ask(block, command)
        if isinstance(outcome, Accepted):
            self.done[type(command).__name__] += 1
            return outcome.reply
        return None

    def _stamp(self) -> Stamp:
        self._number += 1
        return stamp(f"key {self._number}", self.house.now_ms + self.random.randint(500, 6_000))

    def _fresh(self) -> int:
        self._number += 1
        return self._number

    def _wish(self) -> Wish:
        seats = self.random.sample(range(1, 7), self.random.randint(1, 2))
        places = self.random.randint(0, 2)
        return Wish(tuple(f"A/1/{seat}" for seat in seats), (AreaPlaces("floor", places),) if places else ())

    def _intend(self) -> None:
        blocks = EVENTS if self.random.random() < 0.7 else (self.random.choice(EVENTS),)
        plans = tuple(LegPlan(block, self._fresh(), self._wish()) for block in blocks)
        ttl_ms = self.random.choice((2_000, 60_000))
        self._await(self._say(DESK, IntendBasket(self._stamp(), self._fresh(), plans, ttl_ms)), 0)

    def _intend_exchange(self) -> None:
        orders = self.house.state(DESK).orders
        if not orders:
            return
        order = self.random.choice(list(orders.values()))
        good = [ticket for ticket, revision in enumerate(order.code_revisions) if revision]
        if good:
            tickets = tuple(self.random.sample(good, self.random.randint(1, len(good))))
            plan = LegPlan(self.random.choice(EVENTS), self._fresh(), self._wish())
            meant = self._say(DESK, IntendExchange(self._stamp(), order.number, tickets, plan))
            self._await(meant, order.number)

    def _await(self, reply: object, order: int) -> None:
        if isinstance(reply, PlacingReply):
            self.placing.append(Placing(reply, order))

    def _place(self) -> None:
        """Whoever places goes on, if it is still there."""
        if not self.placing:
            return
        one = self.random.choice(self.placing)
        if self.random.random() < 0.1:
            self.placing.remove(one)
            return
        plan = one.reply.legs[len(one.held)]
        reply = self._say(plan.block, pinning(plan, one.reply.number, not_after_ms=one.reply.place_by_ms))
        if isinstance(reply, PinReply):
            assert reply.held is not None
            one.held.append(msgspec.structs.replace(reply.held, block=plan.block))
            if len(one.held) < len(one.reply.legs):
                return
        self.placing.remove(one)
        pinned = isinstance(reply, PinReply)
        if one.order:
            self._say(DESK, SettleExchange(TENANT, one.order, plan.leg, one.held[0] if pinned else None))
        elif pinned:
            self._say(DESK, SettleBasket(TENANT, one.reply.number, tuple(one.held)))
        else:
            self._say(DESK, DropBasket(TENANT, one.reply.number))

    def _ask_for_something(self) -> None:
        desk = self.house.state(DESK)
        holds = list(desk.holds.values())
        if not holds:
            return
        hold = self.random.choice(holds)
        stamp_ = self._stamp()
        if not hold.order:
            self._say(DESK, self.random.choice((
                PlaceOrder(stamp_, hold.number, self._fresh()), PlaceOrder(stamp_, hold.number, self._fresh()),
                ReleaseHold(stamp_, hold.number), ExtendHold(stamp_, hold.number, 5_000),
            )))  # fmt: skip
            return
        order = desk.orders[hold.order]
        good = [ticket for ticket, revision in enumerate(order.code_revisions) if revision]
        if not good:
            self._say(DESK, ConfirmOrder(stamp_, order.number))
        elif self.random.random() < 0.2:
            self._say(DESK, CancelOrder(stamp_, order.number))
        else:
            self._say(DESK, CancelTickets(stamp_, order.number, (self.random.choice(good),)))

    def _todos(self) -> list[Todo]:
        """The oldest of each leg."""
        todos = sorted(self.house.state(DESK).desk.todos.values(), key=lambda todo: -todo.revision)
        return list({todo.leg: todo for todo in todos}.values())

    def _do_deed(self) -> None:
        todos = self._todos()
        if todos:
            self._carry_out(self.random.choice(todos), is_lost=self.random.random() < 0.2)

    def _carry_out(self, todo: Todo, *, is_lost: bool) -> None:
        self._do(todo.block, todo.leg, todo.deed, todo.revision, todo.tickets)
        if not is_lost:
            self._say(DESK, AcknowledgeLeg(TENANT, todo.leg, todo.revision))

    def _do(self, block: str, leg: int, deed: Deed, revision: int, tickets: tuple[int, ...]) -> None:
        command = BookLeg(TENANT, leg, revision) if deed is Deed.BOOK else ReleaseLeg(TENANT, leg, revision, tickets)
        assert self._say(block, command) is not None, "what was decided can be done"

    def _ask_desk(self) -> None:
        block = self.random.choice(EVENTS)
        asking = [leg for leg in self.house.state(block).asking.values() if leg.ask_at_ms <= self.house.now_ms]
        if asking:
            self._ask_about(block, self.random.choice(asking).number)

    def _ask_about(self, block: str, number: int) -> None:
        state = self.house.state(block)
        leg = state.legs[number]
        fate = self._say(DESK, AskAboutLeg(TENANT, leg.basket, number, leg.revision, state.was_cancelled))
        if isinstance(fate, LegFateReply) and fate.deed is not None:
            self._do(block, number, fate.deed, fate.revision, fate.tickets)

    def _say_again(self) -> None:
        if self.said:
            self.house.ask(*self.random.choice(self.said[-40:]))

    def _pass_time(self) -> None:
        self.house.now_ms += self.random.randint(1, 2_000)
        self._tick()

    def _tick(self) -> None:
        for block in self.house.blocks.values():
            block.tick(self.house.now_ms)


@pytest.mark.parametrize("seed", SEEDS)
def test_desks_and_legs_agree_whatever_comes_late_or_twice(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
    walk.settle()


def test_together_they_do_everything() -> None:
    done: Counter[str] = Counter()
    for seed in SEEDS[:5]:
        walk = Walk(seed)
        for _ in range(STEPS):
            walk.step()
        done += walk.done
    print(dict(done))
    for command in (SettleBasket, DropBasket, ConfirmOrder, CancelOrder, CancelTickets, SettleExchange, AskAboutLeg):
        assert done[command.__name__] > 0, command.__name__

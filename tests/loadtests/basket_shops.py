"""A desk and three events that are the real core, and baskets over them, a command at a time."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

from actors.audit.replies import Told
from actors.baskets import _told
from actors.core import commands as c
from actors.core.baskets import Deed, LegHeld, LegPlan
from actors.core.desk_state import Todo
from actors.core.ids import BlockId, desk_block, event_block
from actors.core.keys import key_hash
from actors.core.orders import order_reply
from actors.core.outcomes import Accepted, Rejected
from actors.core.replies import LegFateReply, PinReply, PlacingReply
from actors.core.rules import Rules
from actors.core.wishes import Wish
from tests.loadtests.journals import HOLD_TTL_MS, LAYOUT, TENANT, Journal, Shop
from tests.loadtests.whole_house import WHOLE_LAYOUT, WHOLE_RULES

DESK: BlockId = desk_block(TENANT, bytes(16))
FIRST, SECOND, THIRD = sorted(event_block(TENANT, f"event {number}") for number in range(3))
"""The whole house, and two plain events."""


class BasketShops:
    """A desk and the blocks of events, with one clock."""

    def __init__(self, events: Iterable[BlockId] = (FIRST, SECOND, THIRD)) -> None:
        self.desk = Shop(block=DESK)
        self.events = {block: Shop(block=block) for block in events}
        self._keys = 0

    def open(self) -> None:
        """Put the events on sale."""
        for shop in self.all:
            shop.take_over()
        for block, shop in self.events.items():
            layout, rules = (WHOLE_LAYOUT, WHOLE_RULES) if block == FIRST else (LAYOUT, Rules())
            shop.ask(c.CreateEvent(shop.stamp("create"), "A concert", layout, HOLD_TTL_MS, rules))
            shop.ask(c.OpenSale(shop.stamp("open")))
        self.commit()

    @property
    def all(self) -> tuple[Shop, ...]:
        """Desk and events."""
        return self.desk, *self.events.values()

    @property
    def now_ms(self) -> int:
        """The time in every block."""
        return self.desk.now_ms

    def wait(self, after_ms: int) -> None:
        """Time passes, and what is due ends."""
        for shop in self.all:
            shop.now_ms += after_ms
            shop.expire()

    def commit(self) -> None:
        """What is pending becomes rows."""
        for shop in self.all:
            if shop.pending:
                shop.commit()

    def stamp(self, buyer: str = "ana") -> c.Stamp:
        """Under a new key whose desk is this one."""
        while True:
            self._keys += 1
            key = f"basket key {self._keys}"
            if desk_block(TENANT, key_hash(TENANT, key)) == DESK:
                return self.desk.stamp(key, buyer)

    def legs(self, wishes: Mapping[BlockId, Wish], _: str, numbers: Iterator[int]) -> tuple[LegPlan, ...]:
        """What is to be placed for a buyer who wishes for this of these events."""
        return tuple(
            LegPlan(block, number, wish) for (block, wish), number in zip(wishes.items(), numbers, strict=False)
        )

    def intend(
        self, basket: int, wishes: Mapping[BlockId, Wish], ttl_ms: int = 60_000, buyer: str = "ana"
    ) -> PlacingReply:
        """The basket's legs are ten times its number, and 1, 2, 3."""
        plans = self.legs(wishes, buyer, count(10 * basket + 1))
        placing = self.desk.ask(c.IntendBasket(self.stamp(buyer), basket, plans, ttl_ms))
        assert isinstance(placing, PlacingReply)
        return placing

    def pin(self, placing: PlacingReply, plan: LegPlan, buyer: str = "ana") -> LegHeld | Rejected:
        """One leg is placed, or refused."""
        pin = c.PinLeg(TENANT, DESK, placing.number, buyer, plan, 1, placing.place_by_ms)
        outcome = self.events[BlockId(plan.block)].try_ask(pin)
        if isinstance(outcome, Rejected):
            return outcome
        assert isinstance(outcome.reply, PinReply)
        assert outcome.reply.held is not None
        return _told(outcome.reply.held, plan)

    def hold(self, basket: int, wishes: Mapping[BlockId, Wish], ttl_ms: int = 60_000, buyer: str = "ana") -> None:
        """A basket, held."""
        placing = self.intend(basket, wishes, ttl_ms, buyer)
        held = [self.pin(placing, plan, buyer) for plan in placing.legs]
        legs = tuple(leg for leg in held if isinstance(leg, LegHeld))
        assert len(legs) == len(held), held
        self.desk.ask(c.SettleBasket(TENANT, basket, legs))

    def pay(self, basket: int, buyer: str = "ana") -> None:
        """The basket is ordered as 100 more, paid and booked."""
        self.desk.ask(c.PlaceOrder(self.stamp(buyer), basket, 100 + basket))
        self.desk.ask(c.ConfirmOrder(self.stamp(buyer), 100 + basket))
        self.carry_out()

    def intend_exchange(self, order: int, tickets: tuple[int, ...], plan: LegPlan) -> PlacingReply:
        """These tickets are to be given back for what the plan wishes for."""
        placing = self.desk.ask(c.IntendExchange(self.stamp(), order, tickets, plan))
        assert isinstance(placing, PlacingReply)
        return placing

    def exchange(self, order: int, tickets: tuple[int, ...], plan: LegPlan) -> bool:
        """They are, if what is wished for can be had; whether it could."""
        placing = self.intend_exchange(order, tickets, plan)
        held = self.pin(placing, placing.legs[0])
        settled = held if isinstance(held, LegHeld) else None
        key = f"basket key {self._keys}"
        self.desk.ask(c.SettleExchange(TENANT, order, plan.leg, settled))
        if settled is not None:
            state = self.desk.state
            self.desk.tell(Told.EXCHANGED, order_reply(state, state.orders[order], self.now_ms), key)
        return settled is not None

    def carry_out(self, *legs: int) -> None:
        """All that the desk demands of these legs, or of all, oldest first."""
        for todo in list(self.desk.state.desk.todos.values()):
            if not legs or todo.leg in legs:
                self.do(todo)

    def do(self, todo: Todo) -> bool:
        """One deed, and its acknowledgement; whether the leg could."""
        done = self.events[BlockId(todo.block)].try_ask(_deed(todo.leg, todo.deed, todo.revision, todo.tickets))
        if isinstance(done, Accepted):
            self.desk.ask(c.AcknowledgeLeg(TENANT, todo.leg, todo.revision))
        return isinstance(done, Accepted)

    def ask_desk(self, block: BlockId, number: int) -> bool:
        """A leg in doubt asks its desk, and does what it is told; whether the desk could say."""
        shop = self.events[block]
        leg = shop.state.legs[number]
        question = c.AskAboutLeg(TENANT, leg.basket, number, leg.revision, shop.state.was_cancelled)
        outcome = self.desk.try_ask(question)
        if isinstance(outcome, Rejected):
            return False
        fate = outcome.reply
        assert isinstance(fate, LegFateReply)
        if fate.deed is not None:
            shop.try_ask(_deed(number, fate.deed, fate.revision, fate.tickets))
        return True

    def journals(self) -> tuple[Journal, ...]:
        """The desk's first."""
        return tuple(shop.journal() for shop in self.all)


def _deed(leg: int, deed: Deed, revision: int, tickets: tuple[int, ...]) -> c.Errand:
    if deed is Deed.BOOK:
        return c.BookLeg(TENANT, leg, revision)
    return c.ReleaseLeg(TENANT, leg, revision, tickets)

"""An event that is split: its home, its parts and its ledgers, each checked at every step, and a desk."""

from collections.abc import Sequence

import msgspec

from actors.core.baskets import Deed, LegHeld, LegPlan
from actors.core.commands import (
    AcknowledgeLeg,
    AcknowledgePart,
    BookLeg,
    Command,
    CreateEvent,
    IntendBasket,
    OpenSale,
    PinLeg,
    ReleaseLeg,
    SettleBasket,
)
from actors.core.following import what_to_follow
from actors.core.layout import Area, Category, Fee, Layout, Row, RowKind, Section
from actors.core.outcomes import Accepted, Outcome
from actors.core.parts import Part
from actors.core.replies import PinReply, Reply
from actors.core.rules import Allotment, Rules
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish
from tests.core.checked_house import DESK, PLACE_BY_MS, START_MS, TENANT, CheckedState, stamp

HOME, NORTH, EAST, LEDGER_1, LEDGER_2 = "000000000000home", "0000000000000001", "0000000000000002", "l1", "l2"
PARTS = (Part(NORTH, ("north",)), Part(EAST, ("east", "south")), Part(LEDGER_1), Part(LEDGER_2))
LAYOUT = Layout(
    "EUR",
    (Category("gold", 9_000), Category("standing", 4_000)),
    (
        Section("north", (Row("1", 0, 1, 4, (), RowKind.ROW, (0,), (1,)), Row("2", 0, 1, 4))),
        Section("east", (Row("1", 0, 1, 4),)),
        Section("south", (Row("1", 0, 1, 3, (), RowKind.WHOLE_TABLE),)),
        Section("west", (Row("1", 0, 1, 4),)),
    ),
    (Area("floor", 1, 30),),
    fees=(Fee("order", 300, 0, True),),
)
RULES = Rules(max_per_buyer=6, allotments=(Allotment("press", "", ("north/2/4", "west/1/4")),))


class DividedHouse:
    """A home, two parts and two ledgers, and a desk; on sale, if `opens`, and the parts know it."""

    def __init__(self, rules: Rules = RULES, *, opens: bool = True) -> None:
        self.blocks = {name: CheckedState() for name in (DESK, HOME, *(part.block for part in PARTS))}
        self.now_ms = START_MS
        self.say(HOME, CreateEvent(stamp("create"), "A final", LAYOUT, rules=rules, parts=PARTS))
        if opens:
            self.say(HOME, OpenSale(stamp("open")))
            self.follow()

    def ask(self, block: str, command: Command) -> Outcome:
        """What a block makes of the command, now."""
        return self.blocks[block].ask(command, self.now_ms)

    def say(self, block: str, command: Command) -> Reply:
        """The reply to a command that is accepted."""
        outcome = self.ask(block, command)
        assert isinstance(outcome, Accepted), outcome
        return outcome.reply

    def state(self, block: str) -> BlockState:
        """The block as it is."""
        return self.blocks[block].live

    def follow(self, *parts: Part) -> None:
        """These parts, or all that are behind, become what the event is, and the event knows it."""
        for part in parts or self.state(HOME).parts_behind:
            told = what_to_follow(self.state(HOME), HOME, part)
            self.say(part.block, told)
            self.say(HOME, AcknowledgePart(TENANT, part.block, told.revision))

    def hold(self, basket: int, plans: Sequence[LegPlan]) -> tuple[LegHeld, ...]:
        """A basket of these legs, held."""
        self.say(DESK, IntendBasket(stamp(f"basket {basket}", PLACE_BY_MS), basket, tuple(plans), 60_000))
        held = tuple(self.pin(basket, plan) for plan in plans)
        self.say(DESK, SettleBasket(TENANT, basket, held))
        return held

    def pin(self, basket: int, plan: LegPlan) -> LegHeld:
        """What a leg holds, as a desk is told it."""
        reply = self.say(plan.block, PinLeg(TENANT, DESK, basket, "ana", plan, 1, PLACE_BY_MS))
        assert isinstance(reply, PinReply)
        assert reply.held is not None
        if plan.counts:
            home = reply.held.home
            return LegHeld(plan.leg, plan.block, "EUR", (), (), (), (), counts=plan.counts, home=home)
        return msgspec.structs.replace(reply.held, block=plan.block, counted_by=plan.counted_by)

    def do_deeds(self) -> None:
        """Have done what the desk demands."""
        for todo in list(self.state(DESK).desk.todos.values()):
            done: Command = BookLeg(TENANT, todo.leg, todo.revision)
            if todo.deed is Deed.RELEASE:
                done = ReleaseLeg(TENANT, todo.leg, todo.revision, todo.tickets)
            self.say(todo.block, done)
            self.say(DESK, AcknowledgeLeg(TENANT, todo.leg, todo.revision))


def counted(leg: int, block: str, wish: Wish) -> LegPlan:
    """A leg that the first ledger counts."""
    return LegPlan(block, leg, wish, counted_by=LEDGER_1)


def counting(leg: int, count: int) -> LegPlan:
    """The leg in the first ledger that counts so many."""
    return LegPlan(LEDGER_1, leg, Wish(areas=(AreaPlaces("units", count),)), counts=count)

"""A desk and the blocks of its legs, each checked at every step: deciding is pure, replays and snapshots agree."""

import msgspec

from actors.core.baskets import Deed, LegHeld, LegPlan
from actors.core.block import apply, decide, next_deadline_ms, next_due
from actors.core.commands import (
    AcknowledgeLeg,
    BookLeg,
    Command,
    ConfirmOrder,
    CreateEvent,
    IntendBasket,
    OpenSale,
    PinLeg,
    PlaceOrder,
    ReleaseLeg,
    SettleBasket,
    Stamp,
)
from actors.core.entries import Entry
from actors.core.ids import TenantId
from actors.core.inventory import UnitStatus
from actors.core.keys import fingerprint, key_hash
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Accepted, Outcome, Rejected
from actors.core.replies import PinReply, PlacingReply, Reply
from actors.core.rules import Rules
from actors.core.snapshot import digest, freeze, restore
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish

TENANT = TenantId("arena")
START_MS = 1_700_000_000_000
LAYOUT = Layout(
    "EUR",
    (Category("gold", 9000), Category("standing", 4000)),
    (Section("A", (Row("1", 0, 1, 6),)),),
    (Area("floor", 1, 5),),
)
WISH = Wish(("A/1/1", "A/1/2"), (AreaPlaces("floor", 2),))
DESK, FIRST, SECOND = "desk", "block-1", "block-2"
BASKET, ORDER = 500, 900
LEG_1, LEG_2 = 11, 12
PLACE_BY_MS = START_MS + 5_000
NO_RULES = Rules()

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_entries: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class CheckedState:
    """A live block beside one that is replayed, and one that comes from a snapshot before each of its entries."""

    def __init__(self) -> None:
        self.live = BlockState()
        self.replayed = BlockState()
        self.restored = BlockState()
        self.journal: list[Entry] = []

    def ask(self, command: Command, now_ms: int) -> Outcome:
        """What becomes of the command; accepted entries are applied."""
        assert _commands.decode(_encoder.encode(command)) == command, "a command changes on the wire"
        before = digest(self.live)
        outcome = decide(self.live, command, now_ms)
        assert digest(self.live) == before, "deciding changed the state"
        assert decide(self.restored, command, now_ms) == outcome, "a restored block decides otherwise"
        if isinstance(outcome, Accepted):
            assert _replies.decode(_encoder.encode(outcome.reply)) == outcome.reply, "a reply changes on the wire"
            self.apply(outcome.entries)
        return outcome

    def tick(self, now_ms: int) -> list[Entry]:
        """Bring about what is due."""
        came: list[Entry] = []
        while (entry := next_due(self.live, now_ms)) is not None:
            assert entry == next_due(self.restored, now_ms), "a restored block has something else due"
            self.apply((entry,))
            came.append(entry)
            assert len(came) < 100, "something is due for ever"
        assert next_deadline_ms(self.live) == next_deadline_ms(self.restored), "a restored block waits otherwise"
        return came

    def apply(self, entries: tuple[Entry, ...]) -> None:
        """Let it be so."""
        for entry in entries:
            durable = _entries.decode(_encoder.encode(entry))
            assert durable == entry, "an entry changes in the journal"
            self.journal.append(durable)
            self.restored = restore(freeze(self.restored))
            for state in (self.live, self.replayed, self.restored):
                apply(state, durable)
            for state in (self.live, self.restored):
                assert state.live_hold_count == sum(map(state.claims_units, state.holds.values())), (
                    "holds are miscounted"
                )
            assert digest(self.live) == digest(self.replayed), "replay differs"
            assert digest(self.live) == digest(self.restored), "snapshot plus entry differs"
            assert next_deadline_ms(self.live) == next_deadline_ms(self.restored), "a restored block waits otherwise"


class House:
    """A desk and two events on sale."""

    def __init__(self, rules: Rules = NO_RULES, second: Layout = LAYOUT, first: Layout = LAYOUT) -> None:
        self.blocks = {name: CheckedState() for name in (DESK, FIRST, SECOND)}
        self.now_ms = START_MS
        for name, layout in ((FIRST, first), (SECOND, second)):
            self.ask(name, CreateEvent(stamp(f"create {name}"), "An evening", layout, rules=rules))
            self.ask(name, OpenSale(stamp(f"open {name}")))

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

    def statuses(self, block: str) -> str:
        """The first letters of the statuses of the block's seats."""
        return "".join(UnitStatus(status).name[0] for status in self.state(block).inventory.statuses)

    def intend(self, key: str = "basket", basket: int = BASKET, *plans: LegPlan) -> Outcome:
        """Mean a basket of one leg an event, or of these."""
        legs = plans or (LegPlan(FIRST, LEG_1, WISH), LegPlan(SECOND, LEG_2, WISH))
        return self.ask(DESK, IntendBasket(stamp(key, PLACE_BY_MS), basket, legs, 60_000))

    def pin(self, plan: LegPlan, basket: int = BASKET) -> LegHeld:
        """What the leg holds."""
        reply = self.say(plan.block, pinning(plan, basket))
        assert isinstance(reply, PinReply)
        assert reply.held is not None
        return msgspec.structs.replace(reply.held, block=plan.block)

    def hold(self) -> tuple[LegHeld, ...]:
        """A basket that is held."""
        meant = self.intend()
        assert isinstance(meant, Accepted)
        assert isinstance(meant.reply, PlacingReply)
        held = tuple(self.pin(plan) for plan in meant.reply.legs)
        self.say(DESK, SettleBasket(TENANT, BASKET, held))
        return held

    def order(self) -> None:
        """A basket that is ordered."""
        self.hold()
        self.say(DESK, PlaceOrder(stamp("order"), BASKET, ORDER))

    def pay(self) -> None:
        """A basket that is paid, and booked."""
        self.order()
        self.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
        self.do_deeds()

    def deeds(self) -> list[tuple[int, str, int, tuple[int, ...]]]:
        """What the desk demands: leg, deed, revision, tickets."""
        return [
            (todo.leg, todo.deed.name, todo.revision, todo.tickets) for todo in self.state(DESK).desk.todos.values()
        ]

    def do_deeds(self, *, newest_first: bool = False) -> None:
        """Have done what the desk demands; the deeds of one leg in their order, in any case."""
        while todos := list(self.state(DESK).desk.todos.values()):
            of_leg = {todo.leg: todo for todo in sorted(todos, key=lambda todo: todo.revision, reverse=True)}
            todo = list(of_leg.values())[0 if newest_first else -1]
            done: Command = BookLeg(TENANT, todo.leg, todo.revision)
            if todo.deed is Deed.RELEASE:
                done = ReleaseLeg(TENANT, todo.leg, todo.revision, todo.tickets)
            self.say(todo.block, done)
            self.say(DESK, AcknowledgeLeg(TENANT, todo.leg, todo.revision))


def stamp(key: str, not_after_ms: int = 1 << 60, *, tenant: str = TENANT, asked: str = "") -> Stamp:
    """Ana's."""
    printed = fingerprint("principal", "ana", key, asked)
    return Stamp(tenant, "ana", key_hash(TenantId(tenant), key), printed, not_after_ms)


def pinning(plan: LegPlan, basket: int = BASKET, *, tenant: str = TENANT, not_after_ms: int = PLACE_BY_MS) -> PinLeg:
    """What a gateway asks a leg's block."""
    return PinLeg(tenant, DESK, basket, "ana", plan, 1, not_after_ms)


def why(outcome: Outcome) -> tuple[str, tuple[str, ...]]:
    """The reason of a refusal, with what it names."""
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason.name, outcome.details.fields or outcome.details.units

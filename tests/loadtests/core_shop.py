"""A shop that is the real core in this process, and shops that do one thing wrong."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from random import Random

from actors.audit.audit import LiveDigest
from actors.audit.denials import Denied
from actors.audit.replies import Acknowledged, Answered, Told
from actors.core.block import apply, decide, next_due
from actors.core.commands import (
    CancelOrder,
    ConfirmOrder,
    CreateEvent,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReadHold,
    ReadOrder,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.entries import Activated, Entry
from actors.core.ids import Kind, outside_id, parse_id
from actors.core.keys import fingerprint, key_hash
from actors.core.layout import Layout
from actors.core.outcomes import Accepted as CoreAccepted
from actors.core.outcomes import Outcome
from actors.core.replies import HoldReply, OrderReply
from actors.core.snapshot import ledger_digest
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from actors.layout_files.layout_file import parse_layout
from loadtests.calls import Accepted, Answer, Ask, Passing, Refused, Sight
from loadtests.history.calls import Kind as History
from loadtests.history.calls import Seen
from loadtests.house import House
from tests.loadtests.journals import EPOCHS, TENANT, Draft, Journal, acknowledged

ENTRIES_PER_ROW = 20


class CoreShop:
    """Decides, applies and journals at once; answers a little later."""

    protocol = "core"

    def __init__(self, house: House, hold_ttl_ms: int = 60_000) -> None:
        self.state = BlockState()
        self.entries: list[Entry] = []
        self._numbers = itertools.count(1)
        layout = parse_layout(house.layout())
        assert isinstance(layout, Layout), layout
        self._append(Activated(_now_ms(), "shard-0", bytes(8)))
        for command in (
            CreateEvent(self._stamp("create", "create"), "event", layout, hold_ttl_ms),
            OpenSale(self._stamp("open", "open")),
        ):
            assert isinstance(self._decide(command), CoreAccepted)

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        await asyncio.sleep(0)
        answer = self.answer_of(ask, key)
        await asyncio.sleep(0.001)
        return answer

    async def look(self, kind: History, own: str) -> Sight:
        """See `Shop.look`."""
        await asyncio.sleep(0)
        sight = self.sight_of(kind, own)
        await asyncio.sleep(0.001)
        return sight

    def sight_of(self, kind: History, own: str) -> Sight:
        """How it stands, at once."""
        is_hold = kind is History.READ_HOLD
        home = parse_id(Kind.HOLD if is_hold else Kind.ORDER, own)
        assert home is not None
        now_ms = self._until_now()
        read = ReadHold(TENANT, home[1]) if is_hold else ReadOrder(TENANT, home[1])
        outcome = decide(self.state, read, now_ms)
        if not isinstance(outcome, CoreAccepted):
            return Refused(outcome.reason.name)
        assert isinstance(outcome.reply, HoldReply | OrderReply)
        expires_at_ms = outcome.reply.expires_at_ms if isinstance(outcome.reply, HoldReply) else 0
        areas = tuple((places.area, places.quantity) for places in outcome.reply.areas)
        order = outcome.reply.order if is_hold else 0
        order_id = outside_id(Kind.ORDER, home[0], order) if order else ""
        return Seen(outcome.reply.status.name, outcome.reply.seats, areas, expires_at_ms, order_id)

    def answer_of(self, ask: Ask, key: str) -> Answer:
        """What becomes of it, at once."""
        outcome = self._decide(self._command(ask, self._stamp(key, repr(ask))))
        if not isinstance(outcome, CoreAccepted):
            return Refused(outcome.reason.name, outcome.details.units)
        assert isinstance(outcome.reply, HoldReply | OrderReply)
        return Accepted(acknowledged(ask.told, outcome.reply, 0), outcome.replayed)

    def journal(self, answers: Sequence[Answered]) -> Journal:
        """All that happened, in rows of a few entries, with what buyers were told."""
        drafts = [
            Draft(EPOCHS[0], self.entries[first : first + ENTRIES_PER_ROW])
            for first in range(0, len(self.entries), ENTRIES_PER_ROW)
        ]
        live = LiveDigest(ledger_digest(self.state), self.state.entries_applied, len(drafts))
        replies = [answer for answer in answers if isinstance(answer, Acknowledged)]
        return Journal(drafts, replies, live, denials=[answer for answer in answers if isinstance(answer, Denied)])

    def _decide(self, command: Write) -> Outcome:
        outcome = decide(self.state, command, self._until_now())
        if isinstance(outcome, CoreAccepted):
            for entry in outcome.entries:
                self._append(entry)
        return outcome

    def _until_now(self) -> int:
        """What is due has happened; the time by which it has."""
        now_ms = _now_ms()
        while (expiry := next_due(self.state, now_ms)) is not None:
            self._append(expiry)
        return now_ms

    def _append(self, entry: Entry) -> None:
        apply(self.state, entry)
        self.entries.append(entry)

    def _stamp(self, key: str, asked: str) -> Stamp:
        return Stamp(TENANT, "", key_hash(TENANT, key), fingerprint(TENANT, "", asked), _now_ms() + 10_000)

    def _command(self, ask: Ask, stamp: Stamp) -> Write:
        kind = Kind.HOLD if ask.told in (Told.EXTENDED, Told.RELEASED, Told.ORDERED) else Kind.ORDER
        home = parse_id(kind, ask.id) if ask.id else None
        number = home[1] if home is not None else next(self._numbers)
        match ask.told:
            case Told.HELD:
                areas = tuple(AreaPlaces(*places) for places in ask.areas)
                best = (BestSeats(ask.best),) if ask.best else ()
                return PlaceHold(stamp, number, Wish(ask.seats, areas, best))
            case Told.EXTENDED:
                return ExtendHold(stamp, number, ask.ttl_seconds * 1000)
            case Told.RELEASED:
                return ReleaseHold(stamp, number)
            case Told.ORDERED:
                return PlaceOrder(stamp, number, next(self._numbers))
            case Told.CONFIRMED:
                return ConfirmOrder(stamp, number)
            case Told.CANCELLED:
                return CancelOrder(stamp, number)
            case _:
                raise AssertionError(f"buyers do not ask for {ask.told}")


class UnsteadyShop(CoreShop):
    """Now and then does not do what it is asked, or does it and does not say so."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._random = Random(7)

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        dice = self._random.random()
        if dice < 0.05:
            return Passing("UNAVAILABLE", 0.001)
        answer = await super().ask(ask, key)
        return Passing("OUTCOME_UNKNOWN", 0.001) if dice < 0.1 and isinstance(answer, Accepted) else answer


class ForgetfulShop(CoreShop):
    """Acknowledges, and loses one of its last commits."""

    def journal(self, answers: Sequence[Answered]) -> Journal:
        """Without its last row, as after a crash that a real commit would have survived."""
        journal = super().journal(answers)
        journal.drafts.pop()
        return journal


class AmnesiacShop(UnsteadyShop):
    """Remembers no key, so that what is asked again is done again, in the journal too."""

    def answer_of(self, ask: Ask, key: str) -> Answer:
        """As if nobody had asked under this key."""
        hashed = key_hash(TENANT, key)
        memo = self.state.memos.pop(hashed, None)
        answer = super().answer_of(ask, key)
        if memo is not None:
            self.state.memos.setdefault(hashed, memo)
        return answer


class DenyingShop(CoreShop):
    """Now and then tells who asks for one unit of its choice that there is none."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._random = Random(7)

    def answer_of(self, ask: Ask, key: str) -> Answer:
        """What becomes of it, or a lie."""
        asks_for_any = bool(ask.best or ask.areas) and ask.quantity == 1
        return (
            Refused("NOT_ENOUGH_AVAILABLE")
            if asks_for_any and self._random.random() < 0.1
            else super().answer_of(ask, key)
        )


class StaleShop(CoreShop):
    """Shows holds and orders as they were when they were first read."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._shown: dict[str, Sight] = {}

    def sight_of(self, kind: History, own: str) -> Sight:
        """As before."""
        return self._shown.setdefault(own, super().sight_of(kind, own))


class KeylessShop(CoreShop):
    """Takes every repeated request for a new one."""

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        return await super().ask(ask, f"{key}-{next(self._numbers)}")


class CrossedShop(CoreShop):
    """Gives each buyer the answer to the hold that was asked for just before: its replies are out of step."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._before: Answer | None = None

    def answer_of(self, ask: Ask, key: str) -> Answer:
        """The answer before this one."""
        answer = super().answer_of(ask, key)
        if ask.told is Told.HELD and isinstance(answer, Accepted):
            self._before, answer = answer, self._before or answer
        return answer


class DoubleSellingShop(CoreShop):
    """Has two owners at times: the second one does not see what the first one holds."""

    def answer_of(self, ask: Ask, key: str) -> Answer:
        """What is refused as held is held all the same, in the journal too."""
        answer = super().answer_of(ask, key)
        if isinstance(answer, Refused) and answer.code == "UNITS_HELD":
            other = CoreShop(House(len(self.state.inventory.statuses) * 5 // 4))
            other._numbers = self._numbers
            answer = other.answer_of(ask, key)
            self.entries.append(other.entries[-1])
        return answer


def _now_ms() -> int:
    return int(time.time() * 1000)

"""What the clients of a simulation ask and are told, as a history; and what the two checks say of it.

Recorded is what the notation has a kind for: writes that acknowledge something of a hold, an order or a waiter, and
reads of holds and orders. What organizers do, what is read of events and waiters, and what strangers ask is not.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.audit.ids import HOLD, ORDER, WAITER, block_of_event, desk_of, home_of
from actors.audit.keys import journaled_key
from actors.audit.replies import Acknowledged
from actors.core.ids import BlockId, Kind, TenantId, outside_id
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import OrderReply, OrderStatus
from actors.core.wishes import Wish
from actors.journal.journal import JournalRow
from actors.reservations import Done
from loadtests.history.calls import READS, Begun, Call, Outcome, Recorder, Seen, Term
from loadtests.history.calls import Kind as Asked
from loadtests.history.tally import Tally, together
from loadtests.history.timed import Timed, Written
from loadtests.history.witness import Witness
from tests.loadtests.journals import acknowledged
from tests.simulation.clocks import START_MS
from tests.simulation.journal_audit import Effect, effects, row_of
from tests.simulation.repeats import repeats
from tests.simulation.short_lives import Mentions

if TYPE_CHECKING:
    from tests.simulation.world import World

OF_HISTORIES = (
    Fault.AGAINST_REAL_TIME,
    Fault.DONE_THOUGH_REFUSED,
    Fault.DONE_TOO_LATE,
    Fault.REFUSED_WRONGLY,
    Fault.READ_WRONGLY,
    Fault.READ_STALE,
    Fault.REPLY_NOT_IN_JOURNAL,
)
REPEATED = "refused, and repeated by the network"
_ABOUT = dict.fromkeys((Asked.EXTEND, Asked.RELEASE, Asked.ORDER, Asked.READ_HOLD), HOLD) | {Asked.LEAVE: WAITER}


class About(NamedTuple):
    """What a call is about: the hold, order or waiter with this id, or what is wished for of an event; or of several,
    as a basket with these legs, whose event is empty. `event` of an exchange: that of the new units, if it is said.
    """

    id: str = ""
    event: str = ""
    wish: Wish = Wish()
    tickets: Sequence[int] = ()
    ttl_ms: int = 0
    legs: Sequence[tuple[str, Wish]] = ()


def has_home(kind: Asked, about: About) -> bool:
    """Whether it may be about something that is there: an id of another kind, or that names no block, has no home."""
    if about.id:
        what, _, rest = about.id.partition("_")
        return what == _ABOUT.get(kind, ORDER) and bool(rest)
    return about.event != "event_"


class Wished(NamedTuple):
    """What was asked for under a key, by event, and since when, in µs of the run."""

    legs: Sequence[tuple[str, Wish]]
    since_us: int


class History:
    """The calls of one run, in the order of asking. `split`: blocks of events whose holds are at home at desks.

    `wishes`: by key, what was wished for of which event, and since when, in µs; empty: it is not said of which.
    """

    def __init__(self, tenant: TenantId) -> None:
        self.calls: list[Call] = []
        self.split: set[str] = set()
        self.wishes: dict[str, Wished] = {}
        self.excused: Counter[str] = Counter()  # calls that are held against less, by why, once `by_home` was asked
        self.forgotten_count = 0  # calls that were told that what they are about is not there, and rightly
        self._by_home: dict[str, list[Call]] | None = None
        self.tenant = tenant
        self._recorder = Recorder(now_us, self.calls.append)

    def begin(
        self, client: str, kind: Asked, key: str, about: About, deadline_ms: int, buyer: str = "", *,
        may_be_invalid: bool = False,
    ) -> Begun | None:  # fmt: skip
        """The call is asked now; None: it is about nothing that can have a home."""
        try:
            block = self._block_of(kind, about, key)
        except ValueError:
            return None
        wish = about.wish
        spans = tuple((span.resource, span.starts_at_ms, span.ends_at_ms) for span in wish.spans)
        if key:
            self.wishes.setdefault(key, Wished(about.legs or ((about.event, wish),), now_us()))
        return self._recorder.begin(
            client, kind, block, key, id=about.id, units=wish.seats, spans=spans, buyer=buyer,
            areas=areas_of(wish), best=tuple(best.quantity for best in wish.best), tickets=tuple(about.tickets),
            ttl_ms=about.ttl_ms, over_us=now_us() + deadline_ms * 1000, is_particular=is_particular(wish),
            terms=tuple(terms_of(wish)), may_be_invalid=may_be_invalid,
        )  # fmt: skip

    def end(self, begun: Begun | None, answer: Done[Any] | Rejected) -> None:
        """It came to this."""
        if begun is None:
            return
        kind = begun.call.kind
        if isinstance(answer, Rejected):
            if answer.reason is Reason.OUTCOME_UNKNOWN:
                begun.info(answer.reason.name)
            else:
                begun.fail(answer.reason.name, answer.details.units)
        elif kind in READS:
            begun.ok(_seen(answer))
        else:
            assert kind.told is not None
            if kind is Asked.CANCEL_PARTLY and answer.reply.status is OrderStatus.CANCELLED and not answer.replayed:
                begun.call = msgspec.structs.replace(begun.call, kind=Asked.CANCEL)  # those were the last
            told = acknowledged(kind.told, answer.reply, answer.position, answer.block, begun.call.key)
            if answer.replayed:
                told = msgspec.structs.replace(told, expires_at_ms=0)
            begun.ok(told, replayed=answer.replayed)

    def by_home(self, world: "World") -> dict[str, list[Call]]:
        """The calls of the run, which is over, by the block in which they are at home.

        A refused one that the network repeated may yet happen (see `repeats`). What was told of a state that a
        failover lost says nothing.
        """
        if self._by_home is None:
            self._recorder.close()
            self._by_home = self._sorted_by_home(world)
        return self._by_home

    def _sorted_by_home(self, world: "World") -> dict[str, list[Call]]:
        homes: dict[str, list[Call]] = {}
        refused: set[str] = set()
        again = repeats(world)
        done = effects(world.store.journals) if world.store.lost else {}
        mentions = Mentions(world.store.journals, world.folds) if world.has_short_lives else None
        for call in self.calls:
            home = self._home_of(call)
            own = homes.setdefault(home, [])
            is_first = call.outcome is Outcome.FAIL and call.key and call.key not in refused
            if is_first and again.excuse(self.journaled(call), call.reason):
                refused.add(call.key)
                own.append(msgspec.structs.replace(call, outcome=Outcome.INFO, reason="repeated", named=()))
                self.excused[REPEATED] += 1
            if mentions is not None and _is_forgotten(call, home, mentions, world.tolerance_ms):
                own.append(msgspec.structs.replace(call, reason="UNAVAILABLE", named=()))
                self.forgotten_count += 1
                continue
            its = (effect for key in self.journaled(call) for effect in done.get(key, ()) if call.key)
            counts = call if any(_tells_of(call, effect) for effect in its) else _as_it_counts(call, home, world)
            if counts is not call:
                self.excused["told of what a failover has lost"] += 1
            own.append(counts)
        return homes

    def _block_of(self, kind: Asked, about: About, key: str) -> str:
        if about.id:
            return home_of(_ABOUT.get(kind, ORDER), about.id)[0]
        return block_of_event(about.event) if about.event else desk_of(self.tenant, journaled_key(self.tenant, key))

    def _home_of(self, call: Call) -> str:
        if isinstance(call.told, Acknowledged):
            return call.told.id.partition("_")[2][:16]
        if call.kind is Asked.HOLD and call.block in self.split:
            return desk_of(self.tenant, journaled_key(self.tenant, call.key, call.block))
        return call.block

    def journaled(self, call: Call) -> set[bytes]:
        """The keys that entries may bear of it."""
        return {journaled_key(self.tenant, call.key), journaled_key(self.tenant, call.key, call.block)}


def witnessed(world: "World", history: History) -> tuple[list[str], Tally]:
    """What the journals say against the history. From when a clock jumped far, times are the journals' alone."""
    faults: list[str] = []
    tallies: list[Tally] = []
    for block, calls in history.by_home(world).items():
        rows = world.store.journals.get(BlockId(block), [])
        timed = _timed(world, BlockId(block), rows)
        written = Written([_written_us(world, row) for row in rows], 0)
        witness = Witness(block, calls, now_us(), world.tolerance_ms, timed=timed, written=written)
        audit = BlockAudit(block, watcher=witness)
        findings = [finding for row in rows for finding in audit.take(row_of(row))]
        findings += audit.finish()
        faults += [str(finding) for finding in findings if finding.fault in OF_HISTORIES]
        tallies.append(witness.tally)
    tally = together(tallies)
    tally.held = tally.elsewhere  # by `desk_refusals`, which knows when each row came
    return faults, tally


def _timed(world: "World", block: BlockId, rows: Sequence[JournalRow]) -> Timed | None:
    """Until a clock jumped far; None: none did."""
    if world.timed_until_s == math.inf:
        return None
    before = (row.position for row in rows if world.written_s[block, row.position] < world.timed_until_s)
    return Timed(START_MS * 1000 + int(world.timed_until_s * 1_000_000), max(before, default=0))


def _written_us(world: "World", row: JournalRow) -> int:
    return START_MS * 1000 + int(world.written_s[row.block, row.position] * 1_000_000)


def now_us() -> int:
    """The clock of the run, which is the journal's as long as that does not jump."""
    return START_MS * 1000 + int(asyncio.get_running_loop().time() * 1_000_000)


def _tells_of(call: Call, effect: Effect) -> bool:
    """Whether its answer is about this effect, which stands, and not about one like it that a failover has lost."""
    told = call.told
    if not isinstance(told, Acknowledged):
        return False
    kind, _, _ = told.id.partition("_")
    block, number = home_of(kind, told.id)
    return effect.position == told.position and effect.block == block and number in effect.numbers


def _as_it_counts(call: Call, home: str, world: "World") -> Call:
    position = call.told.position if call.told is not None else 0
    asked_ms = call.invoked_us // 1000
    if call.outcome is Outcome.OK and world.loses(home, position, asked_ms):
        told = (
            call.told if call.kind is Asked.ORDER else None
        )  # of one that is there all the same, who knows it may speak
        return msgspec.structs.replace(call, outcome=Outcome.INFO, reason="lost", told=told, replayed=False)
    if call.outcome is Outcome.FAIL and world.lost_meanwhile(home, asked_ms, (call.returned_us or 0) // 1000):
        return msgspec.structs.replace(call, reason="UNAVAILABLE", named=())
    return call


def _is_forgotten(call: Call, home: str, mentions: Mentions, tolerance_ms: int) -> bool:
    """Whether it was told that there is not what had been there, and may have been forgotten by then."""
    kind = _ABOUT.get(call.kind, ORDER)
    if call.outcome is not Outcome.FAIL or call.reason != f"{kind.upper()}_NOT_FOUND":
        return False
    returned_ms = (call.returned_us or 0) // 1000 + tolerance_ms
    return mentions.may_be_forgotten(kind, home, home_of(kind, call.id)[1], returned_ms)


def areas_of(wish: Wish) -> tuple[tuple[str, int], ...]:
    """How many places of each area, at whatever price."""
    areas: dict[str, int] = {}
    for places in wish.areas:
        areas[places.area] = areas.get(places.area, 0) + places.quantity
    return tuple(areas.items())


def is_particular(wish: Wish) -> bool:
    """Whether seats may be refused to it that others would get."""
    return bool(wish.channel) or any(best != type(best)(best.quantity) for best in wish.best)


def terms_of(wish: Wish) -> Iterator[tuple[Term, str]]:
    """What it names besides units."""
    if wish.channel:
        yield Term.CHANNEL, wish.channel
    if wish.accessible:
        yield Term.ACCESSIBLE, ""
    for best in wish.best:
        yield from ((Term.SECTION, name) for name in best.sections)
        yield from ((Term.CATEGORY, name) for name in best.categories)
    of_units = [price_type for _, price_type in wish.seat_types]
    of_units += [places.price_type for places in wish.areas] + [span.price_type for span in wish.spans]
    of_units += [price_type for best in wish.best for price_type, _ in best.price_types]
    yield from ((Term.PRICE_TYPE, price_type) for price_type in of_units if price_type)


def _seen(done: Done[Any]) -> Seen:
    reply = done.reply
    areas = tuple((places.area, places.quantity) for places in reply.areas)
    areas += tuple((f"{leg.block}/{places.area}", places.quantity) for leg in reply.legs for places in leg.areas)
    units = (*reply.seats, *(f"{leg.block}/{seat}" for leg in reply.legs for seat in leg.seats))
    if isinstance(reply, OrderReply):
        return Seen(reply.status.name, units, areas, position=done.position)
    order_id = outside_id(Kind.ORDER, done.block, reply.order) if reply.order else ""
    return Seen(reply.status.name, units, areas, reply.expires_at_ms, order_id, done.position)

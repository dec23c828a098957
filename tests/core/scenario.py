"""Scenario tables: text files in which each line is a command, its time and, after `->`, what becomes of it.

A `== title` line starts a scenario with an empty block. The verbs and their operands:

    onsale                       create and open an event; create KEY / open KEY: the same in two commands
    status KEY STATUS            pause, close, cancel or archive it
    edit KEY                     rev=, and what is new: name=, ttl=, options of the layout, options of the rules
    hold KEY UNITS               ttl=, number=, channel=, need=yes: for who needs accessible seats
    extend KEY HOLD ttl=         release KEY HOLD
    order KEY HOLD               number=
    confirm KEY ORDER            cancel KEY ORDER
    void KEY ORDER TICKETS       cancel tickets, by their numbers from 1
    exchange KEY ORDER TICKETS UNITS
    reassign KEY ORDER TICKET    holder=
    finish KEY ORDER STATUS      COMPLETED or NO_SHOW
    wait KEY UNITS               join the waiting list; number=
    leave KEY WAITER
    show HOLD-ORDER-OR-WAITER    read it; so do `event` and `digest`
    tick                         bring about what is due
    activate                     another shard takes over; down=FROM..UNTIL
    snapshot                     from here on the checks restore from a snapshot of now
    units / kept                 the units' statuses / what the block remembers
    bounds                       smaller ones than the product's: of keys, ended, waiters, wishes, waits (of a buyer),
                                 exchanges, versions

Layouts: rows=A:4,B:9,T:4!,U:4* (a whole table, a table by seat) loge=C:4 (a second section) areas=floor:10 acc=A1
comp=A2 courts=clay:30m@2023-11-15T08:00+00:00*8 buffer=15m types=adult,child price.child=back:1500 costs=front:5100
fees=service:150,card:2.5%,order:300once tax=VAT:21%in (or on). Rules: limit=4 window=1h..2h channels=vip,box:1h..2h
allot=press:house:A1|B|floor*3/1h acc_until=1h life=1h waiting=5m. `scenario_words` reads them, and units: A1 is a seat,
A1..A9 a run of them, T a table, floor:3 three places, clay@08:00 a slot, clay@08:00-09:30 a span, best:3/in.Hall/acc.1
/of.front/split/child.2 a choice that is left to us; ~child behind a unit is its price type, - is nothing.

Every command takes at= (else the time stays), tenant=, buyer= and not_after=. Holds are called H1, H2... orders O1 and
on, waiters W1 and on, in the order of their acceptance. What is expected is a word and any of the facts that the runner
knows of the outcome; `again` (a replay), `ended=` and `back=` (what the decision brought about), `offered=` (what
follows it by itself, as somebody waits) and `units` lines must be given completely.
"""

from collections import Counter
from collections.abc import Callable

import msgspec

from actors.core import event_layout, keys, ticket_changes, waiting_line
from actors.core.commands import (
    CancelOrder,
    CancelTickets,
    ChangeStatus,
    CloseOrder,
    Command,
    ConfirmOrder,
    CreateEvent,
    EditEvent,
    ExchangeTickets,
    ExtendHold,
    JoinWaitingList,
    LeaveWaitingList,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    Read,
    ReadDigest,
    ReadEvent,
    ReadHold,
    ReadOrder,
    ReadWaiter,
    ReassignTicket,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.entries import Activated, AllotmentReturned, Entry, HoldExpired, HoldPlaced, OrderExpired
from actors.core.ids import TenantId
from actors.core.outcomes import Accepted, Rejected
from actors.core.replies import (
    DigestReply,
    EventReply,
    EventStatus,
    HoldReply,
    OrderReply,
    OrderStatus,
    WaiterReply,
)
from actors.core.wishes import Wish
from tests.core.checked_block import CheckedBlock
from tests.core.scenario_answers import price_words, refusal_words, status_words, ticket_numbers, ticket_word
from tests.core.scenario_tables import Scenario, Step
from tests.core.scenario_words import LAYOUT_OPTIONS, RULE_OPTIONS, START_MS, layout_of, ms_of, rules_of, short, wish_of

_TIMES = ("until", "cap", "retry")
_COMPLETE = ("again", "ended=", "back=", "offered=")
_BOUNDS = {
    "keys": (keys, "MAX_KEYS_PER_BLOCK"),
    "ended": (keys, "MAX_ENDED_HOLDS"),
    "waiters": (waiting_line, "MAX_WAITERS"),
    "wishes": (waiting_line, "MAX_WISHES"),
    "waits": (waiting_line, "MAX_WAITERS_OF_BUYER"),
    "exchanges": (ticket_changes, "MAX_EXCHANGES"),
    "versions": (event_layout, "MAX_LAYOUT_VERSIONS"),
    "changes": (event_layout, "MAX_CHANGES_OF_UNITS"),
}


class Pair(msgspec.Struct, frozen=True, order=True):
    """That a command met an outcome: a reason, ACCEPTED or REPLAYED."""

    command: str
    outcome: str


def run(scenario: Scenario) -> tuple[CheckedBlock, Counter[Pair]]:
    """Run all steps; AssertionError names the line that came out otherwise, or the check that failed there."""
    runner = _Runner()
    bounds = {name: getattr(module, bound) for name, (module, bound) in _BOUNDS.items()}
    try:
        for step in scenario.steps:
            try:
                runner.step(step)
            except Exception as fault:
                fault.add_note(f"{scenario.subject}.txt:{step.line}: {scenario.title}")
                raise
        runner.block.check_replays()
    finally:
        for name, (module, bound) in _BOUNDS.items():
            setattr(module, bound, bounds[name])
    return runner.block, runner.pairs


def _words(expected: tuple[str, ...]) -> tuple[str, ...]:
    """Times in milliseconds, so that 2m and 120s are the same word."""
    parted = (word.partition("=") for word in expected)
    return tuple(f"{name}={ms_of(value)}ms" if name in _TIMES else name + sep + value for name, sep, value in parted)


class _Runner:
    def __init__(self) -> None:
        self.block = CheckedBlock()
        self.pairs: Counter[Pair] = Counter()
        self.now_ms = START_MS
        self.numbers: dict[str, int] = {}  # H1 -> number
        self.names: dict[tuple[str, int], str] = {}
        self.next_number = 1
        self.verbs: dict[str, Callable[[Step], tuple[str, ...]]] = {
            "onsale": self._onsale,
            "tick": self._tick,
            "activate": self._activate,
            "snapshot": self._snapshot,
            "units": self._units,
            "kept": self._kept,
            "bounds": self._bounds,
        }

    def step(self, step: Step) -> None:
        if "at" in step.options:
            self.now_ms = START_MS + ms_of(step.options["at"])
        seen = self.verbs.get(step.verb, self._command)(step)
        expected = _words(step.expected)
        wrong = [word for word in expected if word not in seen]
        wrong += [word for word in seen if word.startswith(_COMPLETE) and word not in expected]
        if step.verb in ("tick", "units", "activate"):
            wrong += [word for word in seen if word not in expected]
        assert not wrong, f"expected {' '.join(expected)}, came {' '.join(seen)}"
        self.block.check_replays()

    def _onsale(self, step: Step) -> tuple[str, ...]:
        self._command(msgspec.structs.replace(step, verb="create", operands=("key-create",)))
        return self._command(msgspec.structs.replace(step, verb="open", operands=("key-open",)))

    def _command(self, step: Step) -> tuple[str, ...]:
        command = self._built(step)
        outcome = self.block.ask(command, self.now_ms)
        kind = type(command).__name__
        if isinstance(outcome, Rejected):
            self.pairs[Pair(kind, outcome.reason.name)] += 1
            return refusal_words(outcome)
        self.pairs[Pair(kind, "REPLAYED" if outcome.replayed else "ACCEPTED")] += 1
        words = self._acceptance(outcome)
        if outcome.entries and self.block.is_awaited:
            words += self._brought(self.block.tick(self.now_ms))  # as a shard does
        return words

    def _built(self, step: Step) -> Command:
        tenant = step.options.get("tenant", "acme")
        match step.verb, step.operands:
            case "event", ():
                return ReadEvent(tenant)
            case "digest", ():
                return ReadDigest(tenant)
            case "show", (name,):
                number = self._number(name)
                reads: dict[str, Read] = {
                    "H": ReadHold(tenant, number),
                    "O": ReadOrder(tenant, number),
                    "W": ReadWaiter(tenant, number),
                }
                return reads[name[0]]
        return self._built_write(step, self._stamp(step, tenant))

    def _built_write(self, step: Step, stamp: Stamp) -> Write:  # noqa: C901 - one arm a verb
        ttl_ms = ms_of(step.options.get("ttl", "0s"))
        match step.verb, step.operands:
            case "create", (_,):
                layout = layout_of(step.options)
                return CreateEvent(stamp, "Night", layout, ttl_ms or 600_000, rules_of(step.options, layout))
            case "open", (_,):
                return OpenSale(stamp)
            case "status", (_, status):
                return ChangeStatus(stamp, EventStatus[status])
            case "edit", (_,):
                return self._edit(step, stamp)
            case "hold", (_, units):
                return PlaceHold(stamp, self._new_number(step), self._wish(step, units), ttl_ms)
            case "extend", (_, name):
                return ExtendHold(stamp, self._number(name), ttl_ms)
            case "release", (_, name):
                return ReleaseHold(stamp, self._number(name))
            case "order", (_, name):
                return PlaceOrder(stamp, self._number(name), self._new_number(step))
            case "confirm", (_, name):
                return ConfirmOrder(stamp, self._number(name))
            case "cancel", (_, name):
                return CancelOrder(stamp, self._number(name))
            case "void", (_, name, tickets):
                return CancelTickets(stamp, self._number(name), ticket_numbers(tickets))
            case "exchange", (_, name, tickets, units):
                return ExchangeTickets(stamp, self._number(name), ticket_numbers(tickets), self._wish(step, units))
            case "reassign", (_, name, ticket):
                return ReassignTicket(stamp, self._number(name), int(ticket) - 1, step.options.get("holder", "eve"))
            case "finish", (_, name, status):
                return CloseOrder(stamp, self._number(name), OrderStatus[status])
            case "wait", (_, units):
                return JoinWaitingList(stamp, self._new_number(step), self._wish(step, units))
            case "leave", (_, name):
                return LeaveWaitingList(stamp, self._number(name))
        raise AssertionError(f"not a command: {step.verb} {' '.join(step.operands)}")

    def _edit(self, step: Step, stamp: Stamp) -> EditEvent:
        options = step.options
        layout = layout_of(options) if any(name.startswith((*LAYOUT_OPTIONS, "price.")) for name in options) else None
        units = layout or self.block.live.layout or layout_of({})
        return EditEvent(
            stamp,
            int(options.get("rev", 0)),
            options.get("name"),
            layout,
            rules_of(options, units) if any(name in RULE_OPTIONS for name in options) else None,
            ms_of(options["ttl"]) if "ttl" in options else None,
        )

    def _wish(self, step: Step, units: str) -> Wish:
        return wish_of(units, step.options, self.block.live.layout)

    def _stamp(self, step: Step, tenant: str) -> Stamp:
        buyer = step.options.get("buyer", "ana")
        told = ("at", "number", "not_after", "tenant", "buyer")  # the rest is what is asked
        asked = [step.verb, *step.operands[1:], *sorted(pair for pair in step.options.items() if pair[0] not in told)]
        not_after_ms = (
            START_MS + ms_of(step.options["not_after"]) if "not_after" in step.options else self.now_ms + 5_000
        )
        return Stamp(
            tenant,
            "" if buyer == "-" else buyer,
            keys.key_hash(TenantId("acme"), step.operands[0]),
            keys.fingerprint("principal", buyer, *asked),
            not_after_ms,
        )

    def _number(self, name: str) -> int:
        return self.numbers.get(name, 999_999)

    def _new_number(self, step: Step) -> int:
        if "number" in step.options:
            name = step.options["number"]
            return self.numbers[name] if name in self.numbers else int(name)
        self.next_number += 1
        return self.next_number

    def _name(self, letter: str, number: int) -> str:
        if (letter, number) not in self.names:
            count = sum(name.startswith(letter) for name in self.numbers)
            self.names[letter, number] = f"{letter}{count + 1}"
            self.numbers[self.names[letter, number]] = number
        return self.names[letter, number]

    def _acceptance(self, outcome: Accepted) -> tuple[str, ...]:
        words = ["again"] if outcome.replayed else []
        entries = outcome.entries if len(outcome.entries) > 1 else ()
        words += self._brought([entry for entry in entries if not isinstance(entry, HoldPlaced)], in_one=True)
        reply = outcome.reply
        match reply:
            case EventReply():
                about = (f"rev={reply.revision}", f"layout={reply.layout_version}", f"named={reply.name}")
                return (reply.status.name.lower(), *about, *words)
            case DigestReply():
                return (f"entries={reply.entries_applied}",)
            case WaiterReply():
                offer = (self._name("H", reply.hold),) if reply.hold else ()
                named = self._name("W", reply.waiter)
                return (
                    reply.status.name.lower(),
                    named,
                    f"ahead={reply.ahead}",
                    f"buyer={reply.buyer}",
                    *offer,
                    *words,
                )
            case HoldReply():
                status = {"active": "held", "confirmed": "ordered"}.get(reply.status.name.lower())
                words += (f"until={reply.expires_at_ms - START_MS}ms", f"cap={reply.max_expires_at_ms - START_MS}ms")
                words += (f"orphans={choice.orphans}" for choice in reply.choices)
                words += (f"channel={reply.channel}",)
                if reply.order:
                    words.append(self._name("O", reply.order))
                named = self._name("H", reply.hold)
            case OrderReply():
                status = None
                words += (f"until={reply.pay_by_ms - START_MS}ms", f"tickets={len(reply.tickets)}")
                words.append(self._name("H", reply.hold))
                words += map(ticket_word, reply.tickets)
                named = self._name("O", reply.order)
        assert isinstance(reply, HoldReply | OrderReply), f"no scenario is about {reply}"
        kind = {places: f"~{places.price_type}" if places.price_type else "" for places in reply.areas}
        places = tuple(f"{places.area}:{places.quantity}{kind[places]}" for places in reply.areas)
        units = ",".join((*map(short, reply.seats), *places))
        return (
            status or reply.status.name.lower(), named, units, f"total={reply.price.total}", f"buyer={reply.buyer}",
            *price_words(reply.price), *words,
        )  # fmt: skip

    def _ended(self, entry: Entry) -> str:
        if isinstance(entry, HoldExpired):
            return self._name("H", entry.hold)
        assert isinstance(entry, OrderExpired)
        return self._name("O", entry.order)

    def _brought(self, entries: list[Entry], *, in_one: bool = False) -> tuple[str, ...]:
        """What time has brought about; `in_one` word what ended and what came back."""
        ended = [self._ended(entry) for entry in entries if isinstance(entry, HoldExpired | OrderExpired)]
        returned = [entry.allotment or "accessible" for entry in entries if isinstance(entry, AllotmentReturned)]
        words = [f"back={','.join(returned)}"] if returned else []
        if in_one:
            words += [f"ended={','.join(ended)}"] if ended else []
        else:
            words += ["expired", *ended] if ended else []
        offers = [entry for entry in entries if isinstance(entry, HoldPlaced)]
        if offers:
            words.append("offered=" + ",".join(self._name("W", entry.waiter) for entry in offers))
            for entry in offers:
                self._name("H", entry.hold)
        return tuple(words)

    def _tick(self, step: Step) -> tuple[str, ...]:
        return self._brought(self.block.tick(self.now_ms)) or ("nothing",)

    def _activate(self, step: Step) -> tuple[str, ...]:
        holds = self.block.live.holds
        before = {number: hold.expires_at_ms for number, hold in holds.items()}
        since, _, until = step.options.get("down", "").partition("..")
        down = (START_MS + ms_of(since), START_MS + ms_of(until)) if since else (0, 0)
        self.block.activate(Activated(self.now_ms, "shard-2", b"n" * 16, *down))
        later = [number for number, hold in holds.items() if hold.expires_at_ms != before[number]]
        words = ((self._name("H", number), f"until={holds[number].expires_at_ms - START_MS}ms") for number in later)
        return tuple(word for pair in words for word in pair) or ("nothing",)

    def _snapshot(self, step: Step) -> tuple[str, ...]:
        self.block.take_snapshot()
        return ("same",)

    def _units(self, step: Step) -> tuple[str, ...]:
        return status_words(self.block.live)

    def _kept(self, step: Step) -> tuple[str, ...]:
        state = self.block.live
        kept = {
            "keys": len(state.memos),
            "holds": len(state.holds),
            "orders": len(state.orders),
            "waiters": len(state.waiters),
            "layouts": len(state.layouts),
        }
        return tuple(f"{name}={count}" for name, count in kept.items())

    def _bounds(self, step: Step) -> tuple[str, ...]:
        for name, bound in step.options.items():
            setattr(*_BOUNDS[name], int(bound))
        return ("set",)

"""Scenario tables: text files in which each line is a command, its time and, after `->`, what becomes of it.

A `== title` line starts a scenario with an empty block. The verbs and their operands:

    onsale                       create and open an event: rows=A:4,B:9 areas=floor:10 ttl=10m
    create KEY / open KEY        the same in two commands
    hold KEY UNITS               A1,A2 are seats, A1..A9 a run of them, floor:3 three places, - nothing; ttl=, number=
    extend KEY HOLD ttl=         release KEY HOLD
    order KEY HOLD               number=
    confirm KEY ORDER            cancel KEY ORDER
    show HOLD-OR-ORDER           read it; so do `event` and `digest`
    tick                         expire what is due
    activate                     another shard takes over; down=FROM..UNTIL
    snapshot                     from here on the checks restore from a snapshot of now
    units / kept                 the units' statuses / what the block remembers
    bounds                       keys=, ended=: smaller bounds than the product's

Every command takes at= (else the time stays), tenant=, buyer= and not_after=. Holds are called H1, H2... and orders O1,
O2... in the order of their acceptance. What is expected is a word and any of the facts that the runner knows of the
outcome; `again` (a replay), `ended=` (what the decision expired) and `units` lines must be given completely.
"""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.core import keys
from actors.core.commands import (
    CancelOrder,
    Command,
    ConfirmOrder,
    CreateEvent,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReadDigest,
    ReadEvent,
    ReadHold,
    ReadOrder,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.entries import Activated, Entry, HoldExpired, OrderExpired
from actors.core.ids import TenantId
from actors.core.inventory import UnitStatus
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Accepted, Rejected
from actors.core.replies import DigestReply, EventReply, HoldReply, OrderReply, WaiterReply
from actors.core.wishes import AreaPlaces, Wish
from tests.core.checked_block import CheckedBlock

SCENARIOS = Path(__file__).parent / "scenarios"
START_MS = 1_700_000_000_000
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_TIMES = ("until", "cap", "retry")
_COMPLETE = ("again", "ended=")


class Step(msgspec.Struct, frozen=True):
    """One line of a scenario."""

    line: int
    verb: str
    operands: tuple[str, ...]
    options: dict[str, str]
    expected: tuple[str, ...]


class Scenario(msgspec.Struct, frozen=True):
    """A title and the steps below it."""

    subject: str
    title: str
    steps: tuple[Step, ...]


class Pair(msgspec.Struct, frozen=True, order=True):
    """That a command met an outcome: a reason, ACCEPTED or REPLAYED."""

    command: str
    outcome: str


def read_scenarios(path: Path) -> list[Scenario]:
    """The scenarios of one file."""
    found: list[Scenario] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.partition("#")[0].strip()
        if text.startswith("=="):
            found.append(Scenario(path.stem, text.lstrip("= "), ()))
        elif text:
            asked, arrow, expected = text.partition("->")
            assert arrow, f"{path.name}:{number}: no expectation"
            verb, *words = asked.split()
            options = dict(word.split("=", 1) for word in words if "=" in word)
            operands = tuple(word for word in words if "=" not in word)
            step = Step(number, verb, operands, options, tuple(expected.split()))
            found[-1] = Scenario(path.stem, found[-1].title, (*found[-1].steps, step))
    return found


def all_scenarios() -> list[Scenario]:
    """Every scenario there is, by file."""
    return [scenario for path in sorted(SCENARIOS.glob("*.txt")) for scenario in read_scenarios(path)]


def run(scenario: Scenario) -> tuple[CheckedBlock, Counter[Pair]]:
    """Run all steps; AssertionError names the line that came out otherwise, or the check that failed there."""
    runner = _Runner()
    kept = keys.MAX_KEYS_PER_BLOCK, keys.MAX_ENDED_HOLDS
    try:
        for step in scenario.steps:
            try:
                runner.step(step)
            except Exception as fault:
                fault.add_note(f"{scenario.subject}.txt:{step.line}: {scenario.title}")
                raise
        runner.block.check_replays()
    finally:
        keys.MAX_KEYS_PER_BLOCK, keys.MAX_ENDED_HOLDS = kept
    return runner.block, runner.pairs


def _ms(text: str) -> int:
    assert re.fullmatch(r"-?(\d+(ms|s|m|h))+", text), f"not a time: {text}"
    amount = sum(int(count) * _MS[unit] for count, unit in re.findall(r"(\d+)(ms|s|m|h)", text))
    return -amount if text.startswith("-") else amount


def _words(expected: tuple[str, ...]) -> tuple[str, ...]:
    """Times in milliseconds, so that 2m and 120s are the same word."""
    parted = (word.partition("=") for word in expected)
    return tuple(f"{name}={_ms(value)}ms" if name in _TIMES else name + sep + value for name, sep, value in parted)


def _layout(options: dict[str, str]) -> Layout:
    """Row A costs 50.00 a seat, other rows 30.00, a place 20.00."""
    rows = tuple(
        Row(name, 0 if name == "A" else 1, 1, int(count))
        for name, count in (row.split(":") for row in options.get("rows", "A:4").split(","))
    )
    areas = tuple(
        Area(name, 2, int(capacity))
        for name, capacity in (area.split(":") for area in options.get("areas", "").split(",") if area)
    )
    categories = (Category("front", 5000), Category("back", 3000), Category("standing", 2000))
    return Layout("EUR", categories, (Section("Hall", rows),), areas)


def _asked_units(text: str) -> tuple[tuple[str, ...], tuple[AreaPlaces, ...]]:
    seats: list[str] = []
    areas: list[AreaPlaces] = []
    for word in text.split(",") if text != "-" else ():
        if ":" in word:
            name, quantity = word.split(":")
            areas.append(AreaPlaces(name, int(quantity)))
        else:
            first, _, last = word.partition("..")
            row, start = first[0], int(first[1:])
            stop = int(last[1:]) if last else start
            seats += (f"Hall/{row}/{seat}" for seat in range(start, stop + 1))
    return tuple(seats), tuple(areas)


def _short(unit: str) -> str:
    return "".join(unit.split("/")[1:]) or unit


class _Runner:
    def __init__(self) -> None:
        self.block = CheckedBlock()
        self.pairs: Counter[Pair] = Counter()
        self.now_ms = START_MS
        self.numbers: dict[str, int] = {}  # H1 -> number
        self.names: dict[int, str] = {}
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
            self.now_ms = START_MS + _ms(step.options["at"])
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
            return self._refusal(outcome)
        self.pairs[Pair(kind, "REPLAYED" if outcome.replayed else "ACCEPTED")] += 1
        return self._acceptance(outcome)

    def _built(self, step: Step) -> Command:
        tenant = step.options.get("tenant", "acme")
        match step.verb, step.operands:
            case "event", ():
                return ReadEvent(tenant)
            case "digest", ():
                return ReadDigest(tenant)
            case "show", (name,):
                number = self._number(name)
                return ReadHold(tenant, number) if name.startswith("H") else ReadOrder(tenant, number)
        return self._built_write(step, self._stamp(step, tenant))

    def _built_write(self, step: Step, stamp: Stamp) -> Write:
        ttl_ms = _ms(step.options.get("ttl", "0s"))
        match step.verb, step.operands:
            case "create", (_,):
                return CreateEvent(stamp, "Night", _layout(step.options), ttl_ms or 600_000)
            case "open", (_,):
                return OpenSale(stamp)
            case "hold", (_, units):
                return PlaceHold(stamp, self._new_number(step), Wish(*_asked_units(units)), ttl_ms)
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
        raise AssertionError(f"not a command: {step.verb} {' '.join(step.operands)}")

    def _stamp(self, step: Step, tenant: str) -> Stamp:
        buyer = step.options.get("buyer", "ana")
        asked = [step.verb, *step.operands[1:], step.options.get("ttl", ""), step.options.get("rows", "")]
        not_after_ms = START_MS + _ms(step.options["not_after"]) if "not_after" in step.options else self.now_ms + 5_000
        return Stamp(
            tenant,
            buyer,
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
        if number not in self.names:
            count = sum(name.startswith(letter) for name in self.numbers)
            self.names[number] = f"{letter}{count + 1}"
            self.numbers[self.names[number]] = number
        return self.names[number]

    def _refusal(self, outcome: Rejected) -> tuple[str, ...]:
        details = outcome.details
        words = [outcome.reason.name]
        if details.units:
            words.append(",".join(map(_short, details.units)))
        if details.available is not None:
            words.append(f"available={details.available}")
        if details.retry_at_ms is not None:
            words.append(f"retry={details.retry_at_ms - START_MS}ms")
        words += (f"fields={field.partition(':')[0]}" for field in details.fields)
        return tuple(words)

    def _acceptance(self, outcome: Accepted) -> tuple[str, ...]:
        ended = [entry for entry in outcome.entries if isinstance(entry, HoldExpired | OrderExpired)]
        words = ["again"] if outcome.replayed else []
        if ended:
            words.append("ended=" + ",".join(map(self._ended, ended)))
        reply = outcome.reply
        match reply:
            case EventReply():
                return (reply.status.name.lower(), *words)
            case HoldReply():
                status = {"active": "held", "confirmed": "ordered"}.get(reply.status.name.lower())
                words += (f"until={reply.expires_at_ms - START_MS}ms", f"cap={reply.max_expires_at_ms - START_MS}ms")
                if reply.order:
                    words.append(self._name("O", reply.order))
                named = self._name("H", reply.hold)
            case OrderReply():
                status = None
                words += (f"until={reply.pay_by_ms - START_MS}ms", f"tickets={len(reply.tickets)}")
                words.append(self._name("H", reply.hold))
                named = self._name("O", reply.order)
                assert not reply.tickets or all(ticket.code_revision == 1 for ticket in reply.tickets)
            case DigestReply():
                return (f"entries={reply.entries_applied}",)
            case WaiterReply():
                return (reply.status.name.lower(), f"ahead={reply.ahead}")
            case _:
                raise AssertionError(f"no scenario is about {reply}")
        places = tuple(f"{places.area}:{places.quantity}" for places in reply.areas)
        units = ",".join((*map(_short, reply.seats), *places))
        return (
            status or reply.status.name.lower(), named, units, f"total={reply.price.total}", f"buyer={reply.buyer}",
            *words,
        )  # fmt: skip

    def _ended(self, entry: Entry) -> str:
        if isinstance(entry, HoldExpired):
            return self._name("H", entry.hold)
        assert isinstance(entry, OrderExpired)
        return self._name("O", entry.order)

    def _tick(self, step: Step) -> tuple[str, ...]:
        ended = tuple(map(self._ended, self.block.tick(self.now_ms)))
        return ("expired", *ended) if ended else ("nothing",)

    def _activate(self, step: Step) -> tuple[str, ...]:
        holds = self.block.live.holds
        before = {number: hold.expires_at_ms for number, hold in holds.items()}
        since, _, until = step.options.get("down", "").partition("..")
        down = (START_MS + _ms(since), START_MS + _ms(until)) if since else (0, 0)
        self.block.activate(Activated(self.now_ms, "shard-2", b"n" * 16, *down))
        later = [number for number, hold in holds.items() if hold.expires_at_ms != before[number]]
        words = ((self._name("H", number), f"until={holds[number].expires_at_ms - START_MS}ms") for number in later)
        return tuple(word for pair in words for word in pair) or ("nothing",)

    def _snapshot(self, step: Step) -> tuple[str, ...]:
        self.block.take_snapshot()
        return ("same",)

    def _units(self, step: Step) -> tuple[str, ...]:
        state = self.block.live
        assert state.layout is not None
        words = [
            f"{_short(state.index.unit_name(seat))}={UnitStatus(status).name}"
            for seat, status in enumerate(state.inventory.statuses)
            if status != UnitStatus.AVAILABLE
        ]
        for index, area in enumerate(state.layout.areas):
            held, sold = state.inventory.area_held[index], state.inventory.area_sold[index]
            words += (f"{area.name}={held}held{sold}sold",) if held or sold else ()
        return tuple(words) or ("all-available",)

    def _kept(self, step: Step) -> tuple[str, ...]:
        state = self.block.live
        return (f"keys={len(state.memos)}", f"holds={len(state.holds)}", f"orders={len(state.orders)}")

    def _bounds(self, step: Step) -> tuple[str, ...]:
        keys.MAX_KEYS_PER_BLOCK = int(step.options.get("keys", keys.MAX_KEYS_PER_BLOCK))
        keys.MAX_ENDED_HOLDS = int(step.options.get("ended", keys.MAX_ENDED_HOLDS))
        return ("set",)

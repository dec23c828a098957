"""What many seeds came to, together: counts of faults, of pairs of them, of reasons, and what is missing."""

from collections import Counter
from collections.abc import Iterable
from itertools import combinations, starmap
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from actors.core.outcomes import Reason
from tests.simulation.faults import LANDED, TOGETHER_S, Fault, pair
from tests.simulation.grouping import AMID, BATCHES, ROWS, STATEMENTS
from tests.simulation.market_notes import (
    ASKED_AGAIN,
    BORNE_OUT,
    CALMED,
    COMPARED,
    DENIALS,
    EXCUSED,
    HELD_ORDERED,
    JUDGED,
    LEFT,
    LEFT_OUT,
    NOT_ENOUGH_ORDERED,
    NOT_THERE,
    ORDERED,
    READ,
    RECORDED,
    REFUSALS,
    RESTORED,
    SOLD_ORDERED,
    TIMELESS,
    UNTIMED,
    UNTIMED_DENIALS,
    VAGUE,
    VAGUE_STEPS,
)
from tests.simulation.organized import ORGANIZED, ORGANIZED_AGAIN
from tests.simulation.overdue import HOLDS_EXPIRED, OFFERED, ORDERS_EXPIRED, RETURNED
from tests.simulation.recording import REPEATED
from tests.simulation.retold import ANSWERS, DEADLINES, ORDERS_AGAIN, ROTATED, VOIDED
from tests.simulation.runs import Run
from tests.simulation.short_lives import BARRED, HOLDS, KEYS, WAITERS

SEEDS_FOR_FAULTS = 200
SEEDS_FOR_PAIRS = 2_000
NEVER: dict[Reason, str] = {
    Reason.TOO_LARGE: "the edges measure bodies, before anything is decoded",
    Reason.UNAUTHENTICATED: "the edges ask for credentials; who asks of reservations is known",
    Reason.PERMISSION_DENIED: "the edges know what a credential may do",
    Reason.RATE_LIMITED: "the edges count what a key asks",
    Reason.INTERNAL: "a bug's alone",
}
"""Reasons that no run may end in, and why."""

EXPECTED_REASONS = tuple(reason for reason in Reason if reason not in NEVER)
WRITES = (
    "create_event", "open_sale", "change_status", "edit_event", "place_hold", "place_basket", "extend_hold",
    "release_hold", "place_order", "confirm_order", "cancel_order", "cancel_tickets", "exchange_tickets",
    "reassign_ticket", "close_order", "join_waiting_list", "leave_waiting_list",
)  # fmt: skip


class Ceiling(NamedTuple):
    """Of what is counted under these names of judgements together, so large a share at most begins with `part`."""

    part: str
    whole: tuple[str, ...]
    most: float
    said: str

    def of(self, judged: Counter[str]) -> tuple[int, int]:
        """How many there are, and of how many."""
        count = sum(count for what, count in judged.items() if what.startswith(self.part))
        return count, sum(judged[what] for what in self.whole)


CEILINGS = (
    Ceiling(EXCUSED, (RECORDED,), 0.02, "calls are excused"),
    Ceiling(f"{EXCUSED}{REPEATED}", (REFUSALS,), 0.015, "refusals are excused, as the network repeated them"),
    Ceiling(VAGUE, (RECORDED,), 0.004, "calls nobody could judge"),
    Ceiling(LEFT_OUT, (RECORDED,), 0.3, "calls are in no order"),
    Ceiling(UNTIMED, (RECORDED,), 0.1, "calls are held to no time by the witness"),
    Ceiling(TIMELESS, (ORDERED,), 0.3, "steps are held to no time by the search"),
    Ceiling(VAGUE_STEPS, (ORDERED,), 0.03, "steps are searched while it is not known who has something"),
    Ceiling(CALMED, (RECORDED,), 0.005, "writes came when faults had ended, for enough to be sold"),
    Ceiling(UNTIMED_DENIALS, (DENIALS, UNTIMED_DENIALS), 0.5, "denials are held to no time"),
)
"""With some margin above what was found (see ARCHITECTURE)."""


def never_met(met: Counter[str]) -> list[str]:
    """The reasons that nobody was told, and what was never accepted, or never told again."""
    told = {name.rpartition(" ")[2] for name, count in met.items() if count}
    expected = [*(reason.name for reason in EXPECTED_REASONS), "REPLAYED"]
    return [name for name in expected if name not in told] + [
        f"{write} ACCEPTED" for write in WRITES if not met[f"{write} ACCEPTED"]
    ]


class Floor(NamedTuple):
    """Of what is counted under this name of judgements, so many there are at least in a seed, on average."""

    what: str
    per_seed: float


FLOORS = (
    Floor(RECORDED, 200),
    Floor(LEFT, 1.5),
    Floor(READ, 15),
    Floor(REFUSALS, 60),
    Floor(ORDERED, 150),
    Floor(BORNE_OUT, 8),
    Floor(SOLD_ORDERED, 4.5),
    Floor(HELD_ORDERED, 2.2),
    Floor(NOT_ENOUGH_ORDERED, 0.5),
    Floor(DENIALS, 0.045),
    Floor(COMPARED, 4),
    Floor(RESTORED, 3),
    Floor(HOLDS_EXPIRED, 5),
    Floor(ORDERS_EXPIRED, 2),
    Floor(RETURNED, 0.1),
    Floor(OFFERED, 1),
    Floor(BATCHES, 80),
    Floor(ROWS, 8),
    Floor(STATEMENTS, 7),
    Floor(AMID, 25),
    Floor(NOT_THERE, 0.05),
    Floor(ASKED_AGAIN, 2.5),
    Floor(ORGANIZED, 9),
    Floor(ORGANIZED_AGAIN, 2),
    Floor(ANSWERS, 140),
    Floor(DEADLINES, 90),
    Floor(ORDERS_AGAIN, 7),
    Floor(ROTATED, 2.4),
    Floor(VOIDED, 7),
    Floor(KEYS, 20),
    Floor(HOLDS, 5),
    Floor(WAITERS, 0.8),
    Floor(BARRED, 0.15),
)
"""A third of what was found, or less: below that a check has next to nothing to judge."""


class Report:
    """Takes runs, in any order."""

    def __init__(self) -> None:
        self.seeds = self.commands = self.accepted = 0
        self.effects = Counter[str]()  # how often each took effect
        self.seeds_of = Counter[str]()  # in how many seeds
        self.pairs = Counter[str]()  # in how many seeds both did, one soon after the other
        self.reasons = Counter[str]()
        self.met = Counter[str]()
        self.judged = Counter[str]()
        self.landed = Counter[str]()
        self.wrong: list[Run] = []
        self.digests: dict[int, str] = {}  # of the traces of runs that came to their end, by seed

    def take(self, run: Run) -> None:
        """One more."""
        self.seeds += 1
        self.commands += run.commands
        self.accepted += run.accepted
        self.effects += run.effects
        self.seeds_of.update(run.effects.keys())
        self.pairs.update(run.pairs.keys())
        self.reasons += run.reasons
        self.met += run.met
        self.judged += run.judged
        self.landed += run.landed
        if run.digest:
            self.digests[run.seed] = run.digest
        if run.wrong or run.short:
            self.wrong.append(run)

    def missing(self) -> list[str]:
        """What never came, as far as there were seeds enough for it to be fair."""
        never = [f"{reason.name} was answered: {NEVER[reason]}" for reason in NEVER if self.reasons[reason.name]]
        if self.seeds >= SEEDS_FOR_FAULTS:
            never += [f"no {fault} took effect" for fault in Fault if not self.effects[fault]]
            never += [f"no row {landed}" for landed in LANDED if not self.landed[landed]]
            never += [f"nobody met {name}" for name in never_met(self.met)]
            for ceiling in CEILINGS:
                count, whole = ceiling.of(self.judged)
                if count > whole * ceiling.most:
                    never.append(f"a judgement: {count} of {whole} {ceiling.said}")
            never += [
                f"too little to judge: {self.judged[floor.what]} {floor.what}"
                for floor in FLOORS
                if self.judged[floor.what] < floor.per_seed * self.seeds
            ]
        if self.seeds >= SEEDS_FOR_PAIRS:
            never += [f"never together: {both}" for both in self.missing_pairs()]
        return never

    def missing_pairs(self) -> list[str]:
        """Pairs of which one never took effect within `TOGETHER_S` of the other."""
        return [both for both in starmap(pair, combinations(Fault, 2)) if not self.pairs[both]]

    def print(self, console: Console) -> None:
        """All of it."""
        faults = Table("fault", "took effect", "in seeds", "rarest with", "seeds of that pair")
        for fault in Fault:
            count, other = min((self.pairs[pair(fault, one)], one) for one in Fault if one is not fault)
            faults.add_row(fault, str(self.effects[fault]), str(self.seeds_of[fault]), other, str(count))
        console.print(faults)
        total = len(list(combinations(Fault, 2)))
        console.print(f"pairs of faults met within {TOGETHER_S:.0f} s: {total - len(self.missing_pairs())} of {total}")
        console.print("histories:", ", ".join(f"{self.judged[what]} {what}" for what in JUDGED))
        for title in (LEFT_OUT, EXCUSED):
            of_title = ((what, count) for what, count in sorted(self.judged.items()) if what.startswith(title))
            console.print(f"{title}{', '.join(f'{count} {what.removeprefix(title)}' for what, count in of_title)}")
        console.print("rows:", ", ".join(f"{self.landed[landed]} {landed}" for landed in LANDED))
        console.print("reasons:", ", ".join(f"{name} {count}" for name, count in sorted(self.reasons.items())))


def pairs_table(report: Report) -> Iterable[str]:
    """In how many seeds both of a pair took effect, one within `TOGETHER_S` of the other: a line for each fault, with
    those that are above it, by number.
    """
    faults = list(Fault)
    width = max(5, *(len(str(count)) + 1 for count in (*report.pairs.values(), *report.seeds_of.values())))
    longest = max(map(len, faults))
    for number, fault in enumerate(faults, 1):
        counts = (report.pairs[pair(fault, other)] for other in faults[: number - 1])
        yield f"{number:2} {fault:{longest}}" + "".join(f"{count:{width}}" for count in counts)
    yield " " * (3 + longest) + "".join(f"{number:{width}}" for number in range(1, len(faults)))

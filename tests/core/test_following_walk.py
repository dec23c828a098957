"""Parts become what their event is, however late, often and in whatever order they are told; nobody loses a unit."""

from collections.abc import Callable
from random import Random

import msgspec
import pytest

from actors.core import block, following
from actors.core.commands import (
    AcknowledgePart,
    ChangeStatus,
    Command,
    EditEvent,
    FollowEvent,
    OpenSale,
    PinLeg,
)
from actors.core.entries import EventFollowed
from actors.core.following import what_to_follow
from actors.core.outcomes import Accepted, Outcome
from actors.core.parts import Part, layout_of_part
from actors.core.replies import EventStatus
from actors.core.rules import Allotment, Channel
from actors.core.state import BlockState
from actors.core.wishes import Wish
from tests.core.checked_house import DESK, PLACE_BY_MS, TENANT, stamp
from tests.core.divided_house import EAST, HOME, LAYOUT, NORTH, PARTS, RULES, DividedHouse, counted

SEEDS = range(40)
STEPS = 60
SEATS = {NORTH: [f"north/{row}/{seat}" for row in (1, 2) for seat in (2, 3, 4)], EAST: ["east/1/1", "east/1/3"]}


class Walk:
    """An event that changes, messengers that carry what it told when they left, and who buys in its parts."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.house = DividedHouse(opens=False)
        self.carried: list[tuple[str, FollowEvent]] = []
        self.owned: dict[str, int] = {}
        self.seen: dict[str, int] = {part.block: 0 for part in PARTS}
        self.steps = 0

    def run(self) -> None:
        """So many steps, then every part hears the last word."""
        for self.steps in range(STEPS):
            self.random.choice((self.change, self.leave, self.arrive, self.arrive, self.buy))()
            self.check()
        self.house.follow()
        self.seen = dict.fromkeys(self.seen, self.house.state(HOME).revision)
        self.check()
        home = self.house.state(HOME)
        for part in PARTS:
            check_alike(home, self.house.state(part.block), part)

    def change(self) -> None:
        """Something becomes of the event, if it may."""
        random, home = self.random, self.house.state(HOME)
        key = stamp(f"change {self.steps}")
        price = random.randint(1, 9_000)
        categories = (msgspec.structs.replace(LAYOUT.categories[0], price=price), LAYOUT.categories[1])
        sections = tuple(random.sample(LAYOUT.sections, len(LAYOUT.sections)))
        layout = msgspec.structs.replace(LAYOUT, categories=categories, sections=sections)
        allotments = random.choice(((), RULES.allotments, (Allotment("late", "box", ("north/2", "east/1/2")),)))
        channels = (Channel("box"),)
        rules = msgspec.structs.replace(
            RULES, max_per_buyer=random.randint(1, 9), channels=channels, allotments=allotments
        )
        changes: list[Command] = [
            EditEvent(key, home.revision, random.choice((None, f"Final {price}")), random.choice((None, layout))),
            EditEvent(key, home.revision, None, None, rules, random.choice((None, 30_000))),
            OpenSale(key),
            OpenSale(key),
            ChangeStatus(key, EventStatus.PAUSED),
        ]
        self.house.ask(HOME, random.choice(changes))

    def leave(self) -> None:
        """A messenger sets out."""
        part = self.random.choice(PARTS)
        self.carried.append((part.block, what_to_follow(self.house.state(HOME), HOME, part)))

    def arrive(self) -> None:
        """One arrives, perhaps not for the last time; perhaps the event hears of it."""
        if self.carried:
            name, told = self.random.choice(self.carried)
            if self.random.random() < 0.5:
                self.carried.remove((name, told))
            outcome = self.house.ask(name, told)
            assert isinstance(outcome, Accepted)
            assert outcome.replayed is (told.revision <= self.seen[name])
            self.seen[name] = max(self.seen[name], told.revision)
            if self.random.random() < 0.7:
                self.house.say(HOME, AcknowledgePart(TENANT, name, told.revision))

    def buy(self) -> None:
        """A seat of a part is pinned, if it is to be had."""
        name = self.random.choice(tuple(SEATS))
        seat = self.random.choice(SEATS[name])
        plan = counted(100 + self.steps, name, Wish((seat,)))
        outcome = self.house.ask(name, PinLeg(TENANT, DESK, 500 + self.steps, "ana", plan, 1, PLACE_BY_MS))
        if isinstance(outcome, Accepted):
            assert seat not in self.owned, "it is sold twice"
            self.owned[seat] = plan.leg

    def check(self) -> None:
        """A part is at the newest revision of which it heard; units are whose they were; the event knows no more."""
        for part in PARTS:
            state = self.house.state(part.block)
            assert state.revision == self.seen[part.block]
            assert self.house.state(HOME).parts[part] <= state.revision
            followed = [e.revision for e in self.house.blocks[part.block].journal if isinstance(e, EventFollowed)]
            assert followed == sorted(set(followed)), "a part went back"
        owned = {
            state.index.unit_name(unit): owner
            for state in map(self.house.state, SEATS)
            for unit, owner in enumerate(state.inventory.owners)
            if owner
        }
        assert owned == self.owned


def check_alike(home: BlockState, state: BlockState, part: Part) -> None:
    """The part is what the event is; a ledger has nothing that could be set aside."""
    rules = msgspec.structs.replace(home.rules, allotments=()) if part.is_ledger else home.rules
    assert (state.name, state.status, state.rules, state.hold_ttl_ms, state.revision) == (
        home.name, home.status, rules, home.hold_ttl_ms, home.revision,
    )  # fmt: skip
    assert home.whole is not None
    assert state.layout == layout_of_part(home.whole, part)


@pytest.mark.parametrize("seed", SEEDS)
def test_parts_become_what_their_event_is(seed: int) -> None:
    Walk(seed).run()


def keeps_its_rules(patch: pytest.MonkeyPatch) -> None:
    applied = following.apply_event_followed

    def without_rules(state: BlockState, entry: EventFollowed) -> None:
        applied(state, entry if state.layout is None else msgspec.structs.replace(entry, rules=None))

    patch.setitem(block._APPLY, EventFollowed, without_rules)


def goes_back(patch: pytest.MonkeyPatch) -> None:
    decided = following.decide_follow_event

    def whatever(state: BlockState, command: FollowEvent, now_ms: int) -> Outcome:
        was, state.revision = state.revision, -1
        try:
            return decided(state, command, now_ms)
        finally:
            state.revision = was

    patch.setitem(block._DECIDE_ERRAND, FollowEvent, whatever)


@pytest.mark.parametrize("sabotage", [keeps_its_rules, goes_back])
def test_control_a_part_that_does_otherwise_is_noticed(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        _walk_all()


def _walk_all() -> None:
    for seed in SEEDS:
        Walk(seed).run()

"""Several choices in one wish: what a block grants in small random halls, against all ways there are to serve it."""

from collections import Counter
from random import Random

from actors.core.block import apply, decide
from actors.core.commands import CreateEvent, OpenSale, PlaceHold, Stamp
from actors.core.layout import Category, Layout, Row, RowKind, Section
from actors.core.outcomes import Accepted, Outcome, Reason
from actors.core.replies import HoldReply
from actors.core.state import BlockState
from actors.core.wishes import BestSeats, Wish
from tests.core.naive_seats import Hall, all_can_choose
from tests.core.plain_layout import plain, units_of

NOW_MS = 1_700_000_000_000


def random_layout(random: Random) -> Layout:
    """Up to three sections of up to three rows of up to six seats, in two categories."""
    sections = tuple(Section(name, tuple(_rows(random)), (random.randrange(20), 0)) for name in "ABC"[: _few(random)])
    focus = (random.randrange(20), random.randrange(8)) if random.random() < 0.5 else None
    return Layout("EUR", (Category("front", 2), Category("back", 1)), sections, (), focus=focus)


def random_wish(random: Random, layout: Layout) -> Wish:
    """Two or three choices of up to four seats."""
    sections = [section.name for section in layout.sections]
    choices = []
    for _ in range(random.choice((2, 2, 3))):
        quantity = random.choice((1, 2, 2, 3, 4))
        named = (
            tuple(sorted(random.sample(sections, random.randint(1, len(sections))))) if random.random() < 0.5 else ()
        )
        categories = (random.choice(("front", "back")),) if random.random() < 0.25 else ()
        accessible = int(random.random() < 0.15)
        choices.append(BestSeats(quantity, named, categories, accessible, random.random() < 0.3))
    return Wish(best=tuple(choices))


class House:
    """An event on this layout, of which some seats are held, one by one."""

    def __init__(self, layout: Layout, random: Random, share: float) -> None:
        self.state = BlockState()
        self._units = units_of(layout)
        self._asked = 0
        for command in (CreateEvent(self._stamp(), "Night", layout, 600_000), OpenSale(self._stamp())):
            assert isinstance(self._ask(command), Accepted)
        names = dict.fromkeys(unit.row if unit.kind else unit.name for unit in self._units)
        held = [name for name in names if random.random() < share]
        for name in held:
            assert isinstance(self.hold(Wish((name,), accessible=True)), Accepted)
        self._usable = {unit.name for unit in self._units if not {unit.name, unit.row} & set(held)}

    def hold(self, wish: Wish) -> Outcome:
        """What becomes of a hold of this."""
        return self._ask(PlaceHold(self._stamp(), self._asked, wish, 600_000))

    def can_be_had(self, wish: Wish) -> bool:
        """Whether there is any way to serve all of it, by trying them all."""
        return all_can_choose([self.hall(best).choices(best.quantity) for best in wish.best])

    def hall(self, best: BestSeats) -> Hall:
        """What the choice could have by itself."""
        special = {unit.name for unit in self._units if unit.need}
        return Hall(self._units, self._usable if best.accessible else self._usable - special, plain(best))

    def _ask(self, command: CreateEvent | OpenSale | PlaceHold) -> Outcome:
        outcome = decide(self.state, command, NOW_MS)
        for entry in outcome.entries if isinstance(outcome, Accepted) else ():
            apply(self.state, entry)
        return outcome

    def _stamp(self) -> Stamp:
        self._asked += 1
        key = self._asked.to_bytes(16)
        return Stamp("acme", "", key, key, NOW_MS)


def check_houses(seeds: range) -> Counter[str]:
    """One wish in each of many random houses. What is held is what was wished for; what cannot be had is refused.

    Counts what came of them.
    """
    met = Counter[str]()
    for seed in seeds:
        random = Random(seed)
        layout = random_layout(random)
        house, wish = House(layout, random, random.choice((0.0, 0.2, 0.4, 0.6))), random_wish(random, layout)
        there_is_a_way = house.can_be_had(wish)
        outcome = house.hold(wish)
        if isinstance(outcome, Accepted):
            assert there_is_a_way, (seed, wish)
            assert isinstance(outcome.reply, HoldReply)
            check_choices(house, wish, list(outcome.reply.seats))
            met["served"] += 1
        else:
            assert outcome.reason is Reason.NOT_ENOUGH_AVAILABLE, (seed, outcome)
            met["refused though there was a way" if there_is_a_way else "refused"] += 1
    return met


def check_choices(house: House, wish: Wish, names: list[str]) -> None:
    """Each choice, in the wish's order, is one that it could have, and no seat is held twice."""
    assert len(names) == len(set(names)) == sum(best.quantity for best in wish.best)
    for best in wish.best:
        chosen, names = names[: best.quantity], names[best.quantity :]
        assert frozenset(chosen) in house.hall(best).choices(best.quantity), f"{chosen} are no choice for {best}"


def _few(random: Random) -> int:
    return random.choice((1, 2, 2, 3))


def _rows(random: Random) -> list[Row]:
    rows = [_row(random, str(number)) for number in range(_few(random))]
    return sorted(rows, key=lambda row: row.kind is not RowKind.ROW)  # tables come last


def _row(random: Random, name: str) -> Row:
    count, kind = random.randint(1, 6), RowKind.WHOLE_TABLE if random.random() < 0.1 else RowKind.ROW
    accessible = (random.randrange(count),) if kind is RowKind.ROW and random.random() < 0.3 else ()
    return Row(name, random.randrange(2), 1, count, (), kind, accessible)

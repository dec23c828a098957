"""What the audit keeps of baskets and legs rests encoded: it finds the same as if all of it stayed as it was.

In journals of simulated runs and of walks, as they are and with faults planted at random, held against each other again
and again while they are read, and after all books are let go.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from random import Random

import msgspec
import pytest

from actors.audit import desks
from actors.audit.basket_books import Basket, LegAtBlock
from actors.audit.baskets import BasketCheck
from actors.audit.books import Books
from actors.audit.findings import Finding
from actors.audit.ledger import Ledger
from actors.audit.shelf import Shelf
from actors.audit.sides import sides_of
from actors.core import entries as e
from actors.journal.codec import decode_entries
from tests.loadtests.basket_walk import BasketWalk
from tests.loadtests.split_walk import SplitWalk
from tests.simulation.test_legs_asked import store_of

Rows = list[list[e.Entry]]
Sabotage = Callable[[pytest.MonkeyPatch], None]
SIMULATED = (1, 3, 4)
WALKED = (0, 1)
VARIANTS = 12
CROSSED_EVERY = 25  # rows
MOST_FAULTS = 4
ENOUGH_KINDS = 12
OF_BASKETS = (
    e.BasketIntended, e.BasketSettled, e.BasketDropped, e.LegAcknowledged, e.ExchangeIntended, e.ExchangeSettled,
    e.ExchangeDropped, e.LegPinned, e.LegBooked, e.LegReleased, e.LegBarred, e.OrderConfirmed, e.OrderCancelled,
)  # fmt: skip


@cache
def simulated(seed: int) -> Mapping[str, Rows]:
    """The entries of each journal of a run, row by row."""
    return {
        str(block): [list(decode_entries(row.entries)) for row in rows]
        for block, rows in store_of(seed).journals.items()
    }


@cache
def walked(kind: type[BasketWalk], seed: int) -> Mapping[str, Rows]:
    """Likewise of a walk."""
    walk = kind(seed)
    walk.run()
    return {str(journal.block): [draft.entries for draft in journal.drafts] for journal in walk.settle()}


def all_journals() -> Iterator[Mapping[str, Rows]]:
    """Of all runs and walks."""
    yield from map(simulated, SIMULATED)
    yield from (walked(kind, seed) for kind in (BasketWalk, SplitWalk) for seed in WALKED)


def with_faults(journals: Mapping[str, Rows], random: Random) -> dict[str, Rows]:
    """Some entries of baskets and legs are gone, there twice, or said otherwise."""
    changed = {block: [list(row) for row in rows] for block, rows in journals.items()}
    places = [
        (rows, row, entry)
        for rows in changed.values()
        for row in rows
        for entry in row
        if isinstance(entry, OF_BASKETS)
    ]
    for rows, row, entry in random.sample(places, random.randint(1, MOST_FAULTS)):
        match random.choice(("gone", "twice", "later", "otherwise")):
            case "gone":
                row.remove(entry)
            case "twice":
                row.append(entry)
            case "later":
                random.choice(rows).append(entry)
            case "otherwise":
                row[row.index(entry)] = otherwise(entry, random)
    return changed


def otherwise(entry: e.Entry, random: Random) -> e.Entry:
    """One of its fields is another."""
    numbers = [name for name in entry.__struct_fields__ if type(getattr(entry, name)) is int and name != "at_ms"]
    if isinstance(entry, e.LegReleased) and random.random() < 0.5:
        return msgspec.structs.replace(entry, tickets=(*entry.tickets, 1))
    if isinstance(entry, e.LegPinned | e.BasketIntended) and random.random() < 0.5:
        return msgspec.structs.replace(entry, buyer="eve")
    name = random.choice(numbers)
    return msgspec.structs.replace(entry, **{name: getattr(entry, name) + 1})


def audited(journals: Mapping[str, Rows]) -> tuple[list[Finding], int]:
    """All that is found, sorted; and how many baskets and legs rest in the end."""
    found: list[Finding] = []
    ledgers = {block: Ledger(block) for block in journals}
    for number in range(max(map(len, journals.values()))):
        for block, rows in journals.items():
            for entry in rows[number] if number < len(rows) else ():
                ledgers[block].fold(entry, number + 1, 1)
            ledgers[block].check_row()
        if number % CROSSED_EVERY == 0:
            found += crossed([ledger.books for ledger in ledgers.values()], is_over=False)
    books = [ledger.books for ledger in ledgers.values()]
    found += crossed(books, is_over=True)
    found += (finding for of_block in books for finding in of_block.findings)
    shelves: list[Shelf[LegAtBlock] | Shelf[Basket]] = [
        *(one.legs for one in books),
        *(one.desk.baskets for one in books),
    ]
    return sorted(found, key=str), sum(len(shelf) - shelf.awake_count for shelf in shelves)


def crossed(books: Sequence[Books], *, is_over: bool) -> list[Finding]:
    """What does not go together."""
    check = BasketCheck()
    for of_block in books:
        sides = sides_of(of_block)
        if is_over:
            sides.let_go()
        check.take(sides)
    return list(check.finish(whole=True))


def nothing_rests(patch: pytest.MonkeyPatch) -> None:
    """All of it stays as it was."""
    patch.setattr(Shelf, "rest", lambda self, number: None)


def check_alike(ways: Callable[[Mapping[str, Rows], Random], Mapping[str, Rows]], variants: int) -> Counter[str]:
    """With and without rest the same is found; the kinds of it."""
    kinds: Counter[str] = Counter()
    for journals in all_journals():
        for variant in range(variants):
            ones = ways(journals, Random(f"variant {variant}"))
            found, resting = audited(ones)
            with pytest.MonkeyPatch.context() as patch:
                nothing_rests(patch)
                wide_awake, none = audited(ones)
            assert found == wide_awake
            assert resting > none == 0
            kinds.update(finding.fault.name for finding in found)
    return kinds


def as_they_are(journals: Mapping[str, Rows], _: Random) -> Mapping[str, Rows]:
    """Without faults."""
    return journals


@pytest.mark.long
def test_where_nothing_is_wrong_the_same_is_found() -> None:
    check_alike(as_they_are, 1)


@pytest.mark.long
def test_whatever_is_wrong_the_same_is_found() -> None:
    kinds = check_alike(with_faults, VARIANTS)
    print(dict(kinds))
    assert len(kinds) >= ENOUGH_KINDS


def _changes_are_lost(patch: pytest.MonkeyPatch) -> None:
    """What is changed of one that rests is forgotten."""
    patch.setattr(Shelf, "get", Shelf.peek)


def _as_it_was_concluded_last(patch: pytest.MonkeyPatch) -> None:
    """A basket rests without what is to become of its legs."""

    def rest_if_quiet(books: Books, number: int) -> None:
        basket = books.desk.baskets.awake(number)
        if basket is not None and basket.is_quiet:
            books.desk.baskets.rest(number)

    patch.setattr(desks, "_rest_if_quiet", rest_if_quiet)


def _without_deeds(patch: pytest.MonkeyPatch) -> None:
    """What was done to a leg is not kept."""
    rest = Shelf.rest

    def forgetting(self: Shelf[LegAtBlock], number: int) -> None:
        leg = self.awake(number)
        if isinstance(leg, LegAtBlock):
            leg.done = {}
        rest(self, number)

    patch.setattr(Shelf, "rest", forgetting)


@pytest.mark.parametrize(
    "sabotage", [_changes_are_lost, _as_it_was_concluded_last, _without_deeds], ids=["changes", "conclusions", "deeds"]
)
def test_control_what_is_lost_by_resting_is_noticed(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        check_alike(as_they_are, 1)

"""Parts against their event, and what a buyer has of all of them, once all blocks are read, as they were at one time.

Judged whenever the event's home is there:
- a part is one that its event has, and at each revision that it follows it is what the event was at that revision, with
  the layout of its sections; so it is never ahead of the event;
- what the event saw acknowledged, the part follows;
- home and parts, as they are now, have each row, area and resource of the whole layout once, and nothing else;
- a leg that was pinned under a limit for buyers is counted, by a ledger of the event.
Judged of each basket whose ledger is there: what the ledger has booked or pinned for it, without what it is yet to
release, is as many as the good tickets of the legs that name it.
Judged if all blocks of the event are there: no buyer has more, by the desks' word and the legs' tickets, whatever
ledgers say, than the most that was the limit when one of these legs was pinned: a limit that was lowered since does not
count against what was there before. Of what is being placed or released nothing is counted, so deeds under way are on
the safe side: a ledger counts before a basket is held, and until the desk has let it go.
Judged only if it is known that it has no journal, and is not put away: the event of a part, and a part that followed.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from actors.audit.basket_books import Deed, Desk, LegAtBlock, LegAtDesk
from actors.audit.findings import Fault, Finding
from actors.audit.parts import selling
from actors.audit.shelf import Shelf
from actors.audit.sides import Sides
from actors.audit.splits import Split, part_fault, rows_and_more


class DivisionCheck:
    """Takes the sides of blocks that are read to their ends."""

    def __init__(self) -> None:
        self._splits: dict[str, Split] = {}
        self._desks: dict[str, Desk] = {}
        self._legs: dict[str, Shelf[LegAtBlock]] = {}
        self._layouts: dict[str, object] = {}

    def take(self, sides: Sides) -> None:
        """One more block."""
        self._legs[sides.block] = sides.legs
        if sides.desk.baskets:
            self._desks[sides.block] = sides.desk
        if sides.layout is not None:
            self._splits[sides.block] = sides.split
            self._layouts[sides.block] = sides.layout

    def parts(self, has_no_journal: Callable[[str], bool]) -> Iterator[tuple[str, str, Iterator[Finding]]]:
        """What does not go together: of a block, what of it, and what is found. `has_no_journal`: of a block that was
        not given, whether that is known.
        """
        for block, split in self._splits.items():
            check = self._check_part if split.home else self._check_home
            yield block, "its part of an event" if split.home else "its event", check(block, split, has_no_journal)
        for block, desk in self._desks.items():
            yield block, "what ledgers count", self._check_ledgers(block, desk)

    def _check_part(self, block: str, split: Split, has_no_journal: Callable[[str], bool]) -> Iterator[Finding]:
        home = self._splits.get(split.home)
        if home is None and not has_no_journal(split.home):
            return
        part = next((part for part in home.parts if part.block == block), None) if home is not None else None
        if home is None or part is None:
            yield Finding(block, split.newest.position, Fault.PART_ASTRAY, f"of {split.home}")
            return
        for revision, own in split.versions.items():
            was = home.versions.get(revision)
            if was is None:
                sentence = f"at revision {revision}, and {split.home} is at {home.revision}"
                yield Finding(block, own.position, Fault.PART_DIFFERS, sentence)
                continue
            differs = [
                name
                for name in ("name", "status", "hold_ttl_ms", "was_cancelled")
                if getattr(own, name) != getattr(was, name)
            ]
            if own.rules != (msgspec.structs.replace(was.rules, allotments=()) if part.is_ledger else was.rules):
                differs.append("rules")
            fault = ", ".join(differs) or part_fault(own.layout, part, was.layout)
            if fault:
                sentence = f"at revision {revision} of {split.home}: {fault}"
                yield Finding(block, own.position, Fault.PART_DIFFERS, sentence)
        if not part.is_ledger:
            yield from self._check_counted(block, home)

    def _check_home(self, block: str, split: Split, has_no_journal: Callable[[str], bool]) -> Iterator[Finding]:
        parts = {part.block: part for part in split.parts}
        for part, (revision, position) in split.acknowledged.items():
            known = self._splits.get(part)
            if known.revision < revision if known is not None else has_no_journal(part):
                sentence = (
                    f"{part} has followed revision {revision}, and is at {0 if known is None else known.revision}"
                )
                yield Finding(block, position, Fault.PART_BEHIND, sentence)
        sell = selling(block, split.parts)
        there: Counter[tuple[str, ...]] = Counter()
        for one in sell:
            if one in self._layouts:
                there.update(rows_and_more(self._layouts[one]))
        wanted = Counter(rows_and_more(split.whole.layout))
        missing = wanted - there if all(one in self._layouts for one in sell) else Counter[tuple[str, ...]]()
        astray = sorted({*(there - wanted), *missing})
        if astray:
            names = "; ".join("/".join(row[:2]) for row in astray[:20])
            yield Finding(block, split.newest.position, Fault.UNIT_ASTRAY, names)
        yield from self._check_counted(block, split)
        if all(one in self._splits for one in parts):
            yield from self._check_limit(block, split, sell)

    def _check_counted(self, block: str, home: Split) -> Iterator[Finding]:
        ledgers = {part.block for part in home.parts if part.is_ledger}
        for leg in self._legs[block].values():
            desk = self._desks.get(leg.pinned.desk) if leg.pinned is not None and leg.limit else None
            wanted = desk.peek_leg(leg.number) if desk is not None else None
            if wanted is not None and wanted.plan.counted_by not in ledgers:
                sentence = f"leg {leg.number} is counted by {wanted.plan.counted_by or 'nobody'}"
                yield Finding(block, leg.position, Fault.COUNTED_WRONGLY, sentence)

    def _check_limit(self, block: str, home: Split, sell: list[str]) -> Iterator[Finding]:
        has: Counter[str] = Counter()
        limits: dict[str, int] = {}
        unlimited: set[str] = set()
        blocks = {*sell, *(part.block for part in home.parts)}
        for desk in self._desks.values():
            for wanted in (leg for basket in desk.baskets.values() for leg in basket.known_legs):
                if wanted.block not in blocks or wanted.held is None or not wanted.is_wanted:
                    continue
                leg = self._legs[wanted.block].peek(wanted.number)
                limit = 0 if leg is None else leg.limit
                limits[wanted.buyer] = max(limit, limits.get(wanted.buyer, 0))
                if wanted.block in sell:
                    has[wanted.buyer] += _good_count(wanted)
                    unlimited |= set() if limit else {wanted.buyer}
        for buyer, count in has.items():
            if buyer not in unlimited and count > limits[buyer]:
                sentence = f"{buyer} has {count} units in all parts, and may have {limits[buyer]}"
                yield Finding(block, 0, Fault.OVER_LIMIT, sentence)

    def _check_ledgers(self, block: str, desk: Desk) -> Iterator[Finding]:
        for basket in desk.baskets.values():
            for ledger in basket.legs if basket.is_held else ():
                there = self._legs.get(ledger.block) if ledger.is_ledgers else None
                leg = None if there is None else there.peek(ledger.number)
                if leg is None or leg.pinned is None:
                    continue
                named = [one for one in basket.legs if one.plan.counted_by == ledger.block and one.is_wanted]
                has, counts = sum(map(_good_count, named)), _still_counts(ledger, leg)
                if counts != has:
                    sentence = f"leg {leg.number} counts {counts} for basket {basket.number}, which has {has}"
                    yield Finding(ledger.block, leg.position, Fault.COUNTED_WRONGLY, sentence)


def _good_count(wanted: LegAtDesk) -> int:
    """How many units the leg has, by its desk: all of them until it is paid, then as many as its tickets are good."""
    return wanted.ticket_count if wanted.expected is None else len(wanted.expected)


def _still_counts(ledger: LegAtDesk, leg: LegAtBlock) -> int:
    """How many units the ledger's leg counts when all is done that its desk demanded."""
    left = set(range(leg.count) if leg.good is None else leg.good) if leg.has_units else set()
    for revision, demand in ledger.demands.items():
        if revision > leg.revision and demand.deed is Deed.RELEASE:
            left -= set(demand.tickets or left)
    return len(left)

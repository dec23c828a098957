"""Legs against desks: what blocks have of baskets, held against what their desks say, once all of them are read.

Judged whenever both journals are there, as they were at one time:
- a leg is one that its desk means, with the basket, buyer, channel and tickets given back that the desk means, and the
  units and prices that the desk says it holds;
- what is done to a leg is what the desk demanded, under the same revision, of the same tickets; so what is booked is of
  an order that was confirmed or an exchange that was settled;
- what the desk saw acknowledged is done;
- what the desk says is held was pinned.
Judged only of a basket of which nothing is being placed and all that was demanded of its legs in that block is
acknowledged, as until then the block may be behind:
- a leg that is to have nothing has nothing, be it that its basket was dropped, released or cancelled;
- a leg of a held basket has its units, and of a paid one the same good tickets as the order has.
Judged only if the whole journal is there, but for blocks that are put away: a leg whose desk has no journal, or whose
block has none, unless that is put away; and a leg that was released before it came and of which no desk knows.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from actors.audit.basket_books import Basket, Desk, LegAtBlock, LegAtDesk
from actors.audit.divisions import DivisionCheck
from actors.audit.findings import Fault, Finding
from actors.audit.shelf import Shelf
from actors.audit.sides import Sides
from actors.audit.splits import LEDGER_AREA

ASK_AFTER_MS = 5_000
"""So long after the time for placing a leg asks its desk."""


class BasketCheck:
    """Takes the sides of blocks that are read to their ends; of events that are split, see `divisions`."""

    def __init__(self) -> None:
        self._desks: dict[str, Desk] = {}
        self._legs: dict[str, Shelf[LegAtBlock]] = {}
        self._cancelled: set[str] = set()
        self._divisions = DivisionCheck()
        self._is_whole = False
        self._put_away: Collection[str] = ()

    def take(self, sides: Sides) -> None:
        """One more block."""
        self._divisions.take(sides)
        self._desks[sides.block] = sides.desk
        self._legs[sides.block] = sides.legs
        if sides.was_cancelled:
            self._cancelled.add(sides.block)

    def finish(self, *, whole: bool, put_away: Collection[str] = ()) -> Iterator[Finding]:
        """What does not go together. `whole`: every block that has a journal was given, but for those put away."""
        for _, _, found in self.parts(whole=whole, put_away=put_away):
            yield from found

    def parts(self, *, whole: bool, put_away: Collection[str] = ()) -> Iterator[tuple[str, str, Iterator[Finding]]]:
        """Likewise in parts that have nothing to do with each other: of a block, what of it, and what is found."""
        self._is_whole, self._put_away = whole, put_away
        for block in self._legs:
            yield block, "its legs", self._check_legs(block)
        for block, desk in self._desks.items():
            yield block, "its baskets", self._check_desk(block, desk)
        yield from self._divisions.parts(self._has_no_journal)

    def _check_legs(self, block: str) -> Iterator[Finding]:
        for leg in self._legs[block].values():
            yield from self._check_block_side(block, leg)

    def _check_desk(self, block: str, desk: Desk) -> Iterator[Finding]:
        for basket in desk.baskets.values():
            legs = [(wanted, self._leg(wanted)) for wanted in basket.known_legs]
            for wanted, leg in legs:
                if wanted.block in self._legs or self._has_no_journal(wanted.block):
                    yield from _check_desk_side(block, wanted, leg)
            yield from self._check_final(block, basket, legs)

    def _leg(self, wanted: LegAtDesk) -> LegAtBlock | None:
        there = self._legs.get(wanted.block)
        return None if there is None else there.peek(wanted.number)

    def _has_no_journal(self, block: str) -> bool:
        """Of one that was not given, whether that is known."""
        return self._is_whole and block not in self._put_away

    def _check_block_side(self, block: str, leg: LegAtBlock) -> Iterator[Finding]:
        who = f"leg {leg.number}"
        if leg.pinned is None:
            knowing = [known for desk in self._desks.values() if (known := desk.peek_leg(leg.number)) is not None]
            if self._is_whole and not knowing:
                yield Finding(block, leg.position, Fault.LEG_ASTRAY, f"{who} was released, and no desk knows it")
            for known in knowing:
                yield from _check_deeds(block, leg, known)
            return
        home = self._desks.get(leg.pinned.desk)
        if home is None and not self._has_no_journal(leg.pinned.desk):
            return
        wanted = home.peek_leg(leg.number) if home is not None else None
        if wanted is None or wanted.block != block:
            yield Finding(block, leg.position, Fault.LEG_ASTRAY, f"{who}, by the desk {leg.pinned.desk}")
            return
        fault = _difference(leg, wanted)
        if fault:
            yield Finding(block, leg.position, Fault.LEG_DIFFERS, f"{who}: {fault}")
        yield from _check_deeds(block, leg, wanted)

    def _check_final(
        self, block: str, basket: Basket, legs: Sequence[tuple[LegAtDesk, LegAtBlock | None]]
    ) -> Iterator[Finding]:
        where = {leg.block for leg in basket.legs}
        for position in basket.lost_at:
            if where <= self._legs.keys() and not where & self._cancelled:
                yield Finding(block, position, Fault.VOIDED_WRONGLY, f"basket {basket.number}")
        open_in = {wanted.block for wanted, _ in legs if not wanted.is_settled}
        for wanted, leg in legs:
            if leg is not None and basket.place_by_ms is None and wanted.block not in open_in:
                yield from _check_settled(wanted, leg)


def _difference(leg: LegAtBlock, wanted: LegAtDesk) -> str:
    pinned = leg.pinned
    assert pinned is not None, "a leg that came"
    told = pinned.basket, pinned.buyer, pinned.channel, pinned.instead
    meant = wanted.basket, wanted.buyer, wanted.plan.wish.channel, wanted.plan.instead
    if told != meant:
        return f"is for {told}, and was meant for {meant}"
    if pinned.ask_at_ms != wanted.place_by_ms + ASK_AFTER_MS:
        return f"asks its desk {pinned.ask_at_ms - wanted.place_by_ms} ms after it had to be placed"
    if wanted.held is None:
        return ""
    holds, said = _told(leg, wanted), msgspec.msgpack.decode(msgspec.msgpack.encode(wanted.held))[2:]
    return "" if holds == said else f"holds {holds}, and not {said}"


def _told(leg: LegAtBlock, wanted: LegAtDesk) -> list[Any]:
    """What the desk is to have been told: a `LegHeld` without leg and block; of a ledger's, only what it counts."""
    if not leg.holds:
        return []
    currency, seats, areas, lines, of_ticket, once, chosen, together, begins = msgspec.msgpack.decode(leg.holds)
    if wanted.is_ledgers:
        is_so = (seats, areas) == ([], [[LEDGER_AREA, wanted.plan.counts, ""]])
        return [currency, [], [], [], [], None, [], "", wanted.plan.counts if is_so else 0, leg.home, [], []]
    return [
        currency, seats, areas, lines, of_ticket, once if wanted.is_first else None, chosen, wanted.plan.counted_by, 0,
        leg.home, together, begins,
    ]  # fmt: skip


def _check_deeds(block: str, leg: LegAtBlock, wanted: LegAtDesk) -> Iterator[Finding]:
    for revision, (deed, tickets, position) in leg.done.items():
        demand = wanted.demands.get(revision)
        if demand is None or (demand.deed, demand.tickets) != (deed, tickets):
            what = "nothing" if demand is None else f"{demand.deed.name} {demand.tickets}"
            sentence = f"leg {leg.number} by revision {revision}: {deed.name} {tickets}, and {what} was demanded"
            yield Finding(block, position, Fault.DEED_NOT_DEMANDED, sentence)


def _check_desk_side(block: str, wanted: LegAtDesk, leg: LegAtBlock | None) -> Iterator[Finding]:
    who = f"leg {wanted.number} in {wanted.block}"
    if wanted.held is not None and (leg is None or leg.pinned is None):
        yield Finding(block, wanted.held_in, Fault.LEG_MISSING, who)
    for revision, demand in wanted.demands.items():
        if demand.acknowledged_in and (leg is None or revision not in leg.done):
            sentence = f"{who} by revision {revision}: {demand.deed.name} {demand.tickets}"
            yield Finding(block, demand.acknowledged_in, Fault.DEED_MISSING, sentence)


def _check_settled(wanted: LegAtDesk, leg: LegAtBlock) -> Iterator[Finding]:
    who = f"leg {leg.number} of basket {wanted.basket}"
    if leg.pinned is not None and leg.has_units and not wanted.is_wanted and leg.good != []:
        yield Finding(wanted.block, leg.position, Fault.LEG_LEFT_OVER, f"{who}, which is to have nothing")
    elif wanted.is_wanted and wanted.held is not None and not leg.has_units:
        yield Finding(wanted.block, leg.position, Fault.LEG_MISSING, f"{who} has nothing any more")
    elif leg.has_units and leg.good != wanted.expected and (wanted.is_wanted or leg.good != []):
        sentence = f"{who} has the good tickets {leg.good}, and its order {wanted.expected}"
        yield Finding(wanted.block, leg.position, Fault.TICKETS_DIFFER, sentence)

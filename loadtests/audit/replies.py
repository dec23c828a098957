"""What clients were told, held against the journal: every acknowledged reply is there, no later and no different."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from actors.core import entries as e
from actors.core.ids import BlockId, Kind, parse_id
from loadtests.audit.findings import Fault, Finding
from loadtests.audit.ledger import Ledger

_Fact = tuple["Told", int]


class Told(StrEnum):
    """What a reply acknowledged."""

    HELD = "held"
    EXTENDED = "extended"
    RELEASED = "released"
    ORDERED = "ordered"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class Acknowledged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reply as a client got it.

    `id`: of the hold, or from ORDERED on of the order. `position`: of the row that the reply named, 0 if it named none.
    `expires_at_ms`: as told, 0 if it is not to be compared (a replay tells the deadline as it is by then).
    """

    told: Told
    id: str
    units: tuple[str, ...]
    areas: tuple[tuple[str, int], ...]
    total_minor: int
    hold_id: str = ""
    expires_at_ms: int = 0
    position: int = 0


_decoder = msgspec.json.Decoder(Acknowledged)


def read_acknowledged(paths: Iterable[Path]) -> Iterator[Acknowledged]:
    """The replies in files of one JSON document a line. Raises OSError, msgspec.DecodeError."""
    for path in paths:
        with path.open("rb") as lines:
            for line in lines:
                yield _decoder.decode(line)


def by_block(replies: Iterable[Acknowledged]) -> dict[BlockId, list[Acknowledged]]:
    """The replies by the home block that their ids bear. Raises ValueError for what is no id."""
    found: dict[BlockId, list[Acknowledged]] = {}
    for reply in replies:
        found.setdefault(_home(reply)[0], []).append(reply)
    return found


class ReplyCheck:
    """Meets a block's entries one by one; what is left at the end never was in the journal."""

    def __init__(self, block: BlockId, replies: Iterable[Acknowledged]) -> None:
        self.findings: list[Finding] = []
        self._block = block
        self._missing: dict[_Fact, list[Acknowledged]] = {}
        for reply in replies:
            self._missing.setdefault((reply.told, _home(reply)[1]), []).append(reply)

    def meet(self, entry: e.Entry, position: int, ledger: Ledger) -> None:
        """The entry is in the row at `position`; `ledger` has not folded it yet."""
        fact = _fact_of(entry)
        replies = self._missing.get(fact) if fact is not None else None
        if fact is None or not replies:
            return
        left = [reply for reply in replies if not _acknowledges(reply, entry)]
        for reply in replies:
            if _acknowledges(reply, entry):
                self._compare(reply, entry, position, ledger)
        if left:
            self._missing[fact] = left
        else:
            del self._missing[fact]

    def finish(self) -> None:
        """The journal is at its end."""
        for replies in self._missing.values():
            for reply in replies:
                self._found(0, Fault.REPLY_NOT_IN_JOURNAL, f"{reply.id} was said to be {reply.told}")
        self._missing = {}

    def _compare(self, reply: Acknowledged, entry: e.Entry, position: int, ledger: Ledger) -> None:
        if reply.position and reply.position < position:
            self._found(
                position, Fault.REPLY_AHEAD_OF_JOURNAL, f"{reply.id} was said to be {reply.told} at {reply.position}"
            )
        placed = entry if isinstance(entry, e.HoldPlaced) else _hold_of(entry, ledger)
        if placed is None:
            return  # which the ledger reports
        names = ledger.units.index.seat_name
        seats = len(ledger.units.statuses)
        areas = ledger.units.layout.areas
        units = {names(seat) if 0 <= seat < seats else f"seat {seat}" for seat in placed.seats}
        places = {(areas[area].name if 0 <= area < len(areas) else str(area), count) for area, count in placed.areas}
        total_minor = sum(quantity * each for _, quantity, each in placed.prices)
        told = (set(reply.units), set(reply.areas), reply.total_minor)
        if told != (units, places, total_minor) or _differs(reply, entry, placed, self._block):
            self._found(
                position,
                Fault.REPLY_DIFFERS,
                f"{reply.id} was said to be {reply.told} with {', '.join(reply.units)} {reply.areas} "
                f"for {reply.total_minor}",
            )

    def _found(self, position: int, fault: Fault, sentence: str) -> None:
        self.findings.append(Finding(self._block, position, fault, sentence))


def _home(reply: Acknowledged) -> tuple[BlockId, int]:
    kind = Kind.HOLD if reply.told in (Told.HELD, Told.EXTENDED, Told.RELEASED) else Kind.ORDER
    home = parse_id(kind, reply.id)
    if home is None:
        raise ValueError(f"a reply names {reply.id!r}, which is not the id of {kind}")
    return home


def _fact_of(entry: e.Entry) -> _Fact | None:
    match entry:
        case e.HoldPlaced():
            return Told.HELD, entry.hold
        case e.HoldExtended():
            return Told.EXTENDED, entry.hold
        case e.HoldReleased():
            return Told.RELEASED, entry.hold
        case e.OrderPlaced():
            return Told.ORDERED, entry.order
        case e.OrderConfirmed():
            return Told.CONFIRMED, entry.order
        case e.OrderCancelled():
            return Told.CANCELLED, entry.order
        case _:
            return None


def _acknowledges(reply: Acknowledged, entry: e.Entry) -> bool:
    """Whether the reply is about this very entry: a hold can be extended more than once."""
    return not isinstance(entry, e.HoldExtended) or reply.expires_at_ms in (0, entry.expires_at_ms)


def _hold_of(entry: e.Entry, ledger: Ledger) -> e.HoldPlaced | None:
    number = entry.hold if isinstance(entry, e.HoldExtended | e.HoldReleased | e.OrderPlaced) else 0
    if isinstance(entry, e.OrderConfirmed | e.OrderCancelled):
        order = ledger.orders.get(entry.order)
        number = order.hold if order is not None else 0
    claim = ledger.claims.get(number)
    return claim.placed if claim is not None else None


def _differs(reply: Acknowledged, entry: e.Entry, placed: e.HoldPlaced, block: BlockId) -> bool:
    """Whether the reply names another deadline or another hold than the journal."""
    if isinstance(entry, e.HoldPlaced) and reply.expires_at_ms not in (0, entry.expires_at_ms):
        return True
    return bool(reply.hold_id) and parse_id(Kind.HOLD, reply.hold_id) != (block, placed.hold)

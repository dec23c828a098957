"""What brought an entry about: the key of a command, and the number by which each try makes something of its own."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from actors.core import commands as c
from actors.core import entries as e
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow

Cause: TypeAlias = tuple[bytes, int]
"""The key, and the number of what is made: 0, if nothing is. Of a leg the number alone, as no key comes with it."""

NOBODY: Cause = (b"", 0)


class Decided(NamedTuple):
    """An entry of a row. `inherited_ms`: as of when the block was for its owner: no entry of his is of before that."""

    row: JournalRow
    entry: e.Entry
    inherited_ms: int

    def is_in_time(self, until_ms: int) -> bool:
        """Whether it may have been decided by then. It bears the time of the block, if that was ahead of its owner."""
        return self.entry.at_ms <= max(until_ms, self.inherited_ms)


def decided(rows: Iterable[JournalRow]) -> Iterator[Decided]:
    """All entries of a block."""
    epoch = inherited_ms = latest_ms = 0
    for row in rows:
        if row.epoch != epoch:
            epoch, inherited_ms = row.epoch, latest_ms
        for entry in decode_entries(row.entries):
            yield Decided(row, entry, inherited_ms)
            latest_ms = max(latest_ms, entry.at_ms)


def cause_of_command(command: c.Command) -> tuple[Cause, int] | None:
    """With the time after which it must not be decided; None: it has none, as it is no client's."""
    if isinstance(command, c.PinLeg):
        return (b"", command.plan.leg), command.not_after_ms
    if isinstance(command, c.Read | c.Errand):
        return None
    stamp = command.stamp
    return (stamp.key, _made_by(command)), stamp.not_after_ms


def cause_of_entry(entry: e.Entry) -> Cause:
    """That of an offer is nobody's: it bears the key of who began to wait."""
    match entry:
        case e.LegPinned():
            return b"", entry.leg
        case e.HoldPlaced():
            return NOBODY if entry.waiter else (entry.key, entry.hold)
        case e.OrderPlaced():
            return entry.key, entry.order
        case e.WaiterJoined():
            return entry.key, entry.waiter
        case e.BasketIntended():
            return entry.key, entry.basket
        case e.ExchangeIntended():
            return entry.key, entry.leg.leg
    return getattr(entry, "key", b""), 0


def _made_by(command: c.Write) -> int:
    match command:
        case c.PlaceHold():
            return command.hold
        case c.PlaceOrder():
            return command.order
        case c.JoinWaitingList():
            return command.waiter
        case c.IntendBasket():
            return command.basket
        case c.IntendExchange():
            return command.leg.leg
    return 0

"""What the audit finds in all journals of a run, between them, and between them and what clients were told."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from actors.audit import rows
from actors.audit.audit import BlockAudit
from actors.audit.baskets import BasketCheck
from actors.audit.findings import Finding
from actors.audit.replies import Answered, by_block
from actors.audit.sides import sides_of
from actors.core.entries import BasketIntended, BasketSettled, ExchangeIntended, ExchangeSettled
from actors.core.ids import BlockId
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from tests.simulation.causes import cause_of_entry

_NUMBERED = ("hold", "order", "waiter", "basket")


def row_of(row: JournalRow) -> rows.Row:
    """As the audit reads it."""
    return rows.Row(*msgspec.structs.astuple(row))


def audited(
    journals: Mapping[BlockId, list[JournalRow]],
    told: Iterable[Answered] = (),
    excused: Callable[[Finding], bool] = lambda _: False,
) -> list[str]:
    """Everything, in words. `excused`: what follows from lost rows."""
    found: list[Finding] = []
    by_home = by_block(told)
    baskets = BasketCheck()
    for block, written in journals.items():
        audit = BlockAudit(block, by_home.pop(block, ()))
        for row in written:
            found += audit.take(row_of(row))
        found += audit.finish()
        baskets.take(sides_of(audit.books))
    found += baskets.finish(whole=True)
    return [str(finding) for finding in found if not excused(finding)] + [
        f"{block} was acknowledged and has no journal" for block in by_home
    ]


class Effect(NamedTuple):
    """Where a key had an effect. `numbers`: of the hold, order, waiter or basket that it is about. `made`: the one that
    the try which had it has made; 0: it made nothing, or was a basket's.
    """

    block: BlockId
    position: int
    numbers: frozenset[int]
    made: int


def effects(journals: Mapping[BlockId, list[JournalRow]]) -> dict[bytes, list[Effect]]:
    """What keys came to: an intent is no effect, what was settled of it is."""
    found: dict[bytes, list[Effect]] = {}
    meant: dict[int, bytes] = {}
    for block, written in journals.items():
        for row in written:
            for entry in decode_entries(row.entries):
                match entry:
                    case BasketIntended():
                        meant[entry.basket] = entry.key
                        continue
                    case ExchangeIntended():
                        meant[entry.leg.leg] = entry.key
                        continue
                    case BasketSettled():
                        key = meant[entry.basket]
                    case ExchangeSettled():
                        key = meant[entry.held.leg]
                    case _:
                        key = getattr(entry, "key", b"")
                numbers = frozenset(getattr(entry, name, 0) for name in _NUMBERED)
                found.setdefault(key, []).append(Effect(block, row.position, numbers, cause_of_entry(entry)[1]))
    return found

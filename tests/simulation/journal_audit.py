"""What the audit finds in all journals of a run, between them, and between them and what clients were told."""

from collections.abc import Callable, Iterable, Mapping

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


def audited(
    journals: Mapping[BlockId, list[JournalRow]],
    told: Iterable[Answered] = (),
    excused: Callable[[Finding], bool] = lambda _: False,
) -> list[str]:
    """Everything, in words. `excused`: of what is found between blocks."""
    faults: list[str] = []
    by_home = by_block(told)
    baskets = BasketCheck()
    for block, written in journals.items():
        audit = BlockAudit(block, by_home.pop(block, ()))
        for row in written:
            faults += map(str, audit.take(rows.Row(*msgspec.structs.astuple(row))))
        faults += map(str, audit.finish())
        baskets.take(sides_of(audit.books))
    faults += (str(finding) for finding in baskets.finish(whole=True) if not excused(finding))
    return faults + [f"{block} was acknowledged and has no journal" for block in by_home]


def effective_keys(journals: dict[BlockId, list[JournalRow]]) -> set[bytes]:
    """The keys that had an effect: an intent is none, what was settled of it is."""
    keys: set[bytes] = set()
    meant: dict[int, bytes] = {}
    for written in journals.values():
        for row in written:
            for entry in decode_entries(row.entries):
                match entry:
                    case BasketIntended():
                        meant[entry.basket] = entry.key
                    case ExchangeIntended():
                        meant[entry.leg.leg] = entry.key
                    case BasketSettled():
                        keys.add(meant[entry.basket])
                    case ExchangeSettled():
                        keys.add(meant[entry.held.leg])
                    case _:
                        keys.add(getattr(entry, "key", b""))
    return keys

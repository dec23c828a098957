"""What the audit finds in all journals of a run, and between them."""

import msgspec

from actors.audit import rows
from actors.audit.audit import BlockAudit
from actors.audit.baskets import BasketCheck
from actors.audit.sides import sides_of
from actors.journal.memory import MemoryStore


def findings_in(store: MemoryStore) -> list[str]:
    """Nobody was told anything that it would know of."""
    found: list[str] = []
    baskets = BasketCheck()
    for block, written in store.journals.items():
        audit = BlockAudit(block)
        for row in written:
            found += map(str, audit.take(rows.Row(*msgspec.structs.astuple(row))))
        found += map(str, audit.finish())
        baskets.take(sides_of(audit.books))
    return [*found, *map(str, baskets.finish(whole=True))]

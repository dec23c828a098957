"""A leg that does not ask its desk is found: the check that looks for such legs in the end sees each one planted."""

from collections.abc import Iterator
from functools import cache

import pytest

from actors.core import entries as e
from actors.core.ids import BlockId
from actors.journal.codec import decode_entries
from actors.journal.memory import MemoryStore
from tests.simulation.auditing import AuditorProcess
from tests.simulation.folding import Folds
from tests.simulation.runs import simulate

SEED = 1
PLANTED_AT_LEAST = 20
FAR_MS, NEVER_MS = 1 << 62, 0


@cache
def store_of(seed: int = SEED) -> MemoryStore:
    """Those of a run."""
    found: list[MemoryStore] = []
    finish = AuditorProcess.finish

    async def noting(self: AuditorProcess) -> None:
        await finish(self)
        found.append(self._store)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AuditorProcess, "finish", noting)
        assert not simulate(seed).wrong
    return found[-1]


def booked() -> Iterator[tuple[BlockId, int, int]]:
    """Legs that were told to book: block, number, and how many rows were before that."""
    for block, rows in store_of().journals.items():
        for before, row in enumerate(rows):
            for entry in decode_entries(row.entries):
                if isinstance(entry, e.LegBooked):
                    yield block, entry.leg, before


def found_without(block: BlockId, before: int, by_ms: int) -> list[str]:
    """What the check says where this block's journal ends there, and nobody else's."""
    store = MemoryStore(lambda: 0)
    store.journals.update(store_of().journals)
    store.journals[block] = store.journals[block][:before]
    return list(Folds(store).legs_that_did_not_ask(by_ms))


def test_where_all_have_asked_none_is_found() -> None:
    assert list(Folds(store_of()).legs_that_did_not_ask(FAR_MS)) == []


def test_each_that_never_heard_what_its_desk_decided_is_found() -> None:
    legs = list(booked())
    assert len(legs) >= PLANTED_AT_LEAST
    for block, leg, before in legs:
        found = found_without(block, before, FAR_MS)
        assert [one for one in found if one.startswith(f"{block}: leg {leg} of ")], (block, leg)
        assert found_without(block, before, NEVER_MS) == [], "it is not due to ask yet"

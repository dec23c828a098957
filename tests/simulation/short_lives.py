"""Runs in which what is kept for minutes or a day is soon forgotten: keys, ended holds, waiters, legs that are barred.

The audit and the histories go by the same lives, as they do by those that are shipped. No client asks again under a key
for longer than it surely lives.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from random import Random
from types import ModuleType
from unittest.mock import patch

from actors.audit import desks as audited_desks
from actors.audit import keys as audited_keys
from actors.audit import legs as audited_legs
from actors.audit.ids import HOLD, ORDER, WAITER
from actors.core import desk_exchange, events, holds, keys, legs, orders, ticket_changes, waiting
from actors.core import entries as e
from actors.core.ids import BlockId
from actors.core.state import BlockState
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from loadtests.history import linear
from tests.simulation.buyers import DEADLINE_MS
from tests.simulation.faults import Fault
from tests.simulation.folding import Folds

HOLD_KEY_KEPT_MS = 25_000
KEPT_MS = 35_000
PATIENCE_MS = HOLD_KEY_KEPT_MS - DEADLINE_MS
SHARE = 0.45  # of the seeds in which no clock jumps; nobody could say how long a client may ask again in others
CLOCKS = frozenset((Fault.JOURNAL_CLOCK, Fault.SHARD_CLOCK))

KEYS = "keys that were forgotten"
HOLDS = "ended holds that were forgotten"
WAITERS = "waiters that were forgotten"
BARRED = "barred legs that were forgotten"
FORGOTTEN = (KEYS, HOLDS, WAITERS, BARRED)

_OF_HOLDS: tuple[ModuleType, ...] = (keys, holds, audited_keys, audited_legs, linear)
_OTHERS: Mapping[str, tuple[ModuleType, ...]] = {
    "ORDER_KEY_KEPT_MS": (keys, desk_exchange, events, orders, ticket_changes, waiting),
    "ENDED_HOLD_KEPT_MS": (keys,),
    "OTHER_KEY_KEPT_MS": (audited_keys, audited_desks),
    "BARRED_MS": (legs, audited_legs),
}
_NUMBERED = {"hold": HOLD, "basket": HOLD, "leg": HOLD, "order": ORDER, "waiter": WAITER}


def drawn_lives(random: Random, on: frozenset[Fault]) -> bool:
    """Whether all is soon forgotten in the run of a seed with these faults."""
    return random.random() < SHARE and not on & CLOCKS


@contextmanager
def short_lives(is_short: bool) -> Iterator[None]:
    """While this lasts, if they are to be short."""
    with ExitStack() as patches:
        if is_short:
            for module in _OF_HOLDS:
                patches.enter_context(patch.object(module, "HOLD_KEY_KEPT_MS", HOLD_KEY_KEPT_MS))
            for name, modules in _OTHERS.items():
                for module in modules:
                    patches.enter_context(patch.object(module, name, KEPT_MS))
        yield


def forgotten(journals: Mapping[BlockId, Sequence[JournalRow]], folds: Folds) -> Counter[str]:
    """How much of what the journals tell their blocks do not know any more, by the names in `FORGOTTEN`."""
    found = Counter[str]()
    for block, rows in journals.items():
        state = folds.of(block)
        found.update(what for entry in _entries(rows) for what in _not_known(state, entry))
    return found


def _not_known(state: BlockState, entry: e.Entry) -> Iterator[str]:
    key = b"" if isinstance(entry, e.BasketIntended | e.ExchangeIntended) else getattr(entry, "key", b"")
    if key and key not in state.memos:
        yield KEYS
    match entry:
        case e.HoldPlaced() if entry.hold not in state.holds:
            yield HOLDS
        case e.LegPinned() if entry.leg not in state.holds:
            yield HOLDS
        case e.WaiterJoined() if entry.waiter not in state.waiters:
            yield WAITERS
        case e.LegBarred() if entry.leg not in state.barred:
            yield BARRED


class Mentions:
    """When a hold, an order or a waiter was last spoken of in the journals of a run that is over.

    A waiter may have the number of the hold that was made of it, which ends later.
    """

    def __init__(self, journals: Mapping[BlockId, Sequence[JournalRow]], folds: Folds) -> None:
        self._folds = folds
        self._last_ms = {
            (block, kind, number): entry.at_ms
            for block, rows in journals.items()
            for entry in _entries(rows)
            for name, kind in _NUMBERED.items()
            if isinstance(number := getattr(entry, name, 0), int) and number
        }

    def may_be_forgotten(self, kind: str, home: str, number: int, at_ms: int) -> bool:
        """Whether what is of this kind was over for so long by then, and is not known in the end."""
        block = BlockId(home)
        last_ms = self._last_ms.get((block, kind, number))
        if last_ms is None or last_ms + keys.ENDED_HOLD_KEPT_MS > at_ms:
            return False
        state = self._folds.of(block)
        known: Mapping[str, Container[int]] = {HOLD: state.holds, ORDER: state.orders, WAITER: state.waiters}
        return number not in known[kind]


def _entries(rows: Sequence[JournalRow]) -> Iterator[e.Entry]:
    for row in rows:
        yield from decode_entries(row.entries)

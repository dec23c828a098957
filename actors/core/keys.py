"""Idempotency keys: accepted outcomes are remembered by the same entry as their effect; refusals are not.

A key is kept as a 16-byte hash with a 16-byte fingerprint of who asked for what. A hold's key lives as long as the
hold and 10 minutes more, an order's 24 hours. What came to nothing is forgotten too: holds, and orders nobody paid. An
order that was ever paid stays as long as its block. Pruning happens in `apply`, by entry time, a few an entry.
"""

from hashlib import blake2b
from itertools import islice

import msgspec

from actors.core.commands import Stamp
from actors.core.ids import Kind, TenantId, tenants_own
from actors.core.state import BlockState, Hold, Memo

MAX_KEY_LENGTH = 255
MAX_KEYS_PER_BLOCK = 1_000_000
MAX_KEYS_PER_HOLD = 16
HOLD_KEY_KEPT_MS = 10 * 60_000
ORDER_KEY_KEPT_MS = 24 * 60 * 60_000
ENDED_HOLD_KEPT_MS = 24 * 60 * 60_000
MAX_ENDED_HOLDS = 250_000
PRUNED_PER_ENTRY = 4

_fingerprint_encoder = msgspec.msgpack.Encoder()


def key_hash(tenant: TenantId, key: str, event: str = "") -> bytes:
    """The 16 bytes under which a block remembers a tenant's key.

    `event`: whose key it is, where those of other events are remembered too: the block of one that is split, at a desk.
    """
    return blake2b(tenants_own(tenant, key), digest_size=16, person=b"holdfast.key", salt=_salt(event)).digest()


def _salt(event: str) -> bytes:
    return blake2b(event.encode(), digest_size=16).digest() if event else b""


def fingerprint(principal: str, buyer: str, *command: object) -> bytes:
    """16 bytes over who asks for what; `command` in a canonical form that is the same over every protocol."""
    asked = _fingerprint_encoder.encode((principal, buyer, command))
    return blake2b(asked, digest_size=16, person=b"holdfast.print").digest()


def remember(state: BlockState, key: bytes, fingerprint_: bytes, kind: Kind, number: int, due_ms: int) -> None:
    """Remember an accepted outcome until `due_ms` at least (0: until it gets a due time, if it ever does)."""
    state.memos[key] = Memo(fingerprint_, kind, number, due_ms)
    if due_ms:
        state.push_memo_due(due_ms, key)


def remember_with_hold(state: BlockState, hold: Hold, key: bytes, fingerprint_: bytes) -> None:
    """Remember an accepted outcome as long as the hold and 10 minutes more.

    A hold's first keys wait with it for its end. So that ending it stays little work, further ones are kept as if it
    were to live to its cap.
    """
    if len(hold.keys) < MAX_KEYS_PER_HOLD:
        hold.keys = (*hold.keys, key)
        remember(state, key, fingerprint_, Kind.HOLD, hold.number, due_ms=0)
    else:
        remember(state, key, fingerprint_, Kind.HOLD, hold.number, hold.max_expires_at_ms + HOLD_KEY_KEPT_MS)


def let_keys_go(state: BlockState, hold: Hold, ended_at_ms: int) -> None:
    """The hold has ended: its keys have 10 minutes more."""
    for key in hold.keys:
        state.memos[key].due_ms = ended_at_ms + HOLD_KEY_KEPT_MS
        state.push_memo_due(ended_at_ms + HOLD_KEY_KEPT_MS, key)
    hold.keys = ()


def is_number_in_use(state: BlockState, stamp: Stamp, kind: Kind, number: int) -> bool:
    """Whether a hold or an order has the number, other than the one that this very key stands for.

    A waiter has the number of the hold that it will be offered. Another tenant does not learn of it.
    """
    there = number in state.orders if kind is Kind.ORDER else number in state.holds or number in state.waiters
    if not there or state.tenant != stamp.tenant:
        return False
    memo = state.memos.get(stamp.key)
    return memo is None or (memo.kind, memo.number) != (kind, number)


def keys_are_full(state: BlockState, at_ms: int) -> bool:
    """Whether the bound is reached and the next entry will forget no key.

    Judged by time, as pruning needs an entry: a full block that refused everything would otherwise stay full for ever.
    """
    return len(state.memos) >= MAX_KEYS_PER_BLOCK and (not state.memo_dues or state.memo_dues[0][0] > at_ms)


def prune(state: BlockState, at_ms: int) -> None:
    """Forget some of what need not be known any more, once it is time; ended holds with their orders if never paid."""
    for _ in range(PRUNED_PER_ENTRY):
        if not state.memo_dues or state.memo_dues[0][0] > at_ms:
            break
        del state.memos[state.pop_memo_due()]
    for _ in range(PRUNED_PER_ENTRY):
        if not state.ended:
            break
        ended_at_ms, number = state.ended[0]
        kept_ms = HOLD_KEY_KEPT_MS if len(state.ended) > MAX_ENDED_HOLDS else ENDED_HOLD_KEPT_MS
        if ended_at_ms + kept_ms > at_ms:
            break
        state.ended.popleft()
        state.forget(number)
    if state.gone_waiters or state.barred:
        _prune_rarities(state, at_ms)


def _prune_rarities(state: BlockState, at_ms: int) -> None:
    for leg, (_, until_ms) in tuple(islice(state.barred.items(), PRUNED_PER_ENTRY)):
        if until_ms <= at_ms:
            del state.barred[leg]
    for _ in range(PRUNED_PER_ENTRY):
        if not state.gone_waiters or state.gone_waiters[0][0] + ENDED_HOLD_KEPT_MS > at_ms:
            break
        del state.waiters[state.gone_waiters.popleft()[1]]

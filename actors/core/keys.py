"""Idempotency keys: accepted outcomes are remembered by the same entry as their effect; refusals are not.

A key is kept as a 16-byte hash with a 16-byte fingerprint of who asked for what. A hold's key lives as long as the
hold and 10 minutes more, an order's 24 hours. Pruning happens in `apply`, by entry time, a few keys per entry.
"""

from hashlib import blake2b
from heapq import heapreplace

import msgspec

from actors.core.ids import Kind, TenantId
from actors.core.replies import HoldStatus
from actors.core.state import BlockState, Memo

MAX_KEY_LENGTH = 255
MAX_KEYS_PER_BLOCK = 1_000_000
HOLD_KEY_KEPT_MS = 10 * 60_000
ORDER_KEY_KEPT_MS = 24 * 60 * 60_000
ENDED_HOLD_KEPT_MS = 24 * 60 * 60_000
MAX_ENDED_HOLDS = 250_000
PRUNED_PER_ENTRY = 4

_fingerprint_encoder = msgspec.msgpack.Encoder()


def key_hash(tenant: TenantId, key: str) -> bytes:
    """The 16 bytes under which a block remembers a tenant's key."""
    return blake2b(f"{tenant}\0{key}".encode(), digest_size=16, person=b"holdfast.key").digest()


def fingerprint(principal: str, buyer: str, *command: object) -> bytes:
    """16 bytes over who asks for what; `command` in a canonical form that is the same over every protocol."""
    asked = _fingerprint_encoder.encode((principal, buyer, command))
    return blake2b(asked, digest_size=16, person=b"holdfast.print").digest()


def remember(state: BlockState, key: bytes, fingerprint_: bytes, kind: Kind, number: int, due_ms: int) -> None:
    """Remember an accepted outcome until `due_ms` at least (0: for ever)."""
    state.memos[key] = Memo(fingerprint_, kind, number, due_ms)
    if due_ms:
        state.push_memo_due(due_ms, key)


def keys_are_full(state: BlockState, at_ms: int) -> bool:
    """Whether the bound is reached and the next entry will not look at a key whose time may be over.

    Judged by time, as pruning needs an entry: a full block that refused everything would otherwise stay full for ever.
    """
    return len(state.memos) >= MAX_KEYS_PER_BLOCK and (not state.memo_dues or state.memo_dues[0][0] > at_ms)


def prune(state: BlockState, at_ms: int) -> None:
    """Forget a bounded number of keys and ended holds whose time is over."""
    for _ in range(PRUNED_PER_ENTRY):
        if not state.memo_dues or state.memo_dues[0][0] > at_ms:
            break
        _, key = state.memo_dues[0]
        memo = state.memos[key]
        again_ms = _lives_until_ms(state, memo)
        if again_ms > at_ms:
            memo.due_ms = again_ms
            heapreplace(state.memo_dues, (again_ms, key))
        else:
            del state.memos[key]
            state.pop_memo_due()
    for _ in range(PRUNED_PER_ENTRY):
        if not state.ended:
            break
        hold = state.holds[state.ended[0]]
        kept_ms = HOLD_KEY_KEPT_MS if len(state.ended) > MAX_ENDED_HOLDS else ENDED_HOLD_KEPT_MS
        if hold.ended_at_ms + kept_ms > at_ms:
            break
        del state.holds[hold.number]
        state.ended.popleft()


def _lives_until_ms(state: BlockState, memo: Memo) -> int:
    hold = state.holds.get(memo.number) if memo.kind is Kind.HOLD else None
    if hold is None:
        return memo.due_ms
    end_ms = hold.expires_at_ms if hold.status is HoldStatus.ACTIVE else hold.ended_at_ms
    return max(memo.due_ms, end_ms + HOLD_KEY_KEPT_MS)

"""Snapshots: what `freeze` did not make, or is not what it made any more, is refused whole; reading goes in steps."""

from collections.abc import Callable
from hashlib import blake2b
from itertools import pairwise
from time import thread_time
from typing import Any

import msgspec
import pytest

from actors.core import snapshot
from actors.core.block import apply
from actors.core.entries import EventCreated, HoldPlaced, SaleOpened
from actors.core.layout import Area, Category, Layout
from actors.core.snapshot import SnapshotDamaged, bared, digest, freeze, restore, restoring
from actors.core.state import BlockState
from tests.core.scenario import run
from tests.core.scenario_tables import all_scenarios

_CHECKSUM_BYTES = 16
_LENGTH_BYTES = 4
HEAD, ORDERS, HOLDS, MEMOS, ENDED = 1, 2, 3, 4, 5  # what begins a chunk


def block_with_everything() -> BlockState:
    """A block with holds, orders, keys, and holds that have ended, two of each at least."""
    for scenario in all_scenarios():
        state = run(scenario)[0].live
        if min(len(state.holds), len(state.orders), len(state.memos), len(state.ended)) > 1:
            return state
    raise AssertionError("no scenario leaves all of it behind")


def frozen_block() -> bytes:
    """That block, in chunks of one value each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot, "_VALUES_PER_CHUNK", 1)
        return freeze(block_with_everything())


def sealed(body: bytes) -> bytes:
    """The body with the checksum that it should have: damage that was done before it was frozen."""
    return blake2b(body, digest_size=_CHECKSUM_BYTES, person=b"holdfast.state").digest() + body


def chunks_of(body: bytes) -> list[list[Any]]:
    """What the body says, chunk by chunk."""
    chunks = []
    while body:
        end = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES])
        chunks.append(msgspec.msgpack.decode(body[_LENGTH_BYTES:end]))
        body = body[end:]
    return chunks


def body_of(chunks: list[list[Any]]) -> bytes:
    """The inverse of `chunks_of`."""
    encoded = [msgspec.msgpack.encode(chunk) for chunk in chunks]
    return b"".join(len(chunk).to_bytes(_LENGTH_BYTES) + chunk for chunk in encoded)


FROZEN = frozen_block()
BODY = FROZEN[_CHECKSUM_BYTES:]


def flips_that_get_through() -> list[int]:
    """The places at which a flipped bit is not noticed by `restore`."""
    unnoticed = []
    for place in range(len(FROZEN)):
        damaged = bytearray(FROZEN)
        damaged[place] ^= 1 << place % 8
        try:
            restore(bytes(damaged))
        except SnapshotDamaged:
            continue
        unnoticed.append(place)
    return unnoticed


def test_what_was_frozen_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    state = block_with_everything()
    assert sealed(body_of(chunks_of(BODY))) == FROZEN
    assert {chunk[0] for chunk in chunks_of(BODY)} == {HEAD, ORDERS, HOLDS, MEMOS, ENDED}
    assert freeze(restore(FROZEN)) == freeze(state)
    assert digest(restore(FROZEN)) == digest(state)
    monkeypatch.setattr(snapshot, "_VALUES_PER_CHUNK", 1)
    assert freeze(restore(FROZEN)) == FROZEN


def test_no_flipped_bit_gets_through() -> None:
    assert flips_that_get_through() == []


def test_control_without_the_checksum_flipped_bits_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    class Believed:
        """What it hashes to is what stands there."""

        def update(self, _: bytes) -> None:
            pass

        def digest(self) -> bytes:
            return FROZEN[:_CHECKSUM_BYTES]

    monkeypatch.setattr(snapshot, "_hasher", Believed)
    assert len(flips_that_get_through()) > len(BODY) // 4


DAMAGED = [
    (b"", "nothing"),
    (FROZEN[:_CHECKSUM_BYTES], "a checksum alone"),
    (FROZEN[:-1], "a torn end"),
    (FROZEN + b"\x00", "something behind the end"),
    (BODY, "no checksum"),
    (sealed(b""), "nothing, sealed"),
    (sealed(BODY[:-1]), "a torn end, sealed"),
    (sealed(BODY + b"\x00"), "something behind the end, sealed"),
    (sealed(BODY + bytes(_LENGTH_BYTES)), "an empty chunk, sealed"),
    (sealed(body_of([["acme"]])), "another shape, sealed"),
    (sealed(body_of([[99, "of a later format"]])), "an unknown chunk, sealed"),
    (sealed(BODY.replace(b"acme", b"a\xffme", 1)), "text that is no UTF-8, sealed"),
]


@pytest.mark.parametrize(("frozen", "why"), DAMAGED, ids=lambda case: case if isinstance(case, str) else "")
def test_damage_is_one_typed_fault(frozen: bytes, why: str) -> None:
    with pytest.raises(SnapshotDamaged):
        restore(frozen)


def last_holds(chunks: list[list[Any]]) -> list[list[Any]]:
    """The holds in the last chunk that has any; they have their units."""
    holds: list[list[Any]] = [chunk for chunk in chunks if chunk[0] == HOLDS][-1][1]
    return holds


def no_orders(chunks: list[list[Any]]) -> list[list[Any]]:
    """Holds whose order is not there."""
    return [chunk for chunk in chunks if chunk[0] != ORDERS]


def held_twice(chunks: list[list[Any]]) -> list[list[Any]]:
    """A seat that two holds have."""
    holds = last_holds(chunks)
    holds.append([999, *holds[-1][1:]])
    return chunks


def unknown_seat(chunks: list[list[Any]]) -> list[list[Any]]:
    """A seat that the layout has not."""
    last_holds(chunks)[-1][2] = [1_000_000]
    return chunks


def two_heads(chunks: list[list[Any]]) -> list[list[Any]]:
    """Two events in one block."""
    return [chunks[0], *chunks]


def head_last(chunks: list[list[Any]]) -> list[list[Any]]:
    """Holds before there is a layout."""
    return [*chunks[1:], chunks[0]]


def one_less(kind: int) -> Callable[[list[list[Any]]], list[list[Any]]]:
    """A chunk is not there, and no other speaks of it."""

    def lose(chunks: list[list[Any]]) -> list[list[Any]]:
        lost = max(index for index, chunk in enumerate(chunks) if chunk[0] == kind)
        return chunks[:lost] + chunks[lost + 1 :]

    return lose


@pytest.mark.parametrize(
    "contradict", [no_orders, held_twice, unknown_seat, two_heads, head_last, one_less(MEMOS), one_less(ENDED)]
)
def test_contents_that_contradict_each_other_are_damage(
    contradict: Callable[[list[list[Any]]], list[list[Any]]],
) -> None:
    with pytest.raises(SnapshotDamaged):
        restore(sealed(body_of(contradict(chunks_of(BODY)))))


def crowded_block() -> BlockState:
    """20,000 holds of one place, each with its key."""
    state = BlockState()
    layout = Layout("EUR", (Category("standing", 1),), (), (Area("floor", 0, 20_000),))
    apply(state, EventCreated(1, "acme", "Night", layout, 60_000, b"created".ljust(16), bytes(16)))
    apply(state, SaleOpened(1, b"opened".ljust(16), bytes(16)))
    for number in range(1, 20_001):
        key = number.to_bytes(16)
        apply(state, HoldPlaced(1, number, "ana", (), ((0, 1),), ((0, 1, 1),), 60_000, 90_000, key, bytes(16)))
    return state


def check_steps() -> None:
    """The longest step is a small part of the whole; of the processor's time, so that a busy machine is no matter."""
    frozen = freeze(crowded_block())
    shares = []
    for _ in range(3):
        marks_s = [thread_time(), *(thread_time() for _ in restoring(frozen)), thread_time()]
        steps_s = [later - earlier for earlier, later in pairwise(marks_s)]
        shares.append(max(steps_s) / sum(steps_s))
    assert min(shares) < 0.4, shares


def test_no_step_of_restoring_is_a_large_part_of_it() -> None:
    check_steps()


def test_control_a_snapshot_in_one_chunk_is_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_VALUES_PER_CHUNK", 1_000_000)
    with pytest.raises(AssertionError):
        check_steps()


def test_a_bared_state_is_the_event_and_nobody_and_lives_as_any_other() -> None:
    """After every scenario, desks and parts of events too: it is what its own snapshot leads to."""
    for scenario in all_scenarios():
        state = run(scenario)[0].live
        before = digest(state)
        bare = bared(state)
        assert digest(state) == before, "the state stays as it is"
        assert digest(restore(freeze(bare))) == digest(bare)
        assert (bare.name, bare.status, bare.revision, bare.layout) == (
            state.name, state.status, state.revision, state.layout,
        )  # fmt: skip
        assert (bare.entries_applied, bare.last_at_ms) == (state.entries_applied, state.last_at_ms)
        assert snapshot.value_count(bare) == 0

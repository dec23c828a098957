"""Snapshots: what was not made by `freeze`, or is not what it made any more, is refused whole."""

from hashlib import blake2b

import msgspec
import pytest

from actors.core import snapshot
from actors.core.snapshot import SnapshotDamaged, digest, freeze, restore
from tests.core.scenario import all_scenarios, run

_CHECKSUM_BYTES = 16


def frozen_block() -> bytes:
    """A block with a hold, a paid order, an area, keys, and something that has ended."""
    title = "an order that was not paid for good is forgotten with its hold, a day after its end"
    return freeze(run(next(scenario for scenario in all_scenarios() if scenario.title == title))[0].live)


FROZEN = frozen_block()
BODY = FROZEN[_CHECKSUM_BYTES:]


def sealed(body: bytes) -> bytes:
    """The body with the checksum that it should have: damage that was done before it was frozen."""
    return blake2b(body, digest_size=_CHECKSUM_BYTES, person=b"holdfast.state").digest() + body


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


def test_what_was_frozen_is_restored() -> None:
    assert sealed(BODY) == FROZEN
    assert freeze(restore(FROZEN)) == FROZEN
    assert len(digest(restore(FROZEN))) == 32


def test_no_flipped_bit_gets_through() -> None:
    assert flips_that_get_through() == []


def test_control_without_the_checksum_flipped_bits_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_checksum", lambda body: FROZEN[:_CHECKSUM_BYTES])
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
    (sealed(msgspec.msgpack.encode({"tenant": "acme"})), "another shape, sealed"),
    (sealed(BODY.replace(b"acme", b"a\xffme", 1)), "text that is no UTF-8, sealed"),
]


@pytest.mark.parametrize(("frozen", "why"), DAMAGED, ids=lambda case: case if isinstance(case, str) else "")
def test_damage_is_one_typed_fault(frozen: bytes, why: str) -> None:
    with pytest.raises(SnapshotDamaged):
        restore(frozen)


@pytest.mark.parametrize(
    "contradiction",
    [
        "a hold of an order that is not there",
        "a seat that is held twice",
        "a seat that the layout has not",
    ],
)
def test_contents_that_contradict_each_other_are_damage(contradiction: str) -> None:
    body = msgspec.msgpack.decode(BODY)
    holds, orders = body[8], body[9]
    match contradiction:
        case "a hold of an order that is not there":
            orders.clear()
        case "a seat that is held twice":
            holds.append([999, *holds[-1][1:]])
        case _:
            holds[-1][2] = [1_000_000]
    with pytest.raises(SnapshotDamaged):
        restore(sealed(msgspec.msgpack.encode(body)))

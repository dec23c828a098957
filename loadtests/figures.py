"""What a run adds up to: answers by kind, how long buyers waited, and when nobody got a yes."""

import math
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from actors.audit.replies import Told

K = TypeVar("K")

_STEP = math.log(1.02)  # waits are kept to 2 per cent


class Figures(msgspec.Struct):
    """The figures of one process, or of all together.

    `held_by`, `refused_by`: holds that were accepted and refused, by how units were asked for. `found_again`: those of
    them that an earlier call under the same key had made, so that the answer was a replay.
    `seen`: reads that were answered, by the status that they told.
    `errors`: answers that nothing explains. `asked_again`: passing faults after which the same key was sent again.
    `waits`: by protocol, how many calls took exp(bucket x step) µs, from the first try to the answer.
    `accepted_at`: a byte per millisecond of the run, 1 where a write was accepted; `accepted_over`: the same by
    protocol, for each over which there are buyers.
    """

    accepted: dict[str, int] = {}
    refused: dict[str, int] = {}
    held_by: dict[str, int] = {}
    refused_by: dict[str, int] = {}
    found_again: dict[str, int] = {}
    seen: dict[str, int] = {}
    asked_again: dict[str, int] = {}
    errors: dict[str, int] = {}
    waits: dict[str, dict[int, int]] = {}
    replayed: int = 0
    vanished: int = 0
    longest_wait_us: int = 0
    cpu_s: float = 0.0
    accepted_at: bytearray = msgspec.field(default_factory=bytearray)
    accepted_over: dict[str, bytearray] = {}

    def accept(self, told: Told, at_ms: int, protocol: str = "") -> None:
        """A write was accepted, `at_ms` after the start."""
        count(self.accepted, told)
        if 0 <= at_ms < len(self.accepted_at):
            self.accepted_at[at_ms] = 1
            if protocol in self.accepted_over:
                self.accepted_over[protocol][at_ms] = 1

    def wait(self, protocol: str, wait_us: int) -> None:
        """A call was answered after so long."""
        buckets = self.waits.setdefault(protocol, {})
        bucket = int(math.log(max(wait_us, 1)) / _STEP)
        buckets[bucket] = buckets.get(bucket, 0) + 1
        self.longest_wait_us = max(self.longest_wait_us, wait_us)

    def wait_ms(self, share: float, protocol: str | None = None) -> float:
        """What this share of the calls did not exceed, in ms; over one protocol or all."""
        buckets: dict[int, int] = {}
        for name, found in self.waits.items():
            if protocol in (None, name):
                _add(buckets, found)
        left = share * sum(buckets.values())
        for bucket, number in sorted(buckets.items()):
            left -= number
            if left <= 0:
                return math.exp((bucket + 1) * _STEP) / 1000
        return 0.0

    @property
    def new_count(self) -> int:
        """New holds and orders: what a run is measured by."""
        return self.accepted.get(Told.HELD, 0) + self.accepted.get(Told.ORDERED, 0)

    @property
    def write_count(self) -> int:
        """All accepted writes; replays are none."""
        return sum(self.accepted.values())

    def longest_gap_ms(self, first_ms: int = 0, end_ms: int | None = None) -> int:
        """The longest time, between these two, in which no buyer anywhere had a write accepted."""
        return max(map(len, bytes(self.accepted_at[first_ms:end_ms]).split(b"\1")))


def count(counts: dict[str, int], name: str) -> None:
    """One more of that name."""
    counts[name] = counts.get(name, 0) + 1


def together(parts: Iterable[Figures]) -> Figures:
    """The figures of several processes as one."""
    total = Figures()
    for part in parts:
        for name in ("accepted", "refused", "held_by", "refused_by", "found_again", "seen", "asked_again", "errors"):
            _add(getattr(total, name), getattr(part, name))
        for protocol, buckets in part.waits.items():
            _add(total.waits.setdefault(protocol, {}), buckets)
        total.replayed += part.replayed
        total.vanished += part.vanished
        total.cpu_s += part.cpu_s
        total.longest_wait_us = max(total.longest_wait_us, part.longest_wait_us)
        total.accepted_at = _either(total.accepted_at, part.accepted_at)
        for protocol, accepted_at in part.accepted_over.items():
            total.accepted_over[protocol] = _either(total.accepted_over.get(protocol, bytearray()), accepted_at)
    return total


def _either(one: bytearray, other: bytearray) -> bytearray:
    either = int.from_bytes(one, "little") | int.from_bytes(other, "little")
    return bytearray(either.to_bytes(max(len(one), len(other)), "little"))


def _add(total: dict[K, int], part: dict[K, int]) -> None:
    for name, number in part.items():
        total[name] = total.get(name, 0) + number

"""Whose turn it is to be read, and whose audit is let go for it, so that every block gets its turn whatever sells.

An audit that is kept goes on as its block moves. One that was let go begins at the first row when the block moves
again, and has its turn in the order in which blocks began to wait:
- A turn lasts until the block is read to where its journal ended when the turn began, and is never cut short. So it is
  over after so many rows however fast the block sells, and of two that do not fit beside each other both are read.
- Fifty have their turns at once, if all but the largest of them are to come to no more than a quarter of the bound: a
  large one keeps no small one waiting, and goes in when it waits longest and no other large one has its turn.
- What is kept comes to no more than the bound and the largest audit of all, beside what a page of rows adds. For that
  audits are let go whose turn is over: first those of blocks that have not moved lately, by when they were used; then
  of those that sell, the largest first, so that few have to wait.
- If those that have their turns come to more by themselves, the largest is read on alone, and the others rest.
"""

from collections.abc import Container, Iterable, Sequence

from actors.auditor.alarms import NOT_READ_ON, Alarm
from actors.auditor.follower import Follower

TURNS_AT_ONCE = 50
BESIDE_LARGEST_SHARE = 4  # so many times what is read beside the largest goes into the bound
OVERDUE_S = 300.0  # so long a block that is behind is not read on, and it is an alarm
OVERDUE_TOLD_EVERY_S = 60.0


class Turns:
    """The audits that are `kept`, and who waits for its turn."""

    def __init__(self, max_kept_bytes: int) -> None:
        self.kept: dict[str, Follower] = {}  # those last read, last
        self.max_kept_bytes = max_kept_bytes
        self.again_count = 0  # blocks that are read again, or wait for that, as their audits were let go
        self._waits_since_s: dict[str, float] = {}  # of those that are behind and are not read on, the longest first
        self._overdue_told_at_s: float | None = None  # since when there was an alarm, while it lasts

    @property
    def kept_bytes(self) -> int:
        """About what the audits take that are kept."""
        return sum(one.size_bytes for one in self.kept.values())

    def forget(self, block: str) -> None:
        """It is not followed any more."""
        self.kept.pop(block, None)
        self._waits_since_s.pop(block, None)

    def was_read(self, follower: Follower) -> None:
        """It is the one that was used last."""
        self._waits_since_s.pop(follower.block, None)
        self.kept.pop(follower.block, None)
        self.kept[follower.block] = follower

    def due(self, behind: Sequence[Follower], now_s: float) -> list[Follower]:
        """Which of these are to be read on. `behind`: all that are not audited as far as they are to be."""
        by_block = {one.block: one for one in behind}
        in_line = [by_block[block] for block in self._waits_since_s if block in by_block]
        in_line += [one for one in behind if one.block not in self._waits_since_s]
        reading = [one for one in behind if one.is_kept and not one.is_through]
        begun = self._next([one for one in in_line if not one.is_kept], reading)
        due = [one for one in behind if one.is_through]
        if reading and _beside_largest(one.size_bytes for one in self.kept.values()) > self.max_kept_bytes:
            due.append(max(reading, key=lambda one: one.size_bytes))
        else:
            due += [*reading, *begun]
        self._waits_since_s = {one.block: self._waits_since_s.get(one.block, now_s) for one in in_line}
        self.again_count = sum(one.is_again for one in behind)
        return due

    def to_let_go(self, selling: Container[str]) -> list[Follower]:
        """Whose audits are not kept any more. `selling`: blocks that have moved lately."""
        sizes = {block: one.size_bytes for block, one in self.kept.items()}
        total, largest = sum(sizes.values()), max(sizes.values(), default=0)
        over = [one for one in self.kept.values() if one.is_through and not one.findings]
        quiet = [one for one in over if one.block not in selling]
        others = sorted((one for one in over if one.block in selling), key=lambda one: -sizes[one.block])
        gone = []
        for one in (*quiet, *others):
            if total - largest <= self.max_kept_bytes:
                break
            size = sizes.pop(one.block)
            total -= size
            largest = largest if size < largest else max(sizes.values(), default=0)
            del self.kept[one.block]
            gone.append(one)
        return gone

    def waiting_s(self, now_s: float) -> float:
        """For how long the one that waits longest has not been read on."""
        return now_s - min(self._waits_since_s.values(), default=now_s)

    def overdue_alarm(self, now_s: float) -> Alarm | None:
        """While a block waits for minutes, once a minute, of the one that waits longest."""
        if self.waiting_s(now_s) <= OVERDUE_S:
            self._overdue_told_at_s = None
            return None
        told_at_s = self._overdue_told_at_s
        if told_at_s is not None and now_s - told_at_s < OVERDUE_TOLD_EVERY_S:
            return None
        self._overdue_told_at_s = now_s
        block = min(self._waits_since_s, key=self._waits_since_s.__getitem__)
        sentence = f"it is behind and was not read on for {OVERDUE_S / 60:.0f} min: "
        if self.again_count:
            sentence += f"audits of blocks that sell take more than {self.max_kept_bytes >> 20} MiB and have turns"
        else:
            sentence += "others are read before it"
        return Alarm(block, 0, NOT_READ_ON, sentence, recurs=told_at_s is None)

    def _next(self, in_line: Iterable[Follower], reading: Sequence[Follower]) -> list[Follower]:
        """Those whose turn begins, beside those that have theirs."""
        sizes = [one.expected_bytes for one in reading]
        total, largest = sum(sizes), max(sizes, default=0)
        begun: list[Follower] = []
        for one in in_line:
            if len(reading) + len(begun) >= TURNS_AT_ONCE:
                break
            size = one.expected_bytes
            if total + size - max(largest, size) <= self.max_kept_bytes // BESIDE_LARGEST_SHARE:
                total, largest = total + size, max(largest, size)
                begun.append(one)
        return begun


def _beside_largest(sizes: Iterable[int]) -> int:
    of_each = list(sizes)
    return sum(of_each) - max(of_each, default=0)

"""What was told of a block, so that it is told once, in so much memory and no more.

A block that is audited again, or held against others again, shows the same again. Each of the first 1,000 findings is
known by a digest. Beyond them:
- Of its own rows, of each fault those are known that show up to the last row of which one was told: the same rows show
  the same. Where other rows stand in their place, these are told again.
- Of what is between it and others, of each fault it is known what all of them come to. If that is not what it was, the
  first and the last of them are told, be it that only some of them are new: so nothing new stays untold, as a
  quarantine reaches to the last, and of alarms no more are kept of a kind in a block in any case.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b

from actors.audit.findings import Fault, Finding

MAX_TOLD = 1_000
_MARK_BYTES = 16


class Told:
    """The findings of one block that were told. Each is, when the next one is asked for."""

    def __init__(self) -> None:
        self._marks: set[bytes] = set()
        self._last_rows: dict[Fault, int] = {}
        self._sums: dict[Fault, int] = {}

    def news(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Those of its own rows that were not told."""
        last_rows = dict(self._last_rows)
        for finding in dict.fromkeys(findings):
            mark, fault = _mark(finding), finding.fault
            if mark in self._marks:
                continue
            if len(self._marks) < MAX_TOLD:
                yield finding
                self._marks.add(mark)
            elif finding.position > self._last_rows.get(fault, -1):
                yield finding
                last_rows[fault] = max(finding.position, last_rows.get(fault, -1))
        self._last_rows = last_rows

    def news_between(self, findings: Iterable[Finding], is_settled: Callable[[Finding], bool]) -> Iterator[Finding]:
        """Likewise of it and others, all that there are as of one moment. What is settled is never told."""
        beyond: dict[Fault, list[Finding]] = {}
        for finding in dict.fromkeys(findings):
            mark = _mark(finding)
            if mark in self._marks:
                continue
            if len(self._marks) < MAX_TOLD:
                if not is_settled(finding):
                    yield finding
                self._marks.add(mark)
            else:
                beyond.setdefault(finding.fault, []).append(finding)
        for fault, more in beyond.items():
            total = sum(int.from_bytes(_mark(finding)) for finding in more)
            if total != self._sums.get(fault):
                unsettled = sorted((one for one in more if not is_settled(one)), key=lambda one: one.position)
                yield from unsettled[:1]
                yield from unsettled[1:][-1:]
                self._sums[fault] = total

    def rows_are_others(self) -> None:
        """Its journal has gone back: what its rows show is not what they showed."""
        self._last_rows.clear()


def _mark(finding: Finding) -> bytes:
    told = f"{finding.position}|{finding.fault.name}|{finding.sentence}"
    return blake2b(told.encode(errors="backslashreplace"), digest_size=_MARK_BYTES).digest()

"""What was found in a block's own rows and is to be judged, in so much memory and no more.

The first 1,000 are kept, and of those behind them the first and the last of each fault. No more is asked of them: a
quarantine reaches from the first to the last, corrections settle what shows up to a row, and of alarms no more are kept
of a kind in a block in any case.
"""

from collections.abc import Iterator

from actors.audit.findings import Fault, Finding

MAX_KEPT = 1_000


class Found:
    """Findings, each once, in the order in which they were found; of those behind the first 1,000, by their faults."""

    def __init__(self) -> None:
        self._kept: dict[Finding, None] = {}
        self._beyond: dict[Fault, tuple[Finding, Finding]] = {}
        self._weighed = frozenset[Finding]()

    def __iter__(self) -> Iterator[Finding]:
        yield from self._kept
        for first, last in self._beyond.values():
            yield first
            if last != first:
                yield last

    def __bool__(self) -> bool:
        return bool(self._kept)

    def add(self, finding: Finding) -> None:
        """One that may have been found before."""
        if finding in self._kept:
            return
        if len(self._kept) < MAX_KEPT:
            self._kept[finding] = None
            return
        first, last = self._beyond.get(finding.fault, (finding, finding))
        if finding.position < first.position:
            first = finding
        if finding.position > last.position:
            last = finding
        self._beyond[finding.fault] = first, last

    def unweighed(self) -> list[Finding]:
        """What was found since its dangers were last judged."""
        return [finding for finding in self if finding not in self._weighed]

    def were_weighed(self) -> None:
        """The dangers among all of it were judged."""
        self._weighed = frozenset(self)

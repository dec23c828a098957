"""Blocks held against each other as of one moment: when that is due, and up to where each block is to be audited first.

One statement tells where all journals end. Every block is then audited up to there and no further, which takes as long
as a round or two, and what they show each other is compared. Blocks that have moved on since wait that long.
A block that cannot tell what it shows is left out, and what of a block cannot be compared is; the rest is compared.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from actors.audit.baskets import BasketCheck
from actors.audit.findings import Finding
from actors.auditor.alarms import NOT_AUDITED, NOT_CROSSED, Alarm
from actors.auditor.failures import COMPARING, SHOWING, Failures
from actors.auditor.follower import Follower

CROSS_EVERY_S = 10.0
COST_SHARE = 0.01  # of the time, at most, goes into comparing
OVERDUE_S = 300.0  # so long blocks are not held against each other, and it is an alarm
OVERDUE_TOLD_EVERY_S = 60.0
PATIENCE_S = 30.0  # so long blocks wait at the moment's rows, and no longer


class Crossing:
    """When blocks are held against each other; `moment`: up to where each is to be audited for it, while it is due."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.moment: dict[str, int] | None = None
        self.done_at_s: float | None = None
        self.done_count = 0
        self._monotonic = monotonic
        self._due_at_s = 0.0
        self._given_up_at_s = 0.0
        self._put_away: Collection[str] = ()
        self._wanted_since_s: float | None = None  # or from when on, after it was done
        self._overdue_told_at_s: float | None = None  # since when there was an alarm, while it lasts

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to be held against anything."""
        return self._wanted_since_s is not None

    @property
    def overdue_s(self) -> float:
        """For how long it has been due, and not been done."""
        return 0.0 if self._wanted_since_s is None else max(0.0, self._monotonic() - self._wanted_since_s)

    def wish(self, *, is_wanted: bool) -> None:
        """Say whether there is anything to be held against anything."""
        if not is_wanted:
            self._wanted_since_s = None
        elif self._wanted_since_s is None:
            self._wanted_since_s = max(self._monotonic(), self._due_at_s)

    @property
    def is_due(self) -> bool:
        """Whether a moment is to be chosen."""
        return self.moment is None and self._monotonic() >= self._due_at_s

    def begin(self, moment: Mapping[str, int], put_away: Collection[str]) -> None:
        """Audit every block up to these rows. `put_away`: whose rows are in archives; there are no others."""
        self.moment = dict(moment)
        self._put_away = put_away
        self._given_up_at_s = self._monotonic() + PATIENCE_S

    def give_up_late(self) -> None:
        """If some block does not get there, another moment will do."""
        if self.moment is not None and self._monotonic() >= self._given_up_at_s:
            self._over(CROSS_EVERY_S)

    def give_up(self) -> None:
        """The journal went back."""
        if self.moment is not None:
            self._over(CROSS_EVERY_S)

    async def compare(
        self, followers: Sequence[Follower], failures: Failures
    ) -> Sequence[tuple[Follower, list[Finding]]]:
        """What does not go together, of blocks that are all audited up to the moment, which is due; of each its own."""
        assert self.moment is not None, "a moment was chosen"
        begun_s = self._monotonic()
        findings: dict[str, list[Finding]] = {}
        is_done = False
        with failures.kept("", NOT_CROSSED, COMPARING):
            check = BasketCheck()
            for follower in followers:
                if follower.is_hidden:
                    continue
                with failures.kept(follower.block, NOT_AUDITED, SHOWING):
                    sides = follower.note_sides()
                    if not sides.is_alone:
                        check.take(sides)
                    findings[follower.block] = []
            whole = len(findings) == len(self.moment)
            for block, what, found in check.parts(whole=whole, put_away=self._put_away):
                with failures.kept(block, NOT_CROSSED, f"to hold {what} against other blocks"):
                    for finding in found:
                        findings[finding.block].append(finding)
                await asyncio.sleep(0)  # there may be much of it: figures and hints come in between
            is_done = True
        now = self._monotonic()
        self._over(max(CROSS_EVERY_S, (now - begun_s) / COST_SHARE))
        if not is_done:
            return ()
        self.done_at_s = now
        self.done_count += 1
        self._wanted_since_s = self._due_at_s
        return [(one, findings[one.block]) for one in followers if one.block in findings]

    def overdue_alarm(self, behind: Iterable[Follower]) -> Alarm | None:
        """While blocks are not held against each other for minutes, once a minute. `behind`: those it may be waiting
        for.
        """
        if self.overdue_s <= OVERDUE_S:
            self._overdue_told_at_s = None
            return None
        now, told_at_s = self._monotonic(), self._overdue_told_at_s
        if told_at_s is not None and now - told_at_s < OVERDUE_TOLD_EVERY_S:
            return None
        self._overdue_told_at_s = now
        worst = min(behind, key=lambda one: one.behind_since_s or 0.0, default=None)
        sentence = f"desks and legs were not held against each other for {OVERDUE_S / 60:.0f} min"
        if worst is not None:
            sentence += ": this block is furthest behind"
        return Alarm("" if worst is None else worst.block, 0, NOT_CROSSED, sentence, recurs=told_at_s is None)

    def _over(self, pause_s: float) -> None:
        self.moment = None
        self._due_at_s = self._monotonic() + pause_s

"""Blocks held against each other as of one moment: when that is due, and up to where each block is to be audited first.

One statement tells where all journals end. Every block is then audited up to there and no further, which takes as long
as a round or two, and what they show each other is compared. Blocks that have moved on since wait that long.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from actors.audit.baskets import BasketCheck
from actors.audit.findings import Finding
from actors.audit.sides import Sides

CROSS_EVERY_S = 10.0
COST_SHARE = 0.01  # of the time, at most, goes into comparing
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

    def compare(self, sides: Sequence[Sides]) -> list[Finding]:
        """What does not go together, of blocks that are all audited up to the moment, which is due."""
        assert self.moment is not None, "a moment was chosen"
        begun_s = self._monotonic()
        check = BasketCheck()
        for side in sides:
            if not side.is_alone:
                check.take(side)
        findings = list(check.finish(whole=len(sides) == len(self.moment), put_away=self._put_away))
        self.done_at_s = self._monotonic()
        self.done_count += 1
        self._over(max(CROSS_EVERY_S, (self.done_at_s - begun_s) / COST_SHARE))
        self._wanted_since_s = self._due_at_s
        return findings

    def _over(self, pause_s: float) -> None:
        self.moment = None
        self._due_at_s = self._monotonic() + pause_s

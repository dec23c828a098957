"""One block as the auditor follows it: its audit while that is kept, and what is known of it when it is let go."""

from collections.abc import Iterable, Iterator, Sequence

from actors.audit.audit import BlockAudit, Struck
from actors.audit.findings import Fault, Finding, is_settled
from actors.audit.rows import CHAIN_BEFORE_FIRST_ROW, Row
from actors.audit.sides import Sides, sides_of
from actors.auditor.figures import BlockLag
from actors.auditor.found import Found
from actors.auditor.told import Told

TROUBLED_RETRY_S = 10.0  # doubled each time
TROUBLED_RETRY_AT_MOST_S = 640.0

_BLOCK_BYTES, _UNIT_BYTES, _CLAIM_BYTES, _ENDED_BYTES = 20_000, 60, 2_000, 160
"""Measured, a claim with the keys of its order, which live for a day, or with its leg, which does not rest yet."""
_ROW_BYTES = 2_000
"""What an audit that was never let go is expected to come to by each row."""
_BASKET_MORE_BYTES = 3_500
"""Measured as well: what a basket takes more than at rest, while something is under way."""
LEG_BYTES = 330
"""What is kept of a leg for other blocks, at its desk as at the block that has it, at rest; measured."""


class RowNotKnown(Exception):
    """The row is sound, and says what this release does not know: nothing behind it can be judged."""


class Follower:
    """A block, audited up to `position`. Once let go it begins at the first row when the block moves again."""

    def __init__(self, block: str) -> None:
        self.block = block
        self.position = 0  # of the last row that was audited
        self.target = 0  # where the journal was last seen to end
        self.goal = 0  # where it ended when it began; 0 once it was audited as far as it was to be
        self.behind_since_s: float | None = None
        self.entry_count = 0
        self.findings = Found()  # that have not been judged
        self.cut_short = Found()  # likewise, when it could not be audited on
        self.last_ended = 0  # the number of the last quarantine of it that is known to have ended
        self.trouble = ""  # why it cannot be audited
        self.is_stuck = False  # it could not when that was tried again either
        self._trouble_count = 0  # since it last could
        self._troubled_since_s = 0.0
        self._try_again_at_s = 0.0
        self._told = Told()
        self._struck: Struck = frozenset()  # what corrections say does not count, as far as was read
        self.settled_position = 0  # what was found up to this row has been looked at
        self._chain = CHAIN_BEFORE_FIRST_ROW
        self.is_doubted = False  # another row seems to be where the last one was
        self._before = (0, CHAIN_BEFORE_FIRST_ROW)  # the last row that was audited before it began again
        self._audit: BlockAudit | None = None
        self._sides: Sides | None = None
        self._was_crossed = False
        self._let_go_bytes = 0  # what letting it go gave back the last time

    @property
    def is_kept(self) -> bool:
        """Whether it can go on from where it is."""
        return self._audit is not None

    @property
    def is_through(self) -> bool:
        """Whether it is kept, and was read to where its journal ended when it began, or has nothing yet to lose."""
        return self._audit is not None and (self.position >= self.goal or (bool(self.trouble) and not self.position))

    @property
    def is_again(self) -> bool:
        """Whether it is to be read again, as its audit was let go."""
        return bool(self._let_go_bytes) and not self.is_through and not self.trouble

    @property
    def is_behind(self) -> bool:
        """Whether the journal ends elsewhere than what was audited."""
        return self.position != self.target

    @property
    def reached(self) -> int:
        """The last row that was ever audited, and is to be there."""
        return max(self.position, self._before[0])

    @property
    def reached_chain(self) -> bytes:
        """The chain of that row."""
        return self._chain if self.position >= self._before[0] else self._before[1]

    @property
    def shows_something(self) -> bool:
        """Whether it has to do with other blocks, as far as is known."""
        if self._audit is None:
            return self._sides is not None and not self._sides.is_alone
        books = self._audit.books
        return bool(books.desk.baskets or books.legs or books.split.is_divided)

    @property
    def is_hidden(self) -> bool:
        """Whether it was let go although what it shows could not be told: until it moves, nobody knows."""
        return self._audit is None and self._sides is None

    @property
    def shown_leg_count(self) -> int:
        """How many legs it keeps for other blocks, whether or not it is let go."""
        of = self._sides if self._audit is None else self._audit.books
        return 0 if of is None else len(of.legs) + len(of.desk.basket_of_leg)

    @property
    def is_before_correction(self) -> bool:
        """Whether a correction is known to stand further on, which may settle or strike what was found."""
        return self._audit is not None and self._audit.quarantines_ended < self.last_ended

    @property
    def lag_rows(self) -> int:
        """How many rows are to be audited."""
        return self.target - self.position if self.target >= self.position else self.target

    @property
    def size_bytes(self) -> int:
        """About how much memory letting it go gives back: nothing of what it shows others, which stays."""
        if self._audit is None:
            return 0
        books = self._audit.books
        return (
            _BLOCK_BYTES
            + _UNIT_BYTES * books.plan.unit_count
            + _CLAIM_BYTES * (len(books.claims) + len(books.line))
            + _ENDED_BYTES * (len(books.ended_at_ms) + len(books.ended_orders) + len(books.gone_waiters))
            + _BASKET_MORE_BYTES * books.desk.baskets.awake_count
        )

    @property
    def expected_bytes(self) -> int:
        """About what its audit will come to."""
        return max(self.size_bytes, self._let_go_bytes or _BLOCK_BYTES + _ROW_BYTES * self.target)

    def lag(self, now_s: float, failing: str = "") -> BlockLag:
        """How far it is behind. `failing`: what else is wrong with its audit."""
        seconds = 0.0 if self.behind_since_s is None else round(now_s - self.behind_since_s, 3)
        return BlockLag(self.block, self.lag_rows, seconds, self.trouble or failing)

    def stop(self, because: str, now_s: float) -> None:
        """It cannot be audited on, and begins again after a pause. What was found is to be judged as it is."""
        if not self._trouble_count:
            self._troubled_since_s = now_s
        self.trouble = because
        self._try_again_at_s = now_s + min(TROUBLED_RETRY_S * 2**self._trouble_count, TROUBLED_RETRY_AT_MOST_S)
        self._trouble_count += 1
        self.is_stuck = self._trouble_count > 1 and now_s - self._troubled_since_s >= TROUBLED_RETRY_S
        for finding in self.findings:
            self.cut_short.add(finding)
        self.begin()

    def go_on(self) -> None:
        """It is audited as far as it is to be."""
        self.trouble, self._trouble_count, self.is_stuck = "", 0, False
        self.goal = 0

    def waits(self, now_s: float) -> bool:
        """Whether it could not be audited on a while ago."""
        return bool(self.trouble) and self._try_again_at_s > now_s

    def begin(self) -> None:
        """Audit it from its first row on. What was found is not told again, and the last row is still to be there."""
        self._before = (self.reached, self.reached_chain)
        self.position, self.entry_count, self.goal = 0, 0, self.target
        self.forget_findings()
        self._chain = CHAIN_BEFORE_FIRST_ROW
        self._audit = BlockAudit(self.block, struck=self._struck)

    def begin_anew(self) -> None:
        """Likewise, where the last row is gone, and was told of."""
        self.position, self.last_ended, self._struck = 0, 0, frozenset()
        self.forget_before()
        self.begin()

    def forget_before(self) -> None:
        """What was the last row before it began again is gone, and was told of."""
        self._before = (0, CHAIN_BEFORE_FIRST_ROW)
        self._told.rows_are_others()

    def forget_findings(self) -> None:
        """All that was found was judged, or will be found again."""
        self.findings = Found()

    def is_where(self, known: Row | None) -> bool:
        """Whether this row of the journal is the one that was audited last."""
        return not self.position or (known is not None and known.chain == self._chain)

    def take(self, row: Row) -> None:
        """Audit the next row. Raises RowNotKnown, and whatever the audit does: then it can no longer be followed.

        Where a correction in it strikes entries, it begins again without those, once that row was reached.
        """
        assert self._audit is not None, "it has begun"
        found = list(self._audit.take(row))
        unknown = [finding for finding in found if finding.fault is Fault.ENTRIES_UNKNOWN]
        for finding in found:
            if finding.fault is not Fault.ENTRIES_UNKNOWN:
                self.findings.add(finding)
        if unknown:
            raise RowNotKnown(f"row {row.position} is of a newer release: {unknown[0].sentence}")
        self.position, self._chain = row.position, row.chain
        if not self._audit.is_sound:
            self._struck = self._audit.struck
            self.begin()
            return
        self.entry_count = self._audit.entry_count
        self.settled_position = self._audit.settled_position

    def note_sides(self) -> Sides:
        """What it shows other blocks, as of the row that was audited last."""
        if self._audit is not None:
            self._sides = sides_of(self._audit.books)
        assert self._sides is not None, "it was audited before it was let go"
        return self._sides

    def let_go(self) -> None:
        """Keep only what it shows other blocks; nothing if that cannot be told, which is raised."""
        assert self._audit is not None, "it is kept"
        self._let_go_bytes = self.size_bytes
        audit, self._audit, self._sides = self._audit, None, None
        self._sides = sides_of(audit.books)
        self._sides.let_go()

    def news(self, findings: Iterable[Finding], settled: int = 0) -> Iterator[Finding]:
        """Those of its own rows that are not settled, and have not been told; each is, when the next one is asked for.

        `settled`: up to which row others know that corrections have settled them.
        """
        return self._news(findings, max(settled, self.settled_position))

    def news_between(self, findings: Sequence[Finding]) -> Iterator[Finding]:
        """Likewise of it and other blocks, all that there are as of one moment.

        Only the first time a correction settles what an old row shows, and for good: what was not so at one moment and
        is at the next has come since, whatever row it is about.
        """
        settled = 0 if self._was_crossed else self.settled_position
        yield from self._told.news_between(findings, lambda one: is_settled(one, settled))
        self._was_crossed = True

    def _news(self, findings: Iterable[Finding], settled: int) -> Iterator[Finding]:
        yield from self._told.news(one for one in findings if not is_settled(one, settled))

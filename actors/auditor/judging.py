"""When what was found in a block's own rows is judged: all of it where the audit has come to an end, a danger at once.

A block that is read from its first row may be behind for minutes, and would sell on meanwhile. So what stops it does so
in the round in which it is found, unless it is, or may be, over:
- A correction that is known to stand further on may settle or strike it. The catalogue knows which quarantines have
  ended, each by a correction of that number: until that is read, nothing is judged before the end.
- A quarantine that is about to end stands until its correction does, and then the same holds.
The catalogue is asked when a danger was found that was not judged, and not again while a correction is to be read.
"""

from actors.auditor.alarms import NOT_AUDITED
from actors.auditor.consequences import Consequences
from actors.auditor.dangers import DANGERS
from actors.auditor.failures import JUDGING, Failures
from actors.auditor.follower import Follower
from actors.auditor.found import Found


class Judging:
    """Tells what was found in blocks, each finding once."""

    def __init__(self, consequences: Consequences, failures: Failures) -> None:
        self._consequences = consequences
        self._failures = failures

    async def judge(self, follower: Follower, *, is_at_end: bool) -> None:
        """Tell what can be judged by now. `is_at_end`: it is audited as far as it is to be."""
        if follower.cut_short:
            await self._judge_cut_short(follower)
        if follower.findings and is_at_end:
            with self._failures.kept(follower.block, NOT_AUDITED, JUDGING):
                self._consequences.tell(follower.news(follower.findings))
                follower.forget_findings()
        elif not is_at_end and not follower.is_before_correction:
            await self._judge_dangers(follower)

    async def _judge_cut_short(self, follower: Follower) -> None:
        """It could not be audited on, so a correction further on cannot be read."""
        ends = await self._consequences.ends_of(follower.block)
        if ends is not None:
            with self._failures.kept(follower.block, NOT_AUDITED, JUDGING):
                self._consequences.tell(follower.news(follower.cut_short, ends.up_to))
                follower.cut_short = Found()

    async def _judge_dangers(self, follower: Follower) -> None:
        dangers = [one for one in follower.findings.unweighed() if DANGERS[one.fault].stops]
        if not dangers:
            return
        ends = await self._consequences.ends_of(follower.block)
        if ends is None or ends.is_ending:
            return
        follower.last_ended = ends.number
        if not follower.is_before_correction:
            with self._failures.kept(follower.block, NOT_AUDITED, JUDGING):
                self._consequences.tell(follower.news(dangers, ends.up_to))
                follower.findings.were_weighed()

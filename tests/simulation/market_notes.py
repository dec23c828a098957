"""What a market's clients asked and what they were told of it, and that the journals agree.

A key whose calls were all refused has no effect, ever. A call whose outcome stayed open may have one until its
deadline.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from actors.audit.denials import Denied
from actors.audit.findings import Finding
from actors.audit.replies import Acknowledged, Told
from actors.core.ids import BlockId
from actors.core.keys import key_hash
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply, OrderReply, OrderStatus, WaiterReply
from actors.journal.journal import JournalRow
from actors.reservations import Done
from loadtests.history.skews import FOR_EVER_MS, Skews
from tests.loadtests.journals import acknowledged
from tests.simulation.buyers import TENANT
from tests.simulation.causes import Cause
from tests.simulation.clocks import START_MS
from tests.simulation.grouping import GROUPED
from tests.simulation.journal_audit import Effect, audited, effects
from tests.simulation.market_facts import Facts, Seen
from tests.simulation.organized import OF_ORGANIZERS, Organized, not_as_told
from tests.simulation.overdue import BROUGHT_ABOUT
from tests.simulation.recording import History
from tests.simulation.repeats import NONE_REPEATED, Repeats
from tests.simulation.retold import RETOLD
from tests.simulation.short_lives import FORGOTTEN

OPEN_LONGER_MS = 2_000  # than until its deadline may a call be that has no answer
_BEFORE_KEYS = frozenset(reason for reason in Reason if reason < Reason.IDEMPOTENCY_KEY_REUSED)
"""What is told before it is looked what stands under the key."""
_CHANGES_LATER = (
    Told.CONFIRMED, Told.PARTLY_CANCELLED, Told.EXCHANGED, Told.REASSIGNED, Told.CANCELLED, Told.CLOSED
)  # fmt: skip
"""What a replay tells otherwise than the first answer did, when more has come of the order; it is held against the row
that it names (`retold`)."""
_AFTER = {
    Told.ORDERED: OrderStatus.PENDING,
    Told.CONFIRMED: OrderStatus.CONFIRMED,
    Told.PARTLY_CANCELLED: OrderStatus.PARTLY_CANCELLED,
}


RECORDED = "calls in histories"
UNKNOWN = "of which nobody ever knew what came"
ELSEWHERE = "refused by what is in other blocks"
BORNE_OUT = "of these, and of those for an event that is not there, borne out by a moment of one of those"
VAGUE = "refused for what nobody can judge, as far as is told of it"
UNTIMED = "refusals and reads held against the journal's times alone, as clocks had jumped"
ORDERED = "steps for which an order was found, tries under one key being one"
TIMELESS = "of these when clocks had jumped so far that of deadlines only what is seconds too early shows"
VAGUE_STEPS = "of these while it was not known who had something"
SOLD_ORDERED = "refusals as UNITS_SOLD among them"
HELD_ORDERED = "refusals as UNITS_HELD among them"
NOT_ENOUGH_ORDERED = "refusals as NOT_ENOUGH_AVAILABLE among them"
ORDERED_REFUSALS = {
    Reason.UNITS_SOLD: SOLD_ORDERED,
    Reason.UNITS_HELD: HELD_ORDERED,
    Reason.NOT_ENOUGH_AVAILABLE: NOT_ENOUGH_ORDERED,
}
DENIALS = "denials of what can be counted, held against the time"
UNTIMED_DENIALS = "denials that were not, as clocks had jumped"
LEFT_OUT = "in no such order, but held against the journal: "
"""Begins what is counted of those calls, by what they were told."""
EXCUSED = "excused: "
"""Begins what is counted of calls that are held against less, and of findings that are none, by why that is so."""
LEFT = "of these whose client left before he was answered"
ASKED_AGAIN = "keys refused, and asked under again, of which no effect is of before that"
NOT_THERE = "refusals of what is not there any more, held against when it ended"
READ = "reads in histories that were answered"
REFUSALS = "refusals in histories"
CALMED = "writes when faults had ended, as they had let too little be sold"
COMPARED = "blocks in memory, held against a replay"
RESTORED = "snapshots, held against a replay"
JUDGED = (
    RECORDED,
    LEFT,
    UNKNOWN,
    ELSEWHERE,
    BORNE_OUT,
    VAGUE,
    UNTIMED,
    ORDERED,
    TIMELESS,
    VAGUE_STEPS,
    *ORDERED_REFUSALS.values(),
    DENIALS,
    UNTIMED_DENIALS,
    READ,
    REFUSALS,
    CALMED,
    COMPARED,
    RESTORED,
    *BROUGHT_ABOUT,
    *GROUPED,
    NOT_THERE,
    ASKED_AGAIN,
    *OF_ORGANIZERS,
    *FORGOTTEN,
    *RETOLD,
)


class _Key(msgspec.Struct):
    """What is known of a key. `open_until_ms`: until when a call may yet come to something.

    `denied`: as what it was refused when no other call under it could come to anything. `again_ms`: when it was asked
    again then; 0: nobody did.
    """

    running: int = 0
    open_until_ms: int = 0
    done: bool = False
    denied: str = ""
    again_ms: int = 0


class Came(NamedTuple):
    """When it came, in seconds: each row, and the first to be sent of each try that makes something of its own."""

    written_s: Mapping[tuple[BlockId, int], float]
    sent_s: Mapping[Cause, float]


class Notes:
    """All of one run. `met`: how often what was asked came to what. `accepted` of all `writes`, tried again or not, but
    for what was only told again.

    `judged`: how much of the history the checks held against what; by them. `in_histories`: how many calls must be in
    histories, as they are about something.
    """

    def __init__(self, now_ms: Callable[[], int], loses: Callable[[str, int, int, Seen], bool]) -> None:
        """`loses`: whether a failover has lost the row of a block at a position, of which this was told, after it was
        asked then.
        """
        self._loses = loses
        self.organized: list[Organized] = []
        self.faults: list[str] = []
        self.facts = Facts()
        self.history = History(TENANT)
        self.met: Counter[str] = Counter()
        self.judged: Counter[str] = Counter()
        self.writes = self.accepted = self.reads = self.in_histories = 0
        self._now_ms = now_ms
        self.patience_ms = FOR_EVER_MS  # for so long a client asks again under one key
        self.told: list[Acknowledged] = []
        self._told_by: list[tuple[Done[Any], int]] = []  # each of these, and when it was asked for
        self._denials: list[Denied] = []
        self._keys: dict[str, _Key] = {}
        self._events: set[str] = set()  # blocks of events, by which a key may be salted
        self._count = 0

    def new_key(self) -> str:
        """A key that nobody has used."""
        self._count += 1
        return f"key-{self._count}"

    def know_event(self, block: str, *, is_split: bool) -> None:
        """Keys may be this event's."""
        self._events.add(block)
        if is_split:
            self.history.split.add(block)

    def begin(self, key: str) -> None:
        """A call under this key is on its way."""
        known = self._keys.setdefault(key, _Key())
        known.running += 1
        known.again_ms = known.again_ms or self._now_ms()

    def accept(
        self, key: str, told: Told | None, done: "Done[HoldReply] | Done[OrderReply] | Done[WaiterReply]", asked_ms: int
    ) -> None:
        """It came to this. A replay tells the deadline as it is by then, and of an order what it has by then."""
        known = self._keys[key]
        known.running -= 1
        known.done = True
        if told is None or (
            done.replayed and getattr(done.reply, "status", None) != _AFTER.get(told, done.reply.status)
        ):
            return
        if done.replayed and told in _CHANGES_LATER:
            return
        if told is Told.PARTLY_CANCELLED and done.reply.status is OrderStatus.CANCELLED:
            told = Told.CANCELLED  # those were the last
        reply = acknowledged(told, done.reply, done.position, done.block, key)
        self.told.append(msgspec.structs.replace(reply, expires_at_ms=0) if done.replayed else reply)
        self._told_by.append((done, asked_ms))

    def has_lost(self, done: Done[Any], asked_ms: int) -> bool:
        """Whether a failover has, after it was asked then, lost the row of which this was told."""
        return self._loses(done.block, done.position, asked_ms, done.reply)

    def leave_open(self, key: str, not_after_ms: int) -> None:
        """Nobody knows what came of it, or will come until then."""
        known = self._keys[key]
        known.running -= 1
        known.open_until_ms = max(known.open_until_ms, not_after_ms + OPEN_LONGER_MS)

    def refuse(self, key: str, rejected: Rejected, asked_ms: int, not_after_ms: int) -> None:
        """It was refused, for good if no other call under the key may yet come to something."""
        if rejected.reason is Reason.OUTCOME_UNKNOWN:
            self.leave_open(key, not_after_ms)
            return
        known = self._keys[key]
        known.running -= 1
        is_sure = not known.open_until_ms or (known.open_until_ms < asked_ms and rejected.reason not in _BEFORE_KEYS)
        if is_sure and not known.running and not known.done:
            known.denied, known.again_ms = rejected.reason.name, 0

    def deny(self, denied: Denied) -> None:
        """There was not enough, somebody was told."""
        self._denials.append(denied)

    def check(
        self,
        journals: dict[BlockId, list[JournalRow]],
        came: Came,
        repeated: Repeats = NONE_REPEATED,
        skews: Skews | None = None,
        excused: Callable[[Finding], bool] = lambda _: False,
    ) -> list[str]:
        """All that is wrong. What the network `repeated` may have an effect after all: no shard can know.

        `skews`: how far clocks were apart. `excused`: of what is found between blocks.
        """
        denials = self._denials_in_time(skews or Skews())
        self.judged += Counter({DENIALS: len(denials), UNTIMED_DENIALS: len(self._denials) - len(denials)})
        return [
            *self.faults,
            *self.facts.check(self._loses),
            *not_as_told(TENANT, self.organized, journals, self.has_lost, self._count_judged),
            *self._broken_denials(journals, came, repeated),
            *audited(journals, [*self._owed(), *denials], excused),
        ]

    def _denials_in_time(self, skews: Skews) -> list[Denied]:
        """Those of a time at which clocks still said something. Where one had jumped a little, what came between may be
        of any time that this allows, up to when they said nothing.
        """
        timed = [denied for denied in self._denials if not skews.is_lost(denied.answered_ms)]
        return [
            msgspec.structs.replace(
                denied, asked_ms=denied.asked_ms - skews.widest_ms, answered_ms=denied.answered_ms + skews.widest_ms
            )
            if skews.at(denied.answered_ms)
            else denied
            for denied in timed
        ]

    def _owed(self) -> list[Acknowledged]:
        """What was told and no failover has lost."""
        told_by = zip(self.told, self._told_by, strict=True)
        return [told for told, (done, asked_ms) in told_by if not self.has_lost(done, asked_ms)]

    def _count_judged(self, what: str) -> None:
        self.judged[what] += 1

    def _broken_denials(
        self, journals: dict[BlockId, list[JournalRow]], came: Came, repeated: Repeats
    ) -> Iterator[str]:
        """What is denied never happens. Who asks again may get it then, but not what an earlier try of his has made."""
        of_key = effects(journals)
        for key, known in self._keys.items():
            if not known.denied:
                continue
            self.judged[ASKED_AGAIN] += bool(known.again_ms)
            hashes = {key_hash(TENANT, key), *(key_hash(TENANT, key, event) for event in self._events)}
            of_it = [(hashed, effect) for hashed in hashes for effect in of_key.get(hashed, ())]
            is_broken = any(_is_denied(known, hashed, effect, came) for hashed, effect in of_it)
            if is_broken and not repeated.excuse(hashes, known.denied):
                again = ", before it was asked again" if known.again_ms else ""
                yield f"{key} was refused as {known.denied}, and it happened{again}"


def _is_denied(known: _Key, key: bytes, effect: Effect, came: Came) -> bool:
    """Whether the effect is not of one who asked when all that had been asked was denied."""
    if not known.again_ms:
        return True
    made_s = came.sent_s.get((key, effect.made), math.inf) if effect.made else math.inf
    return START_MS + int(min(made_s, came.written_s[effect.block, effect.position]) * 1000) < known.again_ms

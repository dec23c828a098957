"""The journal as the witness of a history: each call of a block took effect, or saw the block, within its time.

One walk along both: calls in the order of asking and answering, and the journal's rows as far as what was answered says
that they were there. Whoever asks then is served behind these rows. Each accepted write has the row that bears its key;
each refusal and read agrees with a state from the rows that were there when it was asked for (or when its key was first
asked for: a try may be told what an earlier one came to) to the first effect of what was asked for after its answer,
but with none that by the clocks was yet to come. A refusal agrees with no state in which its own key stands for
something: it would have been told that.
Memory: the calls that are under way, some 130 bytes for each key, 250 for each hold there ever was and 16 for each row.
"""

from collections.abc import Generator, Iterable
from heapq import heappop, heappush, merge
from operator import attrgetter
from typing import TypeAlias

from actors.audit.books import Books
from actors.audit.denials import CLOCK_TOLERANCE_MS
from actors.audit.findings import Fault, Finding
from actors.audit.keys import journaled_key
from actors.core import entries as e
from loadtests.history.asking import Question, Tries, tells_of_the_state
from loadtests.history.calls import READS, Call, Kind, Outcome
from loadtests.history.elsewhere import Asked, Elsewhere, Pinned
from loadtests.history.intents import Intents
from loadtests.history.lateness import Lateness
from loadtests.history.rooms import Span
from loadtests.history.shown import Shown
from loadtests.history.skews import FOR_EVER_MS
from loadtests.history.standing import OF_OWN, Fates, agrees, can_be_checked, denies_its_key
from loadtests.history.tally import Tally
from loadtests.history.timed import Timed, Written

_Walk: TypeAlias = Generator[None, None, None]


class Witness:
    """Watches the audit of one block (see `Watcher`). `calls`: those at home in it, in the order of asking.

    `audited_us`: when the journal was read, by the clock of the run: what was over by then and is not there did not
    happen. `tolerance_ms`: so far the clock of the run, then in µs since 1970, and the journal's may differ; None: they
    have nothing to do with each other, and deadlines are held against the journal's times alone. So they are of what is
    not `timed`, and who asks in one of its gaps may be told how it was when that began. `ahead_ms`: of what is not
    timed, the journal's may be ahead by that, however far it is behind; None: by anything.
    `elsewhere`: takes what is refused here for what is in other blocks to their witnesses, and theirs to this one.
    `written`: when rows came, where more is known of that than what they say.
    """

    def __init__(
        self,
        block: str,
        calls: Iterable[Call],
        audited_us: int,
        tolerance_ms: int | None = CLOCK_TOLERANCE_MS,
        ahead_ms: int | None = None,
        timed: Timed | None = None,
        elsewhere: Elsewhere | None = None,
        written: Written | None = None,
    ) -> None:
        self.findings: list[Finding] = []
        self.finding_count = 0
        self.tally = Tally()
        self._block = block
        self._calls = iter(calls)
        self._audited_us = audited_us
        self._tolerance_ms = tolerance_ms or 0
        self._timed = Timed(0, 0) if tolerance_ms is None else timed or Timed()
        self._ahead_ms = ahead_ms
        self._lateness = Lateness(self._timed, self._tolerance_ms, written)
        self._elsewhere = elsewhere or Elsewhere({})
        self._fates = Fates()
        self._shown = Shown()
        self._effects: dict[bytes, int] = {}  # by key: in which row, and less than 0 if somebody was told
        self._intents = Intents()
        self._legs: dict[int, int] = {}  # in which row each was pinned of which nobody was told yet
        self._tries: dict[bytes, Tries] = {}
        self._refused: dict[bytes, Call] = {}  # keys under which everything was refused
        self._questions: list[Question] = []
        self._returns: list[tuple[int, int, Call, bytes, int]] = []  # of calls under way, with what was reached before
        self._books: Books | None = None
        self._position = 0  # of the last whole row
        self._reached = 0  # the last row that what was answered stands in
        self._written_ms = 0
        self._began_ms = FOR_EVER_MS  # when there was something that a call could be about
        self._is_over = False
        self._is_lost = False  # an answer has no row, so that nobody knows which row what came later was behind
        self._walk: _Walk | None = None

    def meet(self, entry: e.Entry, position: int, books: Books) -> None:
        """See `Watcher.meet`."""
        self._books = books
        self._lateness.meet(position, entry.at_ms)
        key = self._intents.key_of(entry)
        self._ask_all(entry.at_ms, position)
        tries = self._tries.get(key)
        if tries is not None:
            self._close(tries.first.invoked_us)
        if isinstance(entry, e.LegPinned):
            self._legs.setdefault(entry.leg, position)
            self._close(self._elsewhere.asked_us(self._block, entry.leg))
        self._fates.meet(entry)
        self._shown.meet(entry, books)
        if key:
            self._effects.setdefault(key, position)
        self._written_ms = max(self._written_ms, entry.at_ms)

    def row_over(self, position: int, books: Books) -> None:
        """See `Watcher.row_over`."""
        self._books, self._position = books, position
        if self._walk is None and books.tenant:  # without which no key is known
            self._walk, self._began_ms = self._walked(), self._written_ms
        if self._walk is not None:
            next(self._walk, None)

    def finish(self, books: Books) -> None:
        """See `Watcher.finish`."""
        self._books, self._is_over = books, True
        next(self._walk or self._walked(), None)
        self._ask_all(FOR_EVER_MS, FOR_EVER_MS)
        self._close(FOR_EVER_MS)
        for key, tries in self._tries.items():
            self._resolve(key, tries)
        for key, call in self._refused.items():
            if key in self._effects:
                self._found(Fault.DONE_THOUGH_REFUSED, call, f"in row {self._effects[key]}")
        if not self._is_lost:
            self._judge_others()

    def row_of(self, call: Call) -> int:
        """In which row a write had its effect, when the audit is done; 0: in none."""
        return abs(self._effects.get(self._journaled(call), 0))

    def _walked(self) -> _Walk:
        """Goes on whenever a row is over; waits for the rows that what was answered stands in."""
        of_others = self._elsewhere.begin(self._block)
        calls = merge(self._calls, of_others, key=attrgetter("invoked_us")) if of_others is not None else self._calls
        for number, call in enumerate(calls):
            yield from self._return_until(call.invoked_us)
            if not isinstance(call, Call):
                yield from self._look_for(call)
                continue
            key = self._invoke(call)
            if call.returned_us is None:
                self._never_knew(call, key)
            else:
                heappush(self._returns, (call.returned_us, number, call, key, self._reached))
        yield from self._return_until(None)

    def _look_for(self, asked: Asked | Pinned) -> _Walk:
        """From here on a refusal of another block may be borne out; or all that follows is behind a leg."""
        if isinstance(asked, Asked):
            if not self._is_lost:
                call, since_us = asked.item.call, asked.invoked_us
                from_us = self._timed.since_us(since_us, call.returned_us or since_us)
                question = Question(call, b"", from_us, self._reached, False, is_elsewhere=False, asked=asked)
                self._questions.append(question)
            return
        while not self._is_over and asked.leg not in self._legs:
            yield
        if asked.leg in self._legs:
            self._reached = max(self._reached, self._legs.pop(asked.leg))
        else:
            self._is_lost = True  # which the audit reports

    def _return_until(self, invoked_us: int | None) -> _Walk:
        """All that returned before this; at the same time, it was not before."""
        while self._returns and (invoked_us is None or self._returns[0][0] < invoked_us):
            _, _, call, key, low = heappop(self._returns)
            if call.outcome is Outcome.INFO:
                self._never_knew(call, key)
            elif call.outcome is Outcome.FAIL:
                self._refuse(call, key)
            else:
                yield from self._accept(call, key, low)

    def _invoke(self, call: Call) -> bytes:
        """The key as the journal has it; empty for a read."""
        key = b"" if call.kind in READS or not call.key else self._journaled(call)
        since_us, low, may_be_older = call.invoked_us, self._reached, False
        if key and self._effects.get(key, 0) >= 0:
            refused = self._refused.pop(key, None)
            tries = self._tries.setdefault(key, Tries(call, self._reached, refused))
            since_us, low = tries.first.invoked_us, tries.low
            may_be_older = tries.under_way + tries.info_count > 0
            tries.under_way += 1
        self.tally.count(call)
        if tells_of_the_state(call):
            is_elsewhere = self._is_elsewhere(call)
            if is_elsewhere:
                self.tally.elsewhere += 1
                self._elsewhere.ask(call, since_us)
            if not is_elsewhere and (self._is_lost or not can_be_checked(call)):
                self.tally.unchecked += 1
            elif not self._is_lost:
                from_us = self._timed.since_us(since_us, call.returned_us or since_us)
                self._questions.append(Question(call, key, from_us, low, may_be_older, is_elsewhere))
                self.tally.count_question(is_timed=self._is_timed(call))
        return key

    def _is_elsewhere(self, call: Call) -> bool:
        """Whether what stood in the way is in other blocks: of what a desk refuses all but what it says of its own."""
        has_event = self._books is not None and self._books.event is not None
        if call.kind is Kind.HOLD:
            return call.block != self._block or (not has_event and call.reason != "EVENT_NOT_FOUND")
        return call.kind is Kind.EXCHANGE and not has_event and call.reason not in OF_OWN

    def _never_knew(self, call: Call, key: bytes) -> None:
        """It may have happened, or may yet."""
        tries = self._tries.get(key)
        if tries is not None:
            tries.under_way -= 1
            tries.info_count += 1
            tries.over_us = max(tries.over_us, call.over_us) if call.over_us and tries.over_us else 0

    def _refuse(self, call: Call, key: bytes) -> None:
        tries = self._tries.get(key)
        if tries is not None:
            tries.under_way -= 1
            if not tries.under_way and not tries.info_count:
                del self._tries[key]
                self._refused[key] = call

    def _accept(self, call: Call, key: bytes, low: int) -> _Walk:
        """Reach what it was told, and the row that bears its key."""
        named = call.told.position if call.told is not None else 0
        if named and named < low:
            self._found(Fault.READ_STALE, call, f"as of row {named}, and row {low} had been answered")
        while not self._is_over and (self._position < named or (key and key not in self._effects)):
            yield
        if key and key not in self._effects:
            self._is_lost = True
            self._found(Fault.REPLY_NOT_IN_JOURNAL, call, "no row bears its key")
            return
        effect = self._effects.get(key, 0)
        tries = self._tries.pop(key, None)
        if tries is not None and effect >= 0:
            self._check_order(call, effect, tries, call.returned_us)
            self._effects[key] = -effect
            self._elsewhere.pinned(self._intents.take_legs(key), tries.first.invoked_us, call.returned_us)
        self._reached = max(self._reached, named, abs(effect))

    def _resolve(self, key: bytes, tries: Tries) -> None:
        """What came of what nobody was told of."""
        effect = self._effects.get(key)
        if effect is not None:
            self._check_order(tries.first, effect, tries, None)
            late_ms = self._lateness.late_ms(effect, tries.over_us)
            if late_ms:
                self._found(Fault.DONE_TOO_LATE, tries.first, f"in row {effect}, {late_ms} ms after all was over")
            self._elsewhere.pinned(self._intents.take_legs(key), tries.first.invoked_us, None)
        elif not 0 < tries.over_us <= self._audited_us:
            self.tally.unresolved += tries.info_count

    def _check_order(self, call: Call, effect: int, tries: Tries, answered_us: int | None) -> None:
        """An effect stands behind all rows that had been answered when its key was first asked for. What is older than
        that was done by tries that had all been refused.
        """
        asked_us = tries.first.invoked_us
        if effect <= tries.low:
            self._found(Fault.AGAINST_REAL_TIME, call, f"in row {effect}, and row {tries.low} had been answered")
        elif tries.refused is not None:
            answered_us = self._audited_us if answered_us is None else answered_us
            early_ms = self._lateness.early_ms(effect, asked_us, answered_us)
            if early_ms:
                sentence = f"in row {effect}, {early_ms} ms before it was asked for again"
                self._found(Fault.DONE_THOUGH_REFUSED, tries.refused, sentence)

    def _is_timed(self, call: Call) -> bool:
        return (call.returned_us or 0) < self._timed.until_us

    def _ask_all(self, until_ms: int, row: int) -> None:
        """Whether the state, which lasts until then and until this row, agrees with what is still asked."""
        if self._questions:
            self._questions = [question for question in self._questions if not self._agrees(question, until_ms, row)]

    def _span(self, question: Question, until_ms: int, row: int) -> Span:
        """When the state and the call were, both: by the journal's clock, from the entry before to the one at `row`."""
        first_ms, last_ms, ahead_ms = self._written_ms, until_ms, self._ahead_ms
        if self._is_timed(question.call):
            first_ms = max(first_ms, question.since_us // 1000 - self._tolerance_ms)
            ahead_ms = self._tolerance_ms
            last_ms = last_ms if row <= self._timed.row else FOR_EVER_MS  # the row's clock says nothing of it
        if ahead_ms is not None:
            last_ms = min(last_ms, (question.call.returned_us or 0) // 1000 + 1 + ahead_ms)
        return Span(first_ms, last_ms)

    def _agrees(self, question: Question, until_ms: int, row: int) -> bool:
        assert self._books is not None, "there is a state when it is asked"
        if self._is_own(question):
            return False
        if question.is_elsewhere:
            return True
        if question.asked is not None:
            return self._bears_out(question, question.asked, until_ms, row)
        span = self._span(question, until_ms, row)
        if self._may_have_seen_nothing(question):
            nothing = Span(0, min(span.last_ms, self._began_ms))
            if agrees(question.call, Books(self._block), Fates(), Shown(), nothing, 0):
                return True
        if span.last_ms < self._written_ms:
            return False  # the state was yet to come
        found = agrees(question.call, self._books, self._fates, self._shown, span, self._written_ms)
        question.is_vague |= found is None
        return bool(found)

    def _bears_out(self, question: Question, asked: Asked, until_ms: int, row: int) -> bool:
        """Whether there is no need to look on. What is over by the clocks, whoever asked other blocks was not told."""
        assert self._books is not None, "there is a state when it is asked"
        span = self._span(question, until_ms, row)
        is_so = asked.refusal.is_borne_out
        if not is_so and self._may_have_seen_nothing(question):
            is_so = asked.see(Books(self._block), Span(0, min(span.last_ms, self._began_ms)))
        if not is_so and max(self._written_ms, span.first_ms) <= span.last_ms:
            is_so = asked.see(self._books, span)
        if is_so:
            asked.over()
        return is_so

    def _judge_others(self) -> None:
        """What was asked of this block, and of no other that is yet to come."""
        judged = self._elsewhere.end(self._block)
        self.tally.held += judged.total
        self.tally.borne_out += judged.borne_out
        self.tally.vague += judged.vague
        for call in judged.wrong:
            self._found(Fault.REFUSED_WRONGLY, call, "at no moment of it did any block that it concerned bear that out")

    def _may_have_seen_nothing(self, question: Question) -> bool:
        """Whether it may have been served before there was anything: by the clocks, and nobody had been answered."""
        since_ms = question.since_us // 1000 - self._tolerance_ms
        return not question.low and (since_ms <= self._began_ms or not self._is_timed(question.call))

    def _is_own(self, question: Question) -> bool:
        """Whether it was refused, and its key stands for something that cannot have been forgotten yet."""
        assert self._books is not None, "there is a state when it is asked"
        stands = question.key in self._effects and self._books.key_lives(question.key, self._written_ms)
        return stands and denies_its_key(question.call)

    def _close(self, invoked_us: int) -> None:
        """What was asked for then is about to have its effect: what was answered before saw no more."""
        left = []
        for question in self._questions:
            if (question.call.returned_us or 0) >= invoked_us:
                left.append(question)
            elif question.asked is not None:
                question.asked.over()
            elif self._is_own(question):
                row = abs(self._effects[question.key])
                self._found(Fault.REFUSED_WRONGLY, question.call, f"no state before its own effect in row {row} agrees")
            elif question.is_vague:
                self.tally.vague += 1
            elif question.may_be_older:
                self.tally.unchecked += 1
            else:
                fault = Fault.READ_WRONGLY if question.call.kind in READS else Fault.REFUSED_WRONGLY
                self._found(fault, question.call, f"no state up to row {self._position} agrees")
        self._questions = left

    def _journaled(self, call: Call) -> bytes:
        assert self._books is not None, "a block is known before anybody asks it"
        of_event = call.block if call.kind is Kind.HOLD and call.block != self._block else ""
        return journaled_key(self._books.tenant, call.key, of_event)

    def _found(self, fault: Fault, call: Call, sentence: str) -> None:
        what = (
            f"{call.client}, {call.kind} {call.id or call.key} at {call.invoked_us} µs, {call.reason or call.outcome}"
        )
        self.finding_count += 1
        self.findings.append(Finding(self._block, self._position, fault, f"{what}: {sentence}"))

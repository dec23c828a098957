"""A block that is checked at every step: purity, replay, snapshot plus tail, read-back, invariants, ledger."""

import msgspec

from actors.core.block import apply, decide, next_deadline_ms, next_due
from actors.core.commands import Command, Correct, Read, ReadEvent, ReadHold, ReadOrder, ReadWaiter, Write
from actors.core.corrections import decide_correct
from actors.core.entries import Activated, Corrected, Entry, EventEdited
from actors.core.outcomes import Accepted, Outcome, Rejected
from actors.core.replies import EventReply, HoldReply, OrderReply, Reply, WaiterReply
from actors.core.snapshot import digest, freeze, ledger_digest, restore
from actors.core.state import BlockState
from tests.core.invariants import frailties, violations
from tests.core.ledger_fold import LedgerFold

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_entries: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class CheckedBlock:
    """A live block beside two that only ever apply: a replay from the first entry, and a snapshot with its tail."""

    def __init__(self) -> None:
        self.live = BlockState()
        self.replayed = BlockState()
        self.restored = BlockState()
        self.ledger = LedgerFold()
        self.journal: list[Entry] = []
        self.snapshots: list[tuple[int, bytes]] = [(0, freeze(self.live))]
        self._frailties: set[str] = set()

    def ask(self, command: Command, now_ms: int) -> Outcome:
        """What becomes of the command, after all checks; accepted entries are applied."""
        assert _commands.decode(_encoder.encode(command)) == command, "a command changes on the wire"
        at_ms = max(now_ms, self.live.last_at_ms)
        before = digest(self.live)
        outcome = decide(self.live, command, now_ms)
        assert digest(self.live) == before, "deciding changed the state"
        assert decide(self.restored, command, now_ms) == outcome, "a restored block decides otherwise"
        if isinstance(outcome, Accepted):
            assert not (outcome.entries and (outcome.replayed or isinstance(command, Read))), "nothing new was asked"
            assert all(entry.at_ms == at_ms for entry in outcome.entries), "an entry bears another time"
            self._apply(outcome.entries)
            if isinstance(command, Write):
                assert outcome.reply == self._read_back(command, outcome.reply, now_ms), "the reply is not what it is"
            assert _replies.decode(_encoder.encode(outcome.reply)) == outcome.reply, "a reply changes on the wire"
        else:
            assert isinstance(outcome, Rejected)
        return outcome

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for what comes back: then a shard ticks after each write."""
        return len(self.live.line) > 0

    def tick(self, now_ms: int) -> list[Entry]:
        """All that time has brought about at `now_ms`: returns, expiries by deadline, offers; the entries."""
        brought: list[Entry] = []
        at_ms = max(now_ms, self.live.last_at_ms)
        most = len(self.live.holds) + len(self.live.waiters) + len(self.live.rules.allotments) + 1
        while (entry := next_due(self.live, now_ms)) is not None:
            assert entry == next_due(self.restored, now_ms), "a restored block makes time pass otherwise"
            assert entry.at_ms == at_ms, "an entry bears another time"
            self._apply((entry,))
            brought.append(entry)
            assert len(brought) <= most, "time never stands still"
        self.restored.line.forgive()
        assert next_due(self.restored, now_ms) is None, "somebody waits for what is there"
        due_ms = next_deadline_ms(self.live)
        assert due_ms == next_deadline_ms(self.restored), "a restored block waits otherwise"
        assert due_ms is None or due_ms > at_ms, "something is due after the tick"
        return brought

    def activate(self, entry: Activated) -> None:
        """A shard took the block over."""
        self._apply((entry,))

    def correct(self, command: Correct, now_ms: int) -> Corrected | tuple[str, ...] | None:
        """What becomes of a correction (see `decide_correct`), after all checks; an entry is applied."""
        before = digest(self.live)
        decided = decide_correct(self.live, command, now_ms)
        assert digest(self.live) == before, "deciding changed the state"
        assert decide_correct(self.restored, command, now_ms) == decided, "a restored block decides otherwise"
        if isinstance(decided, Corrected):
            assert decided.at_ms == max(now_ms, self.live.last_at_ms), "an entry bears another time"
            self._apply((decided,))
            assert decide_correct(self.live, command, now_ms) is None, "a quarantine ends once"
        return decided

    def take_snapshot(self) -> None:
        """From here on the restored block is one that came from a snapshot of now."""
        frozen = freeze(self.live)
        self.snapshots.append((len(self.journal), frozen))
        self.restored = restore(frozen)
        assert freeze(self.restored) == frozen, "freezing what was restored gives other bytes"
        assert digest(self.restored) == digest(self.live), "a restored block differs"
        if self.is_awaited:  # then a shard looks at those who wait when it brings the block in
            due = next_due(self.live, self.live.last_at_ms)
            assert next_due(self.restored, self.live.last_at_ms) == due, "a restored block makes time pass otherwise"

    def check_replays(self) -> None:
        """Every snapshot that was made plus its tail, and the whole journal, give the live state to the bit."""
        expected = digest(self.live)
        for position, frozen in self.snapshots:
            state = restore(frozen)
            for entry in self.journal[position:]:
                apply(state, entry)
            assert digest(state) == expected, f"snapshot at {position} plus tail differs"
            assert not violations(state)

    def _apply(self, entries: tuple[Entry, ...]) -> None:
        before_ms = self.live.last_at_ms
        for entry in entries:
            durable = _entries.decode(_encoder.encode(entry))
            assert durable == entry, "an entry changes in the journal"
            self.journal.append(durable)
            self.ledger.take(durable)
            apply(self.live, entry)
            apply(self.replayed, durable)
            apply(self.restored, durable)
            frail = frailties(self.live)
            assert frail <= self._frailties or isinstance(entry, EventEdited | Corrected), frail - self._frailties
            self._frailties = frail
        if not entries:
            return
        assert digest(self.live) == digest(self.replayed), "replay from the first entry differs"
        assert digest(self.live) == digest(self.restored), "snapshot plus tail differs"
        assert self.live.last_at_ms >= before_ms, "time ran backwards"
        assert self.live.entries_applied == len(self.journal)
        assert not violations(self.live), violations(self.live)
        assert ledger_digest(self.live) == self.ledger.digest(), "the ledger differs from its fold"

    def _read_back(self, command: Write, reply: Reply, now_ms: int) -> Reply:
        tenant = command.stamp.tenant
        read: Read
        match reply:
            case HoldReply():
                read = ReadHold(tenant, reply.hold)
            case OrderReply():
                read = ReadOrder(tenant, reply.order)
            case EventReply():
                read = ReadEvent(tenant)
            case WaiterReply():
                read = ReadWaiter(tenant, reply.waiter)
            case _:
                raise AssertionError("a write never gives a digest")
        outcome = decide(self.live, read, now_ms)
        assert isinstance(outcome, Accepted), "what was just written cannot be read"
        return outcome.reply

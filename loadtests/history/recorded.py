"""A shop whose every call is recorded, and what the calls of a run say to the audit."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from actors.audit.denials import CLOCK_TOLERANCE_MS, Denied
from actors.audit.ids import block_of_event, desk_of, event_of
from actors.audit.keys import journaled_key
from actors.audit.replies import Acknowledged, Answered
from loadtests.calls import Accepted, Answer, Ask, Broken, Passing, Refused, Shop, Sight
from loadtests.history.calls import Begun, Call, Kind, Outcome, Recorder, Seen, line_of, read_calls
from loadtests.history.elsewhere import Elsewhere
from loadtests.history.standing import TURNED_AWAY
from loadtests.history.tally import Tally, together
from loadtests.history.timed import Timed, Written
from loadtests.history.witness import Witness

OVER_AFTER_US = 15_000_000
"""A server lets a call wait for ten seconds if nothing else is said; five more for what is on its way."""


class RecordedShop:
    """Another way to the same shop; whoever leaves does not know what came of the call."""

    def __init__(self, shop: Shop, recorder: Recorder, event_id: str, client: str) -> None:
        self.protocol = shop.protocol
        self._shop = shop
        self._recorder = recorder
        self._block = block_of_event(event_id)
        self._client = client

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        begun = self._recorder.begin(
            self._client,
            Kind(ask.told),
            self._block,
            key,
            id=ask.id,
            units=ask.seats,
            areas=ask.areas,
            best=(ask.best,) if ask.best else (),
            ttl_ms=ask.ttl_seconds * 1000,
            over_us=self._recorder.now_us() + OVER_AFTER_US,
        )
        try:
            answer = await self._shop.ask(ask, key)
        except asyncio.CancelledError:
            begun.info("left")
            raise
        match answer:
            case Accepted():
                begun.ok(msgspec.structs.replace(answer.reply, key=key), replayed=answer.replayed)
            case _:
                end_without_yes(begun, answer)
        return answer

    async def look(self, kind: Kind, own: str) -> Sight:
        """See `Shop.look`."""
        begun = self._recorder.begin(self._client, kind, self._block, id=own)
        try:
            sight = await self._shop.look(kind, own)
        except asyncio.CancelledError:
            begun.info("left")
            raise
        match sight:
            case Seen():
                begun.ok(sight)
            case _:
                end_without_yes(begun, sight)
        return sight


def end_without_yes(begun: Begun, answer: Refused | Passing | Broken) -> None:
    """A call that was refused has failed, also one that was turned away; of any other nobody knows."""
    match answer:
        case Refused():
            begun.fail(answer.code, answer.units)
        case Passing() if answer.cause in TURNED_AWAY:
            begun.fail(answer.cause)
        case _:
            begun.info(answer.cause)


def answers_of(calls: Iterable[Call]) -> Iterator[Answered]:
    """What the audit holds against the journal: acknowledgements, and denials of what can be counted.

    A denial may be the answer to an earlier try under its key.
    """
    asked_us: dict[str, int] = {}  # by key of what was not answered for good
    for call in calls:
        if call.outcome is Outcome.OK and isinstance(call.told, Acknowledged):
            asked_us.pop(call.key, None)
            yield call.told
        elif call.outcome is Outcome.INFO or call.reason in TURNED_AWAY:
            asked_us.setdefault(call.key, call.invoked_us)
        elif call.reason == "NOT_ENOUGH_AVAILABLE" and (call.areas or call.quantity == 1):
            first_us, last_us = asked_us.pop(call.key, call.invoked_us), call.returned_us or 0
            area = call.areas[0][0] if call.areas else ""
            yield Denied(event_of(call.block), area, first_us // 1000, last_us // 1000, call.quantity)


class Histories:
    """The calls of a run on one event, by the block in which they are at home, on disk.

    `tenant`: whose it is, if the event is split: then what is held of it is at home at a desk.
    `events`: by home, the blocks of events of which something is at home at a desk, as far as they have rows.
    `over_us`: when all is over that nobody was told of.
    """

    def __init__(self, folder: Path, tenant: str = "", events: Mapping[str, Sequence[str]] | None = None) -> None:
        self._folder = folder
        self._tenant = tenant
        self._events = events or {}
        self.over_us = 0
        self._blocks: list[str] = []

    def sort(self, files: Iterable[Path]) -> None:
        """Take the calls from these files of processes. Raises OSError, msgspec.DecodeError."""
        opened = {}
        try:
            for call in read_calls(files):
                home = self._home_of(call)
                if home not in opened:
                    opened[home] = self._file_of(home).open("wb", buffering=1 << 18)
                opened[home].write(line_of(call))
                if call.outcome is Outcome.INFO:
                    self.over_us = max(self.over_us, call.over_us)
        finally:
            for file in opened.values():
                file.close()
        self._blocks = list(opened)

    def witnesses(
        self,
        audited_us: int,
        tolerance_ms: int | None = CLOCK_TOLERANCE_MS,
        ahead_ms: int | None = None,
        timed: Callable[[str], Timed] | None = None,
        written: Callable[[str], Written] | None = None,
    ) -> dict[str, Witness]:
        """One for each block; see `Witness`. The blocks of events are behind the desks, as in an audit.

        `timed`: by block; None: all of it is. `written`: by block; None: rows tell their times themselves.
        """
        elsewhere = Elsewhere(self._events)
        of_events = elsewhere.blocks
        blocks = [*(block for block in self._blocks if block not in of_events), *of_events]
        return {
            block: Witness(
                block,
                self._calls_of(block),
                audited_us,
                tolerance_ms,
                ahead_ms,
                timed(block) if timed is not None else None,
                elsewhere,
                written(block) if written is not None else None,
            )
            for block in blocks
        }

    def _calls_of(self, block: str) -> Iterator[Call]:
        return read_calls([self._file_of(block)] if block in self._blocks else [])

    def _file_of(self, block: str) -> Path:
        return self._folder / f"calls-of-{block}.jsonl"

    def _home_of(self, call: Call) -> str:
        own = call.told.id if isinstance(call.told, Acknowledged) else call.id
        if own:
            return own.partition("_")[2][:16]
        return desk_of(self._tenant, journaled_key(self._tenant, call.key, call.block)) if self._tenant else call.block


class Checked(msgspec.Struct, frozen=True):
    """What the history check says. `cpu_s`: what it cost, with the audit in which it takes part."""

    tally: Tally
    finding_count: int
    cpu_s: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether all was checked and nothing is wrong."""
        return not self.finding_count and self.tally.suffices


def checked(witnesses: Mapping[str, Witness], cpu_s: float) -> Checked:
    """All of them, when the audit is done."""
    return Checked(
        together(witness.tally for witness in witnesses.values()),
        sum(witness.finding_count for witness in witnesses.values()),
        cpu_s,
    )

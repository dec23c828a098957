"""A stack whose Postgres, wire and clock are in the test's hands, with a crowd that buys from it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from actors.audit.audit import JournalAudit
from actors.audit.books import Books
from actors.audit.denials import CLOCK_TOLERANCE_MS
from actors.audit.ids import block_of_event, event_of
from actors.audit.replies import by_block, read_answers
from actors.database.connect import connect
from actors.engine.clock import MAX_JUMP_MS, MAX_TOOK_MS
from loadtests.history.calls import READS, Call, Outcome, read_calls
from loadtests.history.recorded import Histories, answers_of, checked
from loadtests.history.tally import Tally, together
from loadtests.history.timed import Timed
from loadtests.history.witness import Witness
from loadtests.onsale import _live_digests
from loadtests.server import Administration, Owner, Server
from tests.chaos.baskets import BasketCrowd
from tests.chaos.bugs_heard import LogReader
from tests.chaos.counted import miscounted
from tests.chaos.database import Database
from tests.chaos.leftovers import clear
from tests.chaos.load import BUYERS, UNITS, Load
from tests.chaos.looks import Look, ran_ahead
from tests.chaos.onlooker import Onlooker
from tests.chaos.organizer import Organized, Organizer
from tests.chaos.organizer_audit import unkept
from tests.chaos.own_witnesses import objections
from tests.chaos.read_models import misread
from tests.chaos.recounted import unrecorded, unrecorded_baskets
from tests.chaos.silences import silences
from tests.chaos.wire import Wire
from tests.chaos.within import Within
from tests.chaos.written import RowsWritten, rows_written
from tests.stack.census import census, lasting_census, of_kind
from tests.stack.running_stack import RunningStack

INNER_PORT = 31000
SHARDS = "2"
OTHER_INNER_PORT = 31300
LOOK_EVERY_S = 0.05
WHOLE_LOOK_S = 0.25
HAPROXY = "haproxy"
BACK_WITHIN_S = 90.0
MOST_TOLD = 3  # of what was seen too early of an event
AHEAD_MS = MAX_JUMP_MS + MAX_TOOK_MS + 1_000
"""How far what a shard writes may be ahead of the crowds' clock, wherever its own has jumped to (see `JournalClock`);
with a second more, as they set theirs once. Where none has jumped it never is, nor behind by more than machines' clocks
are tolerated to be: whoever has heard the journal tells its time by that, but for who hears it for the first time, or
has not heard it for two seconds. That is where nothing is accepted, and as long after that as this.
"""
GAP_S = 1.0
"""Who has heard the journal a shorter time ago knows what time it is."""

_ENDS = "select block_id, max(position) as position from journal group by block_id"
_WITH_ROWS = "select distinct block_id from journal where block_id = any($1)"


class Audited(NamedTuple):
    """What an audit came to: what is wrong, rows, replies, what was checked of histories, and replies about baskets.

    `refused`: how many buyers were, by code. `organized`: what became of the organizer's writes.
    """

    findings: list[str]
    rows: int
    replies: int
    tally: Tally
    baskets: int = 0
    refused: Mapping[str, int] = MappingProxyType({})
    organized: Organized = Organized()


class Moved(NamedTuple):
    """When the first clock of a shard was moved, in µs since 1970, and the last row of each block before."""

    at_us: int
    rows: Mapping[str, int]


class Stage:
    """All of it, below one folder. `database` is the primary by now. `moved`: None as long as no clock was."""

    def __init__(self, folder: Path, buyers: int = BUYERS) -> None:
        clear(folder)
        self._buyers = buyers
        folder.mkdir(parents=True)
        self.folder = folder
        password_file = folder / "password"
        password_file.write_text("for-tests-only")
        self.database = Database(folder / "postgres-1", password_file)
        self.wire = Wire(self.database.url)
        self.within = Within(folder / "within")
        self.leftovers: list[Callable[[], object]] = []  # to be called when all else has ended; harmless if done before
        self.moved: Moved | None = None
        self._apart_us = apart_us()
        self.logs = LogReader()
        self.running: RunningStack | None = None
        self._listening: asyncio.Server | None = None
        self._load: Load | None = None
        self._baskets: BasketCrowd | None = None
        self._onlooker: Onlooker | None = None
        self._organizer: Organizer | None = None
        self._census: Counter[str] = Counter()
        self._administration: Administration | None = None

    async def start(self) -> None:
        """Return when it sells."""
        await asyncio.to_thread(self.database.start)
        self._listening = await self.wire.serve()
        self.running = self.stack(self.folder / "stack", INNER_PORT)
        await asyncio.to_thread(self.running.start)
        self._load = Load(self.server_of(self.running), self.folder, self._buyers)
        self._administration = Administration(self.server_of(self.running))
        self._census = await asyncio.to_thread(lasting_census, self.running.processes)
        self._baskets = BasketCrowd(self.server_of(self.running), self.folder)
        await self._baskets.start(self._administration)
        self._organizer = Organizer(self.server_of(self.running), self.folder)
        await self._organizer.start()
        self._onlooker = Onlooker(self.server_of(self.running), lambda: self.load.event_id, UNITS)
        self._onlooker.start()

    def stack(self, folder: Path, inner_port: int) -> RunningStack:
        """A stack on this database, not started yet."""
        running = RunningStack(folder, inner_port, database_url=self.wire.database_url, shards=SHARDS)
        running.environ = self.within.environ(running.environ)
        self.logs.follow(running.folder, lambda: running.said)
        return running

    def server_of(self, running: RunningStack) -> Server:
        """How buyers reach it; the database is reached past the wire."""
        stack = running.stack
        return Server(stack.http_url, stack.grpc_target, self.database.url, running.api_key, running.operator_key)

    @property
    def load(self) -> Load:
        """Who buys."""
        assert self._load is not None, "it was started"
        return self._load

    @property
    def baskets(self) -> BasketCrowd:
        """Who buys baskets."""
        assert self._baskets is not None, "it was started"
        return self._baskets

    @property
    def onlooker(self) -> Onlooker:
        """Who looks at what is on sale."""
        assert self._onlooker is not None, "it was started"
        return self._onlooker

    @property
    def organizer(self) -> Organizer:
        """Who sells."""
        assert self._organizer is not None, "it was started"
        return self._organizer

    @property
    def main(self) -> RunningStack:
        """The stack that is on stage all the time."""
        assert self.running is not None, "it was started"
        return self.running

    def pids(self, kind: str) -> list[int]:
        """The stack's processes of a kind, as the census names them."""
        return of_kind(self.main.processes(), kind)

    async def owner(self) -> Owner:
        """The shard that sells."""
        administration = Administration(self.server_of(self.main))
        try:
            owner = await administration.owner_of(self.load.event_id)
        finally:
            await administration.close()
        assert owner is not None, "the event has an owner"
        return owner

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """Rows, from the primary itself."""
        connection = await connect(self.database.url, application_name="chaos")
        try:
            found: list[Any] = await connection.fetch(statement, *arguments)
            return found
        finally:
            await connection.close()

    async def execute(self, statements: str) -> None:
        """Let the primary itself carry these out."""
        connection = await connect(self.database.url, application_name="chaos")
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    def replace_database(self, database: Database) -> None:
        """Another server is the primary."""
        self.database = database
        self.wire.lead_to(database.url)

    async def until_back(self) -> None:
        """Until the supervisor has started Ray again, which somebody has just killed."""
        backs = self.main.said.count("Ray is back")
        async with asyncio.timeout(BACK_WITHIN_S):
            await until(lambda: self.main.said.count("Ray is back") > backs)

    async def until_whole(self) -> None:
        """Until there are as many processes of each kind as at the start."""
        while await asyncio.to_thread(lambda: self.missing):  # noqa: ASYNC110
            await asyncio.sleep(WHOLE_LOOK_S)

    @property
    def missing(self) -> str:
        """What there is less or more of than at the start, in words.

        Of HAProxy there may be several: one that was reloaded stays for as long as a buyer stays connected to it.
        """
        now, then = census(self.main.processes()), self._census
        differences = {kind: now[kind] - then[kind] for kind in now | then}
        differences[HAPROXY] = min(now[HAPROXY] - 1, 0)
        return ", ".join(f"{kind} {difference:+}" for kind, difference in differences.items() if difference)

    async def before_a_clock_moves(self) -> None:
        """Keep where the journals end: of what is told from now on, shards' clocks do not say whether it is late."""
        if self.moved is None:
            rows = {row["block_id"]: row["position"] for row in await self.fetch(_ENDS)}
            self.moved = Moved(time.time_ns() // 1000, rows)

    def timed(self, gaps: Sequence[tuple[int, int]]) -> Callable[[str], Timed]:
        """Of each block, what is held against the time; `gaps`: see `gaps_of`."""
        if self.moved is None:
            return lambda _: Timed(gaps=gaps)
        at_us, rows = self.moved
        return lambda block: Timed(at_us, rows.get(block, 0), gaps)

    def _witnesses(
        self, histories: Sequence[Histories], files: Sequence[Path], written: RowsWritten
    ) -> list[dict[str, Witness]]:
        """Of the load's histories, and of the baskets': the gaps of a crowd excuse nothing that the other was told.

        Before a clock was moved the journal's is the crowds', but for what the machine's two clocks have parted since.
        """
        off_ms = CLOCK_TOLERANCE_MS + abs(apart_us() - self._apart_us) // 1000
        ahead_s = time.time() - time.monotonic()
        taken_s = [[at_s + ahead_s for at_s in of_ware] for of_ware in self.baskets.taken_s.values()]
        gaps = gaps_of([list(accepted_at(read_calls(files)))]), gaps_of(taken_s)
        return [
            each.witnesses(time.time_ns() // 1000, off_ms, AHEAD_MS, self.timed(of_crowd), written.of_block)
            for each, of_crowd in zip(histories, gaps, strict=True)
        ]

    async def audit(self, more_told: tuple[Path, ...] = (), *, asks_product: bool = True) -> Audited:
        """The journal, all of it, held against what clients were told, and their histories against it; and, if it is
        asked, what the product says of itself.
        """
        files = [path for path in self.load.calls_files if path.exists()]
        lost = [f"there are no calls in {path.name}" for path in self.load.calls_files if path not in files]
        await asyncio.gather(self.baskets.end(), self.organizer.end())
        await self.onlooker.end()
        of_others = [*self.baskets.told, *self.organizer.told]
        answers = by_block([*answers_of(read_calls(files)), *read_answers(more_told), *of_others])
        histories = [Histories(self.folder), await self.baskets.histories(self.database.url)]
        histories[0].sort(files)
        of_product, _ = await asyncio.gather(
            objections(self.main) if asks_product else _nothing(),
            asyncio.sleep(max(max(each.over_us for each in histories) / 1e6 - time.time(), 0)),
        )
        administration = Administration(self.server_of(self.main))
        try:
            live = await _live_digests(administration, answers)
            if asks_product:
                of_product += await misread(self.database.url, administration)
                of_product += await miscounted(self.database.url, self.onlooker.looks)
        finally:
            await administration.close()
        written = await rows_written(self.fetch)
        of_crowds = self._witnesses(histories, files, written)
        watching = of_crowds[0] | await with_rows(of_crowds[1], answers, self.fetch)
        audit = JournalAudit(self.database.url, answers, live, watching)
        findings = [str(finding) async for finding in audit.run()]
        findings += [f"{event_of(block)}: the server did not tell its digest" for block in answers if block not in live]
        findings += [
            *lost,
            *of_product,
            *written.wrong,
            *self.baskets.objections(),
            *self.organizer.objections(),
            *await unkept(self.database.url, self.organizer, written.of_block),
            *await asyncio.to_thread(self.logs.new_errors),
            *seen_too_early(self.onlooker.looks, files, of_crowds[0]),
        ]
        all_checked = [checked(witnesses, 0.0) for witnesses in of_crowds]
        findings += [f"not all of the history could be checked: {one.tally}" for one in all_checked if not one.clean]
        counted = self.load.figures
        findings += unrecorded(counted, all_checked[0].tally)
        findings += unrecorded_baskets(self.baskets, all_checked[1].tally)
        tally, replies = together(one.tally for one in all_checked), sum(map(len, answers.values()))
        organized = self.organizer.organized
        return Audited(findings, audit.row_count, replies, tally, len(self.baskets.told), counted.refused, organized)

    async def close(self) -> list[str]:
        """End all of it; what could not be ended as it should."""
        left = []
        await asyncio.gather(*(crowd.end() for crowd in (self._baskets, self._organizer) if crowd is not None))
        if self._organizer is not None:
            await self._organizer.close()
        if self._onlooker is not None:
            await self._onlooker.end()
        if self._load is not None:
            await self._load.close()
        if self._administration is not None:
            await self._administration.close()
        if self.running is not None:
            if await asyncio.to_thread(self.running.stop) != 0:
                left.append("the stack did not end as it should")
            if self.running.processes():
                left.append("processes were left")
                await asyncio.to_thread(self.running.kill_everything)
        left += await asyncio.to_thread(self.logs.new_errors)
        if self._listening is not None:
            self._listening.close()
            await self.wire.close()
        await asyncio.to_thread(self.database.stop)
        for put_away in reversed(self.leftovers):
            await asyncio.to_thread(put_away)
        return left


async def with_rows(
    witnesses: dict[str, Witness], answers: Container[str], fetch: Callable[..., Awaitable[list[Any]]]
) -> dict[str, Witness]:
    """Those of desks that have rows, or by which somebody was told something.

    A desk that has refused all that ever came to it has none, and none is missing; its witness is done at once.
    """
    found = {row["block_id"] for row in await fetch(_WITH_ROWS, list(witnesses))}
    refusing = {block for block in witnesses if block not in found and block not in answers}
    for block in refusing:
        witnesses[block].finish(Books(block))
    return {block: witness for block, witness in witnesses.items() if block not in refusing}


def seen_too_early(looks: Sequence[Look], files: Sequence[Path], witnesses: Mapping[str, Witness]) -> list[str]:
    """Looks that say that they have all that was acknowledged before some moment, and have not.

    `files`: of the calls of whoever was told; `witnesses`: of those calls, by block, when the audit is done.
    """
    told: dict[str, list[tuple[int, int]]] = {block: [] for block in witnesses}
    for call in read_calls(files):
        if call.outcome is Outcome.OK and call.kind not in READS and call.returned_us is not None:
            told[call.block].append((call.returned_us, witnesses[call.block].row_of(call)))
    return [
        wrong
        for block, writes in told.items()
        for wrong in ran_ahead([look for look in looks if block_of_event(look.event_id) == block], writes)[:MOST_TOLD]
    ]


def apart_us() -> int:
    """How far the machine's clock of the day is ahead of its monotonic one, by which crowds go once they have begun."""
    return (time.time_ns() - time.monotonic_ns()) // 1000


def accepted_at(calls: Iterable[Call]) -> Iterator[float]:
    """When somebody was told that something was written just now, in seconds since 1970."""
    for call in calls:
        if call.outcome is Outcome.OK and call.kind not in READS and not call.replayed and call.returned_us is not None:
            yield call.returned_us / 1_000_000


def gaps_of(crowds: Iterable[Iterable[float]]) -> list[tuple[int, int]]:
    """From when to when a shard may have heard nothing of the journal's time, in µs since 1970: where none of a crowd's
    acceptances is, and then as long as a block that went without may take to hear it.
    """
    return [
        (int(began_s * 1_000_000), int(ended_s * 1_000_000) + AHEAD_MS * 1000)
        for accepted_s in crowds
        for began_s, ended_s in silences(accepted_s, GAP_S)
    ]


async def _nothing() -> list[str]:
    return []


async def until(happened: Callable[[], bool]) -> float:
    """Until it happened; how long that took, in seconds."""
    began_s = time.monotonic()
    while not happened():  # noqa: ASYNC110  # the kernel rings no bell
        await asyncio.sleep(LOOK_EVERY_S)
    return time.monotonic() - began_s

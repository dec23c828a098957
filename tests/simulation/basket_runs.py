"""One run: an operation on a prepared stage, faults at points, then quiet; and what was wrong with it.

What is promised: `promised_s` after a basket or its hold's end leaves something to do, nothing is left to do; every
basket is held or sold whole, as its desk decided, or all of it is on sale.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import msgspec

import actors.baskets
from actors.baskets import WishedLeg
from actors.core.commands import AcknowledgeLeg, PlaceHold
from actors.core.ids import BlockId
from actors.core.inventory import UnitStatus
from actors.core.keys import key_hash
from actors.core.legs import ASK_AFTER_MS
from actors.core.outcomes import Reason, Rejected
from actors.core.parts import LEDGER_AREA
from actors.core.replies import EventStatus
from actors.core.snapshot import digest
from actors.core.wishes import AreaPlaces, Wish
from actors.engine import errands, group_commit
from actors.journal.journal import JournalRow, Snapshot
from actors.link.batch import encoder
from tests.simulation import virtual_time
from tests.simulation.basket_check import WatchedStore, next_deadline_ms, unsettled
from tests.simulation.basket_client import PLACING_S, TENANT, Client, ClientKind, Scene
from tests.simulation.basket_effects import has_effect
from tests.simulation.basket_operations import OPERATIONS, Operation, open_events
from tests.simulation.basket_points import AWAY, ROLES, Point, Step, Strike
from tests.simulation.basket_stage import AWAY_S, TAKEOVER_S, Stage
from tests.simulation.basket_units import faults_when_settled
from tests.simulation.divided_operations import DIVIDED, LEDGER, open_split
from tests.simulation.journal_audit import audited
from tests.simulation.reserved_operations import RESERVED
from tests.simulation.world import now_ms

LOOK_S = 0.25
SETTLED_S = 0.5  # where nothing goes wrong
ERRAND_S = errands.ASK_TIMEOUT_MS / 1000 + 2 * errands.ROUND_S  # one that was in vain, until the next
FOUND_AGAIN_S = 1.0 + 2.0 + 0.5  # a block without traffic: the projection's lag, a sweep, a load
FAR_MS = 60_000


class Run(NamedTuple):
    """What came of a run. `longest_s`: how long something was left to do at most."""

    faults: list[str]
    trace: list[Point]
    longest_s: float
    heard: list[str]


class Prepared(NamedTuple):
    """A stage as an operation finds it."""

    rows: tuple[JournalRow, ...]
    snapshots: dict[tuple[BlockId, int], list[Snapshot]]
    owners: dict[BlockId, str]
    scene: Scene
    at_s: float
    next_number: int


class Spec(NamedTuple):
    """Which run."""

    operation: str
    client: ClientKind
    from_snapshots: bool
    strikes: tuple[Strike, ...] = ()

    def __str__(self) -> str:
        restored = ", from snapshots" if self.from_snapshots else ""
        return " | ".join((f"{self.operation}, client {self.client}{restored}", *map(str, self.strikes)))


def promised_s(strikes: Sequence[Strike]) -> float:
    """The time for placing, until the legs ask, and an errand; and for each fault, until somebody goes on there."""
    seconds = PLACING_S + ASK_AFTER_MS / 1000 + ERRAND_S
    for strike in strikes:
        seconds += (AWAY_S if strike.fault.startswith(AWAY) else TAKEOVER_S) + FOUND_AGAIN_S + ERRAND_S
    return seconds


def run(spec: Spec, seen: Callable[[Stage], None] | None = None) -> Run:
    """Run it to its end. `seen` is called at each point."""
    operation = (OPERATIONS | DIVIDED | RESERVED)[spec.operation]
    with _snapshots_at_every_row(spec.from_snapshots):
        prepared = _prepared(operation, spec.from_snapshots)
        return virtual_time.run(lambda: _run(operation, prepared, spec, seen), prepared.at_s)


@cache
def _prepared(operation: Operation, from_snapshots: bool) -> Prepared:
    async def main() -> Prepared:
        store = WatchedStore()
        stage = Stage(store, ROLES[1:], 1, ())
        client = Client(stage, Scene(), ClientKind.ASKS_AGAIN)
        await (open_split if operation.name in DIVIDED | RESERVED else open_events)(client)
        await operation.prepare(client)
        await asyncio.sleep(SETTLED_S)
        assert not unsettled(store.folds, now_ms())
        assert not store.faults, store.faults
        return Prepared(
            tuple(store.rows_in_order), store.snapshots, stage.catalogue.owners, client.scene,
            asyncio.get_running_loop().time(), stage.next_number,
        )  # fmt: skip

    return virtual_time.run(main)


async def _run(operation: Operation, prepared: Prepared, spec: Spec, seen: Callable[[Stage], None] | None) -> Run:
    store = WatchedStore(prepared.rows)
    store.snapshots = {of: list(kept) for of, kept in prepared.snapshots.items()}
    stage = Stage(store, ROLES[1:], 2, spec.strikes)
    stage.next_number = prepared.next_number
    stage.catalogue.owners.update(prepared.owners)
    client = Client(stage, msgspec.structs.replace(prepared.scene), spec.client)
    faults: list[str] = []
    longest_s = 0.0
    with _traced_pauses(stage):
        await _warm_up(stage)
        if seen is not None:
            stage.points.seen = lambda: seen(stage)
        stage.points.tracing = True
        performing = asyncio.get_running_loop().create_task(operation.perform(client))
        longest_s = await _until_quiet(stage, performing, promised_s(spec.strikes), faults)
        stage.points.tracing = False
        if performing.done():
            await performing
        if not faults and not store.faults:
            faults += await _last_look(stage, client)
    faults += (f"the run never came to {strike}" for strike in stage.points.outstanding)
    return Run([*store.faults, *client.faults, *faults], stage.points.trace, longest_s, client.heard)


async def _warm_up(stage: Stage) -> None:
    """Have all blocks claimed."""
    for block in stage.catalogue.owners:
        await _ask(stage, block, encoder.encode(AcknowledgeLeg(TENANT, 1, 1)))


async def _until_quiet(stage: Stage, performing: "asyncio.Task[None]", promise_s: float, faults: list[str]) -> float:
    """Until nothing is left to do and no hold lives; for how long something was left to do, at most."""
    loop = asyncio.get_running_loop()
    since_s: float | None = None
    longest_s = 0.0
    store = stage.store
    while not store.faults:
        left = unsettled(store.folds, now_ms())
        if left:
            since_s = loop.time() if since_s is None else since_s
            longest_s = max(longest_s, loop.time() - since_s)
            if longest_s > promise_s:
                faults.append(f"{left} for {longest_s} s, and {promise_s} s are promised")
                break
        else:
            since_s = None
            due_ms = next_deadline_ms(store.folds)
            lives = due_ms is not None and due_ms < now_ms() + FAR_MS
            if performing.done() and not stage.pending and not stage.is_writing() and not lives:
                break
        await asyncio.sleep(LOOK_S)
    return longest_s


async def _last_look(stage: Stage, client: Client) -> list[str]:
    """What is wrong in the end: between journals, with what was told, with the memories of who is there now."""
    store = stage.store
    faults = faults_when_settled(store.folds)
    if any(fold.is_divided for fold in store.folds.values()):
        faults += audited(store.journals)
    for key, reason in client.refused:
        if has_effect(store, TENANT, key):
            faults.append(f"{key} was refused as {reason}, and it happened")
    for shard in stage.newest.values():
        for block, hosted in shard.engine.residence.blocks.items():
            if hosted.quarantined:
                faults.append(f"{block} is quarantined: {hosted.quarantined}")
            elif hosted.claimed and not hosted.lost and digest(hosted.state) != digest(store.folds[block]):
                faults.append(f"{block}: the memory of {shard.process.name} is not its journal's")
    return faults or [fault async for fault in _still_sell(stage)]


async def _still_sell(stage: Stage) -> Any:
    """Everything that is on sale can be held, at once."""
    stage.another_gateway()
    for block, fold in list(stage.store.folds.items()):
        answer: Any = None
        seats = [
            fold.index.unit_name(unit)
            for unit, status in enumerate(fold.inventory.statuses)
            if status == UnitStatus.AVAILABLE
        ]
        if fold.layout is not None and fold.status is EventStatus.ON_SALE and seats:
            left = fold.inventory.available(0) if fold.layout.areas else 0
            wish = Wish(tuple(seats), (AreaPlaces("floor", left),) if left else ())
            answer = await _have(stage, block, wish, len(seats) + left)
        else:
            answer = await _ask(stage, block, encoder.encode(AcknowledgeLeg(TENANT, 1, 1)))
        if isinstance(answer, Rejected):
            yield f"{block}: what is on sale cannot be had: {answer}"


async def _have(stage: Stage, block: BlockId, wish: Wish, count: int) -> Any:
    """Hold it; of an event that is split, as a basket that a ledger counts, for a buyer who has nothing yet."""
    stamp = Client(stage, Scene(), ClientKind.IS_GONE).stamp("all")
    if not stage.store.folds[block].is_divided:
        return await _ask(stage, block, encoder.encode(PlaceHold(stamp, stage.number(), wish)))
    stamp = msgspec.structs.replace(stamp, key=key_hash(TENANT, block), buyer=block)
    counting = WishedLeg(LEDGER, Wish(areas=(AreaPlaces(LEDGER_AREA, count),)), counts=count)
    return await stage.gateway.baskets.place(stamp, (WishedLeg(block, wish, LEDGER), counting), FAR_MS)


async def _ask(stage: Stage, block: BlockId, command: bytes) -> Any:
    return await stage.gateway.dispatcher.ask(
        block, command, TENANT, now_ms() + 6_000, Reason.EVENT_NOT_FOUND
    )  # fmt: skip


class _TracedAsyncio:
    """asyncio, whose sleep is a point."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        process = virtual_time.current_process()
        role = process.name.partition(".")[0] if process is not None else "client"
        await self._stage.points.reach(Step.PAUSE, role, role)
        await asyncio.sleep(seconds)


@contextmanager
def _traced_pauses(stage: Stage) -> Iterator[None]:
    traced: Any = _TracedAsyncio(stage)
    modules: tuple[Any, ...] = (actors.baskets, errands)
    for module in modules:
        module.asyncio = traced
    try:
        yield
    finally:
        for module in modules:
            module.asyncio = asyncio


@contextmanager
def _snapshots_at_every_row(wanted: bool) -> Iterator[None]:
    kept = group_commit.ENTRIES_PER_SNAPSHOT, group_commit.VALUES_PER_ENTRY
    if wanted:
        group_commit.ENTRIES_PER_SNAPSHOT, group_commit.VALUES_PER_ENTRY = 1, 1 << 40
    try:
        yield
    finally:
        group_commit.ENTRIES_PER_SNAPSHOT, group_commit.VALUES_PER_ENTRY = kept

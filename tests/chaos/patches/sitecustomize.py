"""Imported first by every Python process of a stack whose PYTHONPATH leads here: what tests do to it from within.

Under `HOLDFAST_TEST_CHAOS` is a folder. `clock-shift-NAME` in it holds by how many seconds the clock that the shell of
the shard of that name hands to its engine is wrong, whichever process it is: a successor sets its own by the journal
when it begins, and so notices nothing of a clock that was moved before.
While `twice` is there, everything is sent twice over the link; `sent-twice` grows by a byte each time. While `heedless`
is there, shards do not heed what the catalogue says of quarantines; while `hasty` is there, their answers wait for no
commit; while `keyless` is there, holds are not remembered under their keys; while `lenient` is there, they take blocks
from a newer generation; while `believing` is there, they take whatever stands in their row's place for their row; while
`unfenced` is there, a row of theirs is appended whatever the head of its block is; while `careless` is there,
projectors move positions from wherever they are; while `greedy` is there, seats that others hold may be held; while
`weary` is there, a gateway at which many calls were open at once is slower ever after; while `unwatched` is there,
nobody is found to hang beside the shards; while `denying` is there, a gateway says no where the shard was gone after
what it was sent. With `faulty` there, a shard meets a bug when it loads a block, and takes the
file away; with `faulty-gateway` there, a gateway when it is asked for a hold.
With `snapshots` there when it begins, a shard saves one after so many entries. See `tests/chaos/within.py` for the
other end.
"""

import asyncio
import importlib
import importlib.abc
import importlib.machinery
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(os.environ.get("HOLDFAST_TEST_CHAOS", "."))
IS_WANTED = "HOLDFAST_TEST_CHAOS" in os.environ
READ_EVERY_S = 0.05
CROWDED_CALLS = 40  # more than buyers who come one at a time, and fewer than a burst
WEARY_S = 0.0015


class Shifted:
    """A clock that is as wrong as the shard's file says."""

    def __init__(self, monotonic: Callable[[], float], shard: str) -> None:
        self._monotonic = monotonic
        self._file = FOLDER / f"clock-shift-{shard}"
        self._read_at_s = 0.0
        self._shift_s = 0.0

    def __call__(self) -> float:
        now_s = self._monotonic()
        if now_s - self._read_at_s > READ_EVERY_S:
            self._read_at_s = now_s
            try:
                self._shift_s = float(self._file.read_text())
            except FileNotFoundError:
                pass
        return now_s + self._shift_s


class Twice:
    """A transport that sends what it is given twice, and gives one of the two answers. A no is given only if both are:
    between the two somebody may have let go what the first was refused, and to tell that would be this patch's own lie.
    """

    def __init__(self, transport: Any, batch: Any) -> None:
        self._transport = transport
        self._batch = batch

    async def exchange(self, payload: bytes) -> bytes:
        if not _is_there(FOLDER / "twice"):
            answer: bytes = await self._transport.exchange(payload)
            return answer
        both: list[bytes | BaseException] = await asyncio.gather(
            self._transport.exchange(payload), self._transport.exchange(payload), return_exceptions=True
        )
        _add_byte(FOLDER / "sent-twice")
        for lost in both:
            if isinstance(lost, BaseException):
                raise lost
        given, other = random.sample([self._batch.answers_decoder.decode(answers) for answers in both], 2)
        done = self._batch.Replied
        pairs = zip(given, other, strict=True)
        chosen = [two if isinstance(two, done) and not isinstance(one, done) else one for one, two in pairs]
        return bytes(self._batch.encoder.encode(chosen))


def _is_there(path: Path) -> bool:
    return path.exists()


def _is_taken(path: Path) -> bool:
    """Whether it was there, and is not any more; of several who take it one has it."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _add_byte(path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(b".")


def patch_engine(module: ModuleType) -> None:
    """Each engine's clock is one that can be wrong."""
    begin = module.Engine.__init__

    def begin_shifted(
        self: Any, shard: Any, epoch: Any, lines: Any, catalogue: Any, monotonic: Any, *rest: Any, **named: Any
    ) -> None:
        begin(self, shard, epoch, lines, catalogue, Shifted(monotonic, shard), *rest, **named)

    module.Engine.__init__ = begin_shifted


def patch_coalescer(module: ModuleType) -> None:
    """Each coalescer's transport is one that can repeat itself; after a crowd it may be slower for good."""
    begin = module.Coalescer.__init__

    def begin_twice(self: Any, transport: Any, *rest: Any, **named: Any) -> None:
        begin(self, Twice(transport, importlib.import_module("actors.link.batch")), *rest, **named)

    module.Coalescer.__init__ = begin_twice
    call = module.Coalescer.call

    async def call_wearily(self: Any, *rest: Any, **named: Any) -> Any:
        self.open_calls = getattr(self, "open_calls", 0) + 1
        if _is_there(FOLDER / "weary"):
            self.is_weary = getattr(self, "is_weary", False) or self.open_calls > CROWDED_CALLS
            if self.is_weary and self.open_calls <= CROWDED_CALLS:  # the crowd itself is served
                until_s = time.perf_counter() + WEARY_S  # computing: who sleeps would wait for other threads as well
                while time.perf_counter() < until_s:
                    pass
        try:
            return await call(self, *rest, **named)
        finally:
            self.open_calls -= 1

    module.Coalescer.call = call_wearily


def patch_dispatch(module: ModuleType) -> None:
    """What a shard may have done before it was gone may be told as a no."""
    ask = module._Errand._ask

    async def ask_and_deny(self: Any, way: Any) -> Any:
        verdict = await ask(self, way)
        if verdict is module._Again.BEHIND_OTHERS and _is_there(FOLDER / "denying"):
            self._maybe_served = False
            return self._unless_served(module.Reason.UNAVAILABLE)
        return verdict

    module._Errand._ask = ask_and_deny


class Withheld(set[Any]):
    """The blocks that a shard serves nobody from: while it heeds no quarantine, none comes to be one."""

    def add(self, block: Any) -> None:
        if not _is_there(FOLDER / "heedless"):
            super().add(block)


def patch_residence(module: ModuleType) -> None:
    """Each shard may be one that heeds no quarantine, and what a newer generation has may be no other's."""
    begin, epoch_under = module.Residence.__init__, module.Residence._epoch_under

    def begin_heedless(self: Any, *rest: Any, **named: Any) -> None:
        begin(self, *rest, **named)
        self.withheld = Withheld()

    def own_epoch_if_lenient(self: Any, assignment: Any) -> Any:
        is_newer = assignment is not None and assignment.shard == self._shard and _is_there(FOLDER / "lenient")
        epoch = epoch_under(self, assignment)
        return self._incarnation if epoch is None and is_newer else epoch

    module.Residence.__init__ = begin_heedless
    module.Residence._epoch_under = own_epoch_if_lenient


class Over:
    """A cycle that is taken for done before it is."""

    def __init__(self, blocks: list[Any]) -> None:
        self.positions = {hosted: hosted.position + bool(hosted.pending) for hosted in blocks}

    async def wait(self) -> None:
        """For nothing."""


def patch_group_commit(module: ModuleType) -> None:
    """Answers may be told before what they say is durable."""
    if _is_there(FOLDER / "snapshots"):
        vars(module)["ENTRIES_PER_SNAPSHOT"] = int((FOLDER / "snapshots").read_text())
    collect = module.GroupCommit.collect

    def collect_hastily(self: Any, blocks: Any) -> Any:
        touched = list(blocks)
        cycle = collect(self, touched)
        return Over(touched) if _is_there(FOLDER / "hasty") else cycle

    module.GroupCommit.collect = collect_hastily


def patch_holds(module: ModuleType) -> None:
    """A key may be asked for a second time in vain."""
    remember = vars(module)["remember_with_hold"]

    def remember_unless_keyless(*arguments: Any) -> None:
        if not _is_there(FOLDER / "keyless"):
            remember(*arguments)

    vars(module)["remember_with_hold"] = remember_unless_keyless


def patch_activation(module: ModuleType) -> None:
    """A newer generation may be no obstacle, and one block may meet a bug when it is loaded."""
    refuse, load = module.Activator._refuse_newer, module.Activator._load

    async def load_unless_faulty(self: Any, block: Any) -> Any:
        if _is_taken(FOLDER / "faulty"):
            raise AttributeError("a bug, by a test")
        return await load(self, block)

    def refuse_unless_lenient(self: Any, *arguments: Any) -> None:
        if not _is_there(FOLDER / "lenient"):
            refuse(self, *arguments)

    module.Activator._refuse_newer = refuse_unless_lenient
    module.Activator._load = load_unless_faulty


def patch_hold_asks(module: ModuleType) -> None:
    """One request for a hold may meet a bug."""
    place_hold = module.HoldAsks.place_hold

    async def place_unless_faulty(self: Any, *rest: Any, **named: Any) -> Any:
        if _is_taken(FOLDER / "faulty-gateway"):
            raise AttributeError("a bug, by a test")
        return await place_hold(self, *rest, **named)

    module.HoldAsks.place_hold = place_unless_faulty


class Loosened(dict[str, str]):
    """The statements that are shipped; while `switch` is there, the one of this name is what `loosen` makes of it."""

    def __init__(self, shipped: dict[str, str], name: str, switch: str, loosen: Callable[[str], str]) -> None:
        super().__init__(shipped)
        self._name = name
        self._switch = switch
        self._loosen = loosen

    def __getitem__(self, name: str) -> str:
        shipped = super().__getitem__(name)
        return self._loosen(shipped) if name == self._name and _is_there(FOLDER / self._switch) else shipped


def _behind_anything(append: str) -> str:
    """It compares nothing with the head of its block. That no two rows have one position is the table's own doing."""
    before, _, rest = append.partition("where coalesce(")
    compared, order, behind = rest.partition("order by new.block_id")
    assert "head.chain" in compared, "this is not the append that is shipped"
    assert order, "nor is this"
    return f"{before}where $9::bytea is not null\n  {order}{behind}"


def patch_journal(module: ModuleType) -> None:
    """Whatever row stands at the position may be taken for ours, and a row may stand behind none."""
    vars(module)["_SQL"] = Loosened(vars(module)["_SQL"], "append", "unfenced", _behind_anything)
    already_there = vars(module)["_already_there"]

    async def take_anything(connection: Any, *, blocks: Any, **rows: Any) -> Any:
        if _is_there(FOLDER / "believing"):
            return frozenset(blocks)
        return await already_there(connection, blocks=blocks, **rows)

    vars(module)["_already_there"] = take_anything


def _from_anywhere(move: str) -> str:
    """It sets positions, and compares them with nothing."""
    for comparison in (
        "and seen.position = moved.from_position",
        "and seen.chain = moved.from_chain",
        "and seen.quarantined_because is not distinct from moved.quarantined_because",
    ):
        assert comparison in move, "this is not the move that is shipped"
        move = move.replace(comparison, "")
    return move


def patch_positions(module: ModuleType) -> None:
    """Projectors may move positions from wherever they are."""
    vars(module)["_SQL"] = Loosened(vars(module)["_SQL"], "move", "careless", _from_anywhere)


def patch_ground(module: ModuleType) -> None:
    """What others hold may stand in nobody's way; what is sold does."""
    refuse_claimed = module.Ground._refuse_claimed

    def refuse_unless_greedy(self: Any, units: Any) -> Any:
        refusal = refuse_claimed(self, units)
        is_held = refusal is not None and refusal.reason is module.Reason.UNITS_HELD
        return None if is_held and _is_there(FOLDER / "greedy") else refusal

    module.Ground._refuse_claimed = refuse_unless_greedy


def patch_inventory(module: ModuleType) -> None:
    """Who claims what others hold has it, and they give back what they do not have any more, or sell it."""
    claim, sell, give_back = module.Inventory.claim, module.Inventory.sell, module.Inventory.give_back

    def taken(self: Any, hold: int, units: Any, owner: int) -> list[int]:
        found = list(units)
        for unit in found if _is_there(FOLDER / "greedy") else ():
            self.owners[unit] = owner
        return found

    def claim_anyway(self: Any, hold: int, units: Any, *rest: Any) -> None:
        claim(self, hold, taken(self, hold, units, 0), *rest)

    def sell_anyway(self: Any, hold: int, units: Any, *rest: Any) -> None:
        sell(self, hold, taken(self, hold, units, hold), *rest)

    def give_back_anyway(self: Any, hold: int, units: Any, *rest: Any, **named: Any) -> None:
        give_back(self, hold, taken(self, hold, units, hold), *rest, **named)

    module.Inventory.claim = claim_anyway
    module.Inventory.sell = sell_anyway
    module.Inventory.give_back = give_back_anyway


def patch_watchdog(module: ModuleType) -> None:
    """Whoever hangs may be left alone."""
    stands_still = module.Watchdog._stands_still

    def stands_still_unless_unwatched(self: Any, signs: Any) -> bool:
        return not _is_there(FOLDER / "unwatched") and bool(stands_still(self, signs))

    module.Watchdog._stands_still = stands_still_unless_unwatched


PATCHES = {
    "actors.core.ground": patch_ground,
    "actors.core.holds": patch_holds,
    "actors.core.inventory": patch_inventory,
    "actors.dispatch": patch_dispatch,
    "actors.engine.activation": patch_activation,
    "actors.engine.engine": patch_engine,
    "actors.engine.group_commit": patch_group_commit,
    "actors.engine.residence": patch_residence,
    "actors.journal.postgres": patch_journal,
    "actors.link.coalescer": patch_coalescer,
    "actors.projections.positions": patch_positions,
    "actors.reservations.holds": patch_hold_asks,
    "actors.watchdog": patch_watchdog,
}


class Finder(importlib.abc.MetaPathFinder):
    """Finds what is to be patched where everybody else does, and patches it when it has been imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in PATCHES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_patch(module: ModuleType) -> None:
                execute(module)
                PATCHES[name](module)

            spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


if IS_WANTED:
    sys.meta_path.insert(0, Finder())

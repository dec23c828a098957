"""A campaign: stack after stack undergoes its faults under load and is audited, until enough of them count.

If then not one of some kind has counted, the next stacks undergo those kinds alone, until one of each has.

What is done is kept: each outcome when it is there, and each segment when it was audited. A run that was ended goes on
behind its last segment; outcomes of a stack that was never audited count for nothing and are had again. Those of them
in which something was wrong, or late, stay all the same, and so does the folder of their stack: such a run ends badly,
however often it goes on. If the code has changed meanwhile, all begins anew.
"""

import asyncio
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.progress import Progress, TaskID

from loadtests.history.tally import Tally
from loadtests.selling import progress_bar
from tests.chaos.fault import Fault, Outcome, undergo
from tests.chaos.leftovers import end_all
from tests.chaos.load import BUYERS
from tests.chaos.plan import KINDS, SHORT, clocks_last, segment_faults
from tests.chaos.results import Segment, lates, summary, table, uncounted, unmet, untimed, write, wrongs
from tests.chaos.stage import Audited, Stage
from tests.code_version import HAS_CHANGED, OF_CHAOS, clear_of_other_code, code_of, fingerprint
from tests.kept_lines import append, whole_lines

S = TypeVar("S", bound=msgspec.Struct)

WANTED = 200
MOST_SEGMENTS = 30
NEVER = -1


class Kept:
    """What is done of a campaign, in a folder. Outcomes of stacks that were never audited are of segment `NEVER`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.segments = _read(folder / "segments.jsonl", Segment)
        audited = {segment.number for segment in self.segments}
        outcomes = _read(folder / "outcomes.jsonl", Outcome)
        objectionable = [one for one in outcomes if one.segment not in audited and _is_objectionable(one)]
        for number in sorted({one.segment for one in objectionable} - {NEVER}):
            _put_aside(folder / f"stack-{number}")
        self.outcomes = [one for one in outcomes if one.segment in audited]
        self.outcomes += [replace(one, segment=NEVER, counted=False) for one in objectionable]
        for name, kept in (("segments", self.segments), ("outcomes", self.outcomes)):
            _write(folder / f"{name}.jsonl", kept)

    @property
    def counted(self) -> int:
        """How many faults count so far."""
        return sum(outcome.counted for outcome in self.outcomes)

    def add_outcome(self, outcome: Outcome) -> None:
        """Keep it."""
        self.outcomes.append(outcome)
        append(self.folder / "outcomes.jsonl", outcome)

    def add_segment(self, segment: Segment) -> None:
        """Keep it."""
        self.segments.append(segment)
        append(self.folder / "segments.jsonl", segment)


class Campaign:
    """`faults`: those of one short segment; empty for a full run, in which every kind has to count at least once.

    `allowed`: so many times what bounds say; above that it is wrong to be late. `buyers`: over each protocol.
    """

    def __init__(
        self,
        kept: Kept,
        console: Console,
        faults: Sequence[type[Fault]] = (),
        wanted: int = WANTED,
        *,
        allowed: float = 1.0,
        buyers: int = BUYERS,
    ) -> None:
        self._buyers = buyers
        self._kept = kept
        self._console = console
        self._faults = faults
        self._wanted = len(faults) if faults else wanted
        self._allowed = allowed
        self._kinds = tuple(dict.fromkeys((*KINDS, *faults)))
        self._is_planned = not faults or tuple(faults) == tuple(SHORT)

    async def run(self) -> int:
        """0 if nothing is wrong and enough faults count, of every kind if it is a full run; else 1."""
        kept = self._kept
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # as INT: the stack is put away
        with progress_bar(self._console, "{task.completed} of {task.total} faults, {task.fields[said]}") as progress:
            bar = progress.add_task("chaos", total=self._wanted, completed=kept.counted, said="")
            while faults := clocks_last(await self._due()):
                await self._run_segment(len(kept.segments), faults, progress, bar)
                self._write()
        said = self._write()
        self._console.print(said, markup=False)
        found = wrongs(kept.outcomes, kept.segments) + lates(kept.outcomes, self._kinds, self._allowed)
        if not self._faults:
            found += unmet(kept.outcomes, kept.segments, self._kinds)
        if self._is_planned:
            found += untimed(kept.outcomes, kept.segments, self._kinds)
        for wrong in found:
            self._console.print(wrong, style="red", markup=False)
        if kept.counted < self._wanted:
            self._console.print(f"{kept.counted} faults count, {self._wanted} are wanted", style="red")
        return 1 if found or kept.counted < self._wanted else 0

    async def _due(self) -> Sequence[type[Fault]]:
        """Those of the next segment; none: there is to be none.

        When enough count, those kinds of which none has that this machine allows.
        """
        number = len(self._kept.segments)
        if number >= (1 if self._faults else MOST_SEGMENTS):
            return ()
        if self._kept.counted < self._wanted:
            return self._faults or segment_faults(number)
        if self._faults:
            return ()
        missing = uncounted(self._kept.outcomes, self._kinds)
        return [kind for kind in missing if not await kind().cannot()]

    def _write(self) -> str:
        said = summary(
            self._kept.outcomes,
            self._kept.segments,
            self._kinds,
            is_full=not self._faults,
            is_planned=self._is_planned,
        )
        said["code"] = code_of(self._kept.folder)
        write(self._kept.folder, said)
        return table(said)

    async def _run_segment(self, number: int, faults: Sequence[type[Fault]], progress: Progress, bar: TaskID) -> None:
        stage = Stage(self._kept.folder / f"stack-{number}", self._buyers)
        progress.update(bar, said=f"starting stack {number}")
        skipped: dict[str, str] = {}
        audited = Audited([], 0, 0, Tally())
        try:
            await stage.start()
            survived = await self._undergo_all(stage, number, faults, skipped, progress, bar)
            progress.update(bar, said=f"auditing stack {number}")
            audited = await stage.audit()
        except Exception as failure:
            survived = False
            audited.findings.append(f"the stack could not be used or audited: {failure!r}")
        finally:
            audited.findings.extend(await stage.close())
        findings, rows, replies, tally, baskets, refused, organized = audited
        if survived and not findings and not any(one.wrong for one in self._kept.outcomes if one.segment == number):
            shutil.rmtree(stage.folder)  # else somebody will want to look into it
        self._kept.add_segment(
            Segment(
                number,
                rows,
                replies,
                findings,
                tally.calls,
                tally.unresolved,
                tally.unchecked,
                skipped,
                baskets,
                tally.elsewhere,
                tally.vague,
                dict(refused),
                tally.untimed,
                tally.timed,
                organized,
            )
        )

    async def _undergo_all(
        self,
        stage: Stage,
        number: int,
        faults: Sequence[type[Fault]],
        skipped: dict[str, str],
        progress: Progress,
        bar: TaskID,
    ) -> bool:
        """Whether all were survived; those behind one that was not are not inflicted."""
        turn = await stage.load.next_turn()
        last = turn
        try:
            for kind in faults:
                fault = kind()
                why_not = await fault.cannot()
                if why_not:
                    skipped[kind.what] = why_not
                    self._console.print(f"SKIPPED: {kind.what}: {why_not}", style="yellow", markup=False)
                    continue
                progress.update(bar, said=kind.what)
                outcome, next_turn = await undergo(fault, stage, last, number)
                self._kept.add_outcome(outcome)
                progress.update(bar, completed=self._kept.counted)
                self._console.print(_line(outcome), style="red" if outcome.wrong else "", markup=False)
                if next_turn is None:
                    return False
                last = next_turn
        except BaseException:
            await last.abandon()
            raise
        await last.end()
        return True


def run_campaign(folder: Path, *, short: bool, fresh: bool, faults: Sequence[type[Fault]] = ()) -> int:
    """Run it, or go on with it; its exit code."""
    if fresh or short or faults:
        shutil.rmtree(folder, ignore_errors=True)
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    if clear_of_other_code(folder, fingerprint(OF_CHAOS)):
        console.print(HAS_CHANGED, style="yellow")
    return asyncio.run(Campaign(Kept(folder), console, faults or (SHORT if short else ())).run())


def _line(outcome: Outcome) -> str:
    still = f", stood still for {outcome.stood_still_s:.1f} s" if outcome.stood_still_s else ""
    counts = outcome.effect if outcome.counted else f"DOES NOT COUNT{still}"
    wrong = "".join(f"; WRONG: {wrong}" for wrong in outcome.wrong)
    return (
        f"{outcome.fault}: {counts}; unavailable {outcome.unavailable_s:.2f} s, recovered after "
        f"{outcome.recovered_s:.1f} s, restored after {outcome.restored_s:.1f} s, {outcome.writes:,} writes{wrong}"
    )


def _is_objectionable(outcome: Outcome) -> bool:
    return bool(outcome.wrong or lates([outcome], KINDS))


def _put_aside(folder: Path) -> None:
    """The next stack of this number takes its place."""
    if folder.exists():
        end_all(folder)
        folder.rename(folder.with_name(f"{folder.name}-never-audited-{time.time_ns()}"))


def _write(path: Path, kept: Sequence[msgspec.Struct]) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in kept))
    new.replace(path)


def _read(path: Path, kind: type[S]) -> list[S]:
    return [msgspec.json.decode(line, type=kind) for line in whole_lines(path)]

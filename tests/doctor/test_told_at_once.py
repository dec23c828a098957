"""`holdfast doctor` tells what is found at once, what costs little first; Ctrl-C loses nothing of it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from actors.core.ids import event_id
from serve.doctor import findings
from serve.doctor.examination import CHECKS, INTERRUPTED, LONG, QUICK, Examination, Repaired, run_doctor
from serve.doctor.findings import Finding, Patient, Standing
from tests.doctor.test_doctor import command
from tests.doctor.ward import quiet, ward
from tests.processes import killed_at_the_end
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
OK, WARNING, WRONG = Standing
PATIENCE_S, CONTROLS_S = 60.0, 10.0
NOT_LOOKED_AT = "not looked at, interrupted: archived, chains, snapshots"

# A shell that starts something in the background has it ignore Ctrl-C.
RUN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{}\nfrom serve.cli import app; app()"


@asynccontextmanager
async def doctor(world: World, sabotage: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command as a process, while the first of the long checks waits for somebody's lock."""
    async with world.connection.transaction():
        await world.connection.execute("lock table archived_blocks")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", RUN.format(sabotage), "doctor", "--database-url", world.database_url, *words),
            env=os.environ | {"HOLDFAST_REDIS_URL": "redis://127.0.0.1:1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with killed_at_the_end(process):
            yield process


async def until_it_waits(world: World) -> None:
    """Until the doctor waits for the lock."""
    waiting = "select from pg_stat_activity where application_name = 'holdfast audit' and wait_event_type = 'Lock'"
    while not await world.connection.fetch(waiting):
        await asyncio.sleep(0.05)
        await world.connection.execute("select pg_stat_clear_snapshot()")  # else it is as of the first look


async def check_told_meanwhile(world: World, sabotage: str = "") -> None:
    """All that the quick checks find is told while a long one hangs; after Ctrl-C what was not looked at is, too."""
    async with ward(world), doctor(world, sabotage) as process:
        assert process.stdout is not None
        told: list[str] = []
        async with asyncio.timeout(PATIENCE_S):
            while not told or told[-1] != list(QUICK)[-1]:
                line = (await process.stdout.readline()).decode()
                assert line, "it ended"
                told += [] if line.startswith(" ") else [line[10:].partition(":")[0]]
            assert told == list(QUICK)
            await until_it_waits(world)
            process.send_signal(signal.SIGINT)
            said, errors = await process.communicate()
        assert said.decode().splitlines()[-1].strip() == NOT_LOOKED_AT
        assert (process.returncode, errors) == (INTERRUPTED, b"")


async def test_the_quick_checks_are_told_while_a_long_one_hangs_and_ctrl_c_says_what_is_missing(world: World) -> None:
    await check_told_meanwhile(world)


async def check_json(world: World, sabotage: str = "") -> None:
    """After Ctrl-C it is one document, with all that was found."""
    async with ward(world), doctor(world, sabotage, "--json") as process:
        async with asyncio.timeout(PATIENCE_S):
            await until_it_waits(world)
            process.send_signal(signal.SIGINT)
            said, errors = await process.communicate()
        document = json.loads(said)
        assert [finding["check"] for finding in document["findings"]] == list(QUICK)
        assert (document["standing"], document["not_looked_at"]) == ("WARNING", list(LONG))
        assert (process.returncode, errors) == (INTERRUPTED, b"")


async def test_after_ctrl_c_the_document_has_what_was_found(world: World) -> None:
    await check_json(world)


LONG_FIRST = "from serve.doctor import examination as e; e.CHECKS = (*e.LONG, *e.QUICK)"
AT_THE_END = """
from serve.doctor import examination as e
shipped = e.Examination.make
async def make(self, patient, progress, tell, **options):
    await shipped(self, patient, progress, e._unheard, **options)
    for finding in self.findings: tell(finding)
e.Examination.make = make
"""
LOSES_ALL = """
from serve.doctor import examination as e
shipped = e.asyncio.run
def run(main):
    try: shipped(main)
    except KeyboardInterrupt: raise SystemExit(1)
e.asyncio.run = run
"""
SAYS_ALL_IS_WELL = "from serve.doctor import examination as e; e.INTERRUPTED = 0"


@pytest.mark.parametrize("sabotage", [LONG_FIRST, AT_THE_END])
async def test_control_a_doctor_that_tells_late_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, sabotage: str
) -> None:
    monkeypatch.setitem(check_told_meanwhile.__globals__, "PATIENCE_S", CONTROLS_S)
    with pytest.raises(TimeoutError):
        await check_told_meanwhile(world, sabotage)


@pytest.mark.parametrize("sabotage", [LOSES_ALL, SAYS_ALL_IS_WELL])
async def test_control_a_doctor_that_says_nothing_of_what_is_missing_is_noticed(world: World, sabotage: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        await check_told_meanwhile(world, sabotage)
    with pytest.raises((AssertionError, json.JSONDecodeError)):
        await check_json(world, sabotage)


async def check_told_on_the_way(world: World) -> None:
    """What the reading of journals finds is told before the rest is read, and stays when it is interrupted there."""
    async with ward(world) as ill:
        blocks = sorted(event.block for event in ill.events)
        for block in blocks[::2]:
            await ill.execute("delete from journal where block_id = $1 and position = 3", block)
        told: list[Finding | Repaired] = []
        made, progress = Examination(), quiet()

        def tell(one: Finding | Repaired) -> None:
            told.append(one)
            if one.check == "chains":
                making.cancel()

        making = asyncio.create_task(made.make(ill.patient, progress, tell, repair=False, quick=False))
        with pytest.raises(asyncio.CancelledError):
            await making
        assert told == made.findings
        (found,) = [finding for finding in made.findings if finding.check == "chains"]
        assert found.standing is WRONG
        assert found.seen.startswith(event_id(blocks[0]))
        assert made.not_looked_at == ["chains", "snapshots"]
        assert [task.description for task in progress.tasks] == ["archived", "chains"]
        assert 0 < progress.tasks[-1].percentage < 100


async def test_damage_is_told_before_the_other_journals_are_read(world: World) -> None:
    await check_told_on_the_way(world)


async def test_control_a_doctor_that_reads_all_before_it_tells_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = LONG["chains"]

    async def when_done(patient: Patient, progress: Any) -> AsyncIterator[Finding]:
        for finding in [finding async for finding in shipped(patient, progress)]:
            yield finding

    monkeypatch.setitem(LONG, "chains", when_done)
    with pytest.raises((AssertionError, ValueError)):
        await check_told_on_the_way(world)


async def test_of_many_blocks_the_first_are_told_and_how_many_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "SHOWN", 1)
    async with ward(world) as ill:
        await ill.execute("delete from journal where position = 3")
        first, more = await ill.looked("chains")
        assert (first.standing, more.standing, more.seen) == (WRONG, WRONG, "2 more blocks")


async def test_what_reads_all_that_was_sold_can_be_left_out(world: World) -> None:
    async with ward(world):
        told = await command(world, "--quick")
        assert told.exit_code == WARNING
        lines = told.stdout.splitlines()
        checks = [line[10:].partition(":")[0] for line in lines if not line.startswith(" ")]
        assert checks == list(QUICK)
        assert lines[-1].strip() == "not looked at, --quick: archived, chains, snapshots"
        document = json.loads((await command(world, "--quick", "--json")).stdout)
        assert document["not_looked_at"] == list(LONG)


async def test_on_a_terminal_it_shows_how_far_it_is_and_prints_nothing_else_there(world: World) -> None:
    async with ward(world) as well:
        said, shown = StringIO(), StringIO()
        console = Console(file=said, highlight=False, soft_wrap=True, markup=False, emoji=False)
        errors = Console(file=shown, force_terminal=True, width=80)
        patient = well.patient._replace(connection=None)
        code = await asyncio.to_thread(run_doctor, patient, console, errors, repair=False, quick=False, as_json=False)
        assert code == WARNING
        checks = [line[10:].partition(":")[0] for line in said.getvalue().splitlines() if not line.startswith(" ")]
        assert checks == list(CHECKS)
        assert all(f"{name} " in shown.getvalue() and "100%" in shown.getvalue() for name in ("chains", "snapshots"))
        assert "are sound" not in shown.getvalue()


async def test_what_was_found_and_mended_is_told_in_that_order(world: World) -> None:
    async with ward(world) as ill:
        await ill.execute("update snapshots set state = overlay(state placing '\\x00ff'::bytea from 40)")
        told: list[str] = []

        def tell(one: Finding | Repaired) -> None:
            if one.check == "snapshots":
                told.append("mended" if isinstance(one, Repaired) else one.standing.name)

        made = await ill.examined(repair=True, tell=tell)
        assert told == ["WARNING"] * 6 + ["mended"] * 6 + ["OK"]
        assert [finding.standing for finding in made.findings if finding.check == "snapshots"] == [OK]

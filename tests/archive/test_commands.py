"""`holdfast archive`, `holdfast retention` and `--archive`: what they say, how they end, what they refuse by name."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from typer.testing import CliRunner, Result

from actors.archive.archive_file import SUFFIX
from actors.core.ids import event_id
from serve.cli import app
from tests.archive.finished import check_whole, close_and_archive, finished_event, finished_in_parts, rows_in_journal
from tests.archive.named import BUYER, who_names
from tests.archive.test_erasing import listing
from tests.projections.selling import SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

NOWHERE = "event_0000000000009999"
SLOWLY = 8  # events that are put away one after the other, while the command is killed


async def command(world: World, *words: str) -> Result:
    """Run it against the world's database, in a thread: it has a loop of its own."""
    unset = {"HOLDFAST_DATABASE_URL": None, "HOLDFAST_DATA_DIR": None}
    given = (*words, "--database-url", world.database_url)
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, given, env=unset))


async def said(world: World, exit_code: int, *words: str) -> tuple[list[str], list[str]]:
    """The lines that it says, and those by which it says what is wrong."""
    ended = await command(world, *words)
    assert ended.exit_code == exit_code, (words, ended.stdout, ended.stderr, ended.exception)
    return ended.stdout.splitlines(), ended.stderr.splitlines()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def id_of(event: SellingEvent) -> str:
    return event_id(event.block)


class Bad(NamedTuple):
    """A command that names something that is not, and what its one line begins with."""

    words: tuple[str, ...]
    line: str


def bad_commands(there: Path) -> list[Bad]:
    """`there`: a file that is no archive."""
    file, nowhere = str(there), str(there.with_name("nowhere"))
    no_archive = f"{file}: Not a gzipped file"
    return [
        Bad(("archive", "put"), "name events, or give --finished-before"),
        Bad(("archive", "put", NOWHERE, "--finished-before", "2020-01-01"), "name events, or give --finished-before"),
        Bad(("archive", "put", "--finished-before", "2999-01-01"), "--finished-before: must not be in the future"),
        Bad(("archive", "put", "friday"), "friday is not the id of an event"),
        Bad(("archive", "put", NOWHERE, "--into", file), f"--into: cannot use {file} (File exists)"),
        Bad(
            ("archive", "put", NOWHERE, "--into", str(there.parent)),
            f"archive: {NOWHERE}: the journal has no row of it",
        ),
        Bad(("archive", "restore", nowhere), "archive: [Errno 2] No such file or directory: "),
        Bad(("archive", "restore", file), f"archive: {no_archive}"),
        Bad(("replay", NOWHERE, "--archive", file), no_archive),
        Bad(("replay", NOWHERE, "--archive", nowhere), "[Errno 2] No such file or directory: "),
        Bad(("journal", NOWHERE, "--archive", file), no_archive),
        Bad(
            ("retention", "--older-than", "30", "--erase-after", "7"),
            "--erase-after: must not be less than --older-than",
        ),
        Bad(("retention", "--older-than", "30", "--except", "friday"), "--except: friday is not the id of an event"),
        Bad(
            ("retention", "--older-than", "30", "--except", NOWHERE),
            f"--except: {NOWHERE} is no event of this database, and no part of one",
        ),
        Bad(("retention", "--older-than", "30", "--into", file), f"--into: cannot use {file} (Not a directory)"),
        Bad(("retention", "--older-than", "30", "--into", file, "--apply"), f"--into: cannot use {file} (File exists)"),
    ]


async def test_what_is_wrong_is_said_in_one_line_that_names_it(world: World, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("no archive")
    for bad in bad_commands(file):
        printed, (line, *more) = await said(world, 1, *bad.words)
        assert (printed, more) == ([], []), bad
        assert line.startswith(bad.line), line
    printed, _ = await said(world, 1, "audit", "--archive", str(file))
    assert printed[0].startswith(f"audit: {file}: Not a gzipped file")
    for words, field in (
        (("retention",), "--older-than"),
        (("retention", "--older-than", "-1"), "--older-than"),
        (("retention", "--older-than", "soon"), "--older-than"),
        (("retention", "--older-than", "1", "--erase-after", "soon"), "--erase-after"),
        (("archive", "put", "--finished-before", "soon"), "--finished-before"),
        (("archive", "put", NOWHERE, "--quiet-days", "-1"), "--quiet-days"),
        (("archive", "restore"), "file"),
    ):
        printed, lines = await said(world, 2, *words)
        assert printed == []
        assert field in "\n".join(lines).lower(), words


async def test_an_event_goes_and_comes_back_by_commands(world: World, tmp_path: Path) -> None:
    event, selling = await finished_event(world), await world.event()
    await follow_all(listing(world))
    before = await rows_in_journal(world)
    into = ("--into", str(tmp_path))
    printed, errors = await said(world, 1, "archive", "put", id_of(event), id_of(selling), *into)
    (line,) = printed
    path = tmp_path / f"{id_of(event)}{SUFFIX}"
    assert line.startswith(f"{path}: ")
    assert line.endswith(f" bytes; {len(event.rows) - 1} rows left the journal")
    assert errors == [f"archive: {id_of(selling)}: it is ON_SALE, and not ARCHIVED"]
    archive = ("--archive", str(tmp_path))
    assert (await said(world, 0, "audit", *archive))[1] == []
    assert (await said(world, 0, "replay", id_of(event), *archive))[1] == []
    shown, _ = await said(world, 0, "journal", id_of(event), *archive)
    assert any(BUYER in line for line in shown)
    assert (await said(world, 1, "replay", id_of(event)))[1] != []
    _, errors = await said(world, 1, "projections", "rebuild", id_of(event))
    assert errors == [f"rebuild: not without the rows of {id_of(event)} that are in the archive {path.name}"]
    printed, _ = await said(world, 0, "archive", "restore", str(path))
    assert printed == [f"{path}: {len(event.rows) - 1} rows are back"]
    assert await rows_in_journal(world) == before
    printed, _ = await said(world, 0, "archive", "put", "--finished-before", "2024-01-01", *into)
    assert len(printed) == 1
    assert await said(world, 0, "archive", "put", "--finished-before", "2024-01-01", *into) == ([], [])


async def test_retention_says_what_it_would_do_and_then_does_it(world: World, tmp_path: Path) -> None:
    old, kept, selling = await finished_event(world, 3), await finished_event(world, 7), await world.event()
    unfinished = await world.event()
    await unfinished.sell(unfinished.hold("Hall/A/1"))
    unfinished.now_ms -= 24 * 3_600_000
    await close_and_archive(unfinished)
    await follow_all(listing(world))
    before = await rows_in_journal(world)
    words = ("retention", "--older-than", "30", "--erase-after", "60", "--except", id_of(kept), "--into", str(tmp_path))
    stays = ["1 of that age are ON_SALE, and not ARCHIVED: they stay", f"{id_of(kept)}: stays, as --except says"]
    refused = f"retention: {id_of(unfinished)}: something of it is still to happen (a hold, an order, a leg, an errand)"
    assert selling.rows

    printed, errors = await said(world, 1, *words)
    assert printed == [
        f"{id_of(old)}: to put away, {len(old.rows) - 1} rows",
        f"{id_of(old)}: to erase as well, once it is put away",
        *stays,
        "1 to put away, 1 to erase, 1 refused",
        "nothing was changed: --apply does it",
    ]
    assert errors == [refused]
    assert await rows_in_journal(world) == before
    assert names_in(tmp_path) == []

    printed, errors = await said(world, 1, *words[:3], *words[5:], "--apply")
    path = tmp_path / f"{id_of(old)}{SUFFIX}"
    assert printed[0].startswith(f"{path}: ")
    assert printed[1:] == [*stays, "1 put away, 0 erased, 1 refused"]
    assert errors == [refused]
    printed, _ = await said(world, 1, *words)
    assert printed[0] == f"{id_of(old)}: to erase, with {path}"
    printed, _ = await said(world, 1, *words, "--apply")
    assert printed == [f"{id_of(old)}: erased, with {path}", *stays, "0 put away, 1 erased, 1 refused"]
    assert await who_names(world, tmp_path, old.block) == []
    assert await who_names(world, tmp_path, kept.block) != []
    printed, _ = await said(world, 1, *words, "--apply")
    assert printed == [*stays, "0 put away, 0 erased, 1 refused"], "done again, there is nothing to do"


async def test_one_at_a_time(world: World, tmp_path: Path) -> None:
    await world.connection.execute("select pg_advisory_lock(hashtextextended('holdfast.retention', 0))")
    for words in (("retention", "--older-than", "1", "--apply"), ("archive", "put", "--finished-before", "2020-01-01")):
        _, errors = await said(world, 1, *words, "--into", str(tmp_path))
        assert errors == [f"{words[0]}: another archive put or retention runs on this database"]
    await said(world, 0, "retention", "--older-than", "1", "--into", str(tmp_path))


async def test_killed_anywhere_nothing_is_lost_and_again_it_is_done(world: World, tmp_path: Path) -> None:
    """SIGKILL to the command at its first words, again and again until it comes to its end; then while it erases."""
    events = [await finished_event(world, seed) for seed in range(SLOWLY)]
    events += (await finished_in_parts(world))[:1]
    await follow_all(listing(world))
    before = await rows_in_journal(world)
    (tmp_path / f"event_of_before{SUFFIX}.unfinished").write_bytes(b"left by who was killed")
    drawn = Random(1)

    words = ("--older-than", "30", "--into", str(tmp_path), "--apply")
    kills = await kill_until_done(world, words, drawn, lambda: check_whole(world, tmp_path, before))
    assert kills >= 3
    assert await world.rows("select count(*) from journal") == [(len(events) + 1,)]
    assert [name for name in names_in(tmp_path) if not name.endswith(SUFFIX)] == []

    async def all_or_nothing() -> None:
        for event in events:
            ((erased,),) = await world.rows("select erased_at from archived_blocks where block_id = $1", event.block)
            there = await who_names(world, tmp_path, event.block)
            assert erased is None or set(there) <= {f"{id_of(event)}{SUFFIX}"}, "half of it is erased"

    kills = await kill_until_done(world, (*words, "--erase-after", "60"), drawn, all_or_nothing)
    assert kills >= 3
    assert names_in(tmp_path) == []
    await said(world, 0, "audit")


async def kill_until_done(
    world: World, words: tuple[str, ...], drawn: Random, check: Callable[[], Awaitable[None]]
) -> int:
    """How often it was killed; each time a little after it said that something is done."""
    for kills in range(100):
        ended = await asyncio.to_thread(run_and_kill, world.database_url, words, drawn.random() * 0.02)
        await check()
        if ended == 0:
            return kills
    raise AssertionError("it never comes to its end")


def run_and_kill(url: str, words: tuple[str, ...], later_s: float) -> int:
    """Its exit code, negative if it was killed."""
    begin = "import sys; sys.argv[0] = 'holdfast'; from serve.cli import main; main()"
    call = [sys.executable, "-uc", begin, "retention", *words, "--database-url", url]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        try:
            return process.wait(None if said.startswith("0 put away, 0 erased") else later_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

"""`holdfast retention`: events that are over are put away after one time, and erased after another."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from actors.core.ids import BlockId, event_id, parse_event_id
from actors.core.replies import EventStatus
from serve.command_line import DatabaseUrl, DataDir, database_url_of, errors, fail, out

if TYPE_CHECKING:
    from actors.database.connect import Connection

_MOST_DAYS = 36_500


def retention(
    older_than: Annotated[
        float,
        typer.Option(
            min=0, max=_MOST_DAYS, help="For how many days nobody must have written to an event that is put away."
        ),
    ],
    erase_after: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=_MOST_DAYS,
            help="And to one that is erased: its archive is deleted, and who had what of it. None: nothing is.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--except", help="An event, or a part of one, that stays as it is, as for a dispute; again for more."
        ),
    ] = None,
    into: Annotated[Path, typer.Option(help="The folder of the archives.")] = Path("archive"),
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else it is only said what would be done.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Put away the archived events of long ago, and erase those of longer ago; says what it would do, or does it.

    Beside a running server. Done again, it goes on where it was stopped. What was written of an event after it was
    put away, as a refund, goes into its archive as well, if that is in the folder; else it stays. What is not over
    stays: an event that is not archived, or has a hold, an order, a slot or an errand that is still to end. So does,
    and it is said why, one that is quarantined or has an alarm that nobody has acknowledged. Desks have no end, and
    keep their baskets and their orders; backups that were made before keep all they have. Exit 1 if something that is
    old enough cannot be put away or erased.
    """
    from actors.database.connect import FAULTS
    from actors.database.line import LineUnavailable

    if erase_after is not None and erase_after < older_than:
        fail("--erase-after: must not be less than --older-than")
    named = [_named(text) for text in keep or ()]
    now = datetime.now(UTC)
    put_before, erase_before = (
        None if days is None else int((now - timedelta(days=days)).timestamp() * 1000)
        for days in (older_than, erase_after)
    )
    assert put_before is not None
    try:
        if apply:
            into.mkdir(parents=True, exist_ok=True)
        elif into.exists() and not into.is_dir():
            raise NotADirectoryError(20, "Not a directory")
    except OSError as fault:
        fail(f"--into: cannot use {into} ({fault.strerror})")
    keeper = _Keeper(into, put_before, erase_before, named, applies=apply)
    try:
        asyncio.run(keeper.run(database_url_of(data_dir, database_url)))
    except (LineUnavailable, *FAULTS) as fault:
        fail(f"retention: {fault}")
    raise typer.Exit(1 if keeper.refused else 0)


def _named(text: str) -> BlockId:
    block = parse_event_id(text)
    if block is None:
        fail(f"--except: {text} is not the id of an event")
    return block


async def _home_of(connection: "Connection", database_url: str, block: BlockId) -> BlockId:
    """The home of the event that is meant by this block; what is none's, or is erased, ends the command."""
    from actors.archive.putting_away import event_of
    from actors.database.line import Line
    from actors.projections.block_roles import roles_of_blocks

    found = await event_of(connection, block)
    if found is None:
        line = Line(database_url, application_name="holdfast retention")
        try:
            role = (await roles_of_blocks(line)).get(block)
        finally:
            await line.close()
        if role is None:
            fail(f"--except: {event_id(block)} is no event of this database, and no part of one")
        return role.home
    home, erased_at = found
    if erased_at is not None:
        fail(f"--except: {event_id(home)} was erased on {erased_at:%Y-%m-%d}")
    return home


class _Counts(msgspec.Struct):
    put_away: int = 0
    erased: int = 0


class _Keeper:
    """One run. `refused`: how many events are old enough and stay all the same."""

    def __init__(
        self, folder: Path, put_before_ms: int, erase_before_ms: int | None, named: list[BlockId], *, applies: bool
    ) -> None:
        self._folder = folder
        self._put_before_ms = put_before_ms
        self._erase_before_ms = erase_before_ms
        self._named = named
        self._kept: frozenset[BlockId] = frozenset()
        self._applies = applies
        self._done = _Counts()
        self._put: list[BlockId] = []
        self._refused: set[BlockId] = set()

    @property
    def refused(self) -> int:
        return len(self._refused)

    async def run(self, database_url: str) -> None:
        """All of it; raises OSError, `FAULTS`."""
        from actors.archive.putting_away import take_all_turns
        from actors.database.connect import connect

        connection = await connect(database_url, application_name="holdfast retention")
        try:
            self._kept = frozenset([await _home_of(connection, database_url, block) for block in self._named])
            if self._applies and not await take_all_turns(connection):
                fail("retention: another archive put or retention runs on this database")
            await self._finish_what_was_begun(connection)
            await self._put_away(connection)
            await self._erase(connection)
            await self._say_what_stays(connection)
        finally:
            await connection.close()
        done = self._done
        words = "put away, {} erased, {} refused" if self._applies else "to put away, {} to erase, {} refused"
        out.print(f"{done.put_away:,} {words.format(f'{done.erased:,}', f'{self.refused:,}')}")
        if not self._applies:
            out.print("nothing was changed: --apply does it")

    async def _finish_what_was_begun(self, connection: "Connection") -> None:
        from actors.archive.erasing import delete, forget_findings, left_of_erased, unfinished_in

        if self._applies:
            await forget_findings(connection)
        for path in (*unfinished_in(self._folder), *await left_of_erased(connection, self._folder)):
            if self._applies:
                delete(path)
            out.print(f"{path}: {'deleted' if self._applies else 'to delete'}, as an earlier run was stopped")

    async def _put_away(self, connection: "Connection") -> None:
        from actors.archive.archive_file import ArchiveDamaged
        from actors.archive.putting_away import (
            ArchiveElsewhere,
            NotPutAway,
            finished_before,
            put_away,
            rows_to_put_away,
        )

        for home in await finished_before(connection, self._put_before_ms):
            if home in self._kept:
                continue
            try:
                if self._applies:
                    done = await put_away(connection, home, self._folder, self._put_before_ms)
                    said = f"{done.path}: {done.path.stat().st_size:,} bytes; {done.rows:,} rows left the journal"
                else:
                    rows = await rows_to_put_away(connection, home, self._folder, self._put_before_ms)
                    said = f"{event_id(home)}: to put away, {rows:,} rows"
            except ArchiveElsewhere as elsewhere:
                out.print(f"{elsewhere}; until then what was written since stays")
            except (NotPutAway, ArchiveDamaged, OSError) as fault:
                self._refuse(home, fault)
            else:
                self._done.put_away += 1
                self._put.append(home)
                out.print(said)

    async def _erase(self, connection: "Connection") -> None:
        from actors.archive.archive_file import ArchiveDamaged
        from actors.archive.erasing import NotErased, archive_to_erase, erasable_before, erase
        from actors.archive.putting_away import NotPutAway, finished_before

        if self._erase_before_ms is None:
            return
        if not self._applies:
            for home in await finished_before(connection, self._erase_before_ms):
                if home in self._put:
                    self._done.erased += 1
                    out.print(f"{event_id(home)}: to erase as well, once it is put away")
        for home in await erasable_before(connection, self._erase_before_ms):
            if home in self._kept or home in self._refused or (home in self._put and not self._applies):
                continue
            try:
                if self._applies:
                    path = await erase(connection, home, self._folder, self._erase_before_ms)
                else:
                    path = (await archive_to_erase(connection, home, self._folder, self._erase_before_ms)).path
            except (NotErased, NotPutAway, ArchiveDamaged, OSError) as fault:
                self._refuse(home, fault)
            else:
                self._done.erased += 1
                out.print(f"{event_id(home)}: {'erased' if self._applies else 'to erase'}, with {path}")

    async def _say_what_stays(self, connection: "Connection") -> None:
        from actors.archive.putting_away import quiet_and_not_archived

        for status, count in await quiet_and_not_archived(connection, self._put_before_ms):
            out.print(f"{count:,} of that age are {EventStatus(status).name}, and not ARCHIVED: they stay")
        for home in sorted(self._kept):
            out.print(f"{event_id(home)}: stays, as --except says")

    def _refuse(self, home: BlockId, fault: Exception) -> None:
        self._refused.add(home)
        errors.print(f"retention: {fault}")

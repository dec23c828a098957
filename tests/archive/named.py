"""Where a buyer is named: in any column of any table, by what Postgres says there is, and in archives."""

from pathlib import Path

from actors.archive.archive_file import archives_at
from actors.auditor.alarms import Alarm, Alarms
from actors.catalogue.quarantines import Quarantines
from actors.core.ids import BlockId
from tests.projections.selling import World

BUYER = "ana"
COLUMNS = """
select table_name::text, array_agg(column_name::text) filter (where column_name ~ 'block|home')
from information_schema.columns
where table_schema = current_schema()
group by table_name
order by table_name
"""
OPERATOR, AUDITOR = "eve", "auditor"


async def who_names(world: World, folder: Path, block: str) -> list[str]:
    """Where the buyer stands, of what is kept of the block: `table.column`, and names of archives.

    Of a table in which no column is of a block, all rows are looked at.
    """
    found = set()
    for table, of_block in await world.rows(COLUMNS):
        where = "" if of_block is None else f" where $1 in ({', '.join(of_block)})"
        for row in await world.connection.fetch(
            f"select * from {table}{where}", *(() if of_block is None else (block,))
        ):
            found |= {f"{table}.{column}" for column, value in row.items() if _is_named_in(value)}
    for archive in archives_at(folder):
        found |= {archive.path.name for row in archive.rows() if row.block == block and _is_named_in(row.entries)}
    return sorted(found)


def _is_named_in(value: object) -> bool:
    return BUYER.encode() in (value if isinstance(value, bytes) else str(value).encode())


async def found_and_settled(world: World, block: BlockId) -> None:
    """The audit has kept an alarm and stopped the block, both name the buyer, and an operator has settled both."""
    await alarmed(world, block)
    await acknowledged(world)
    quarantines = Quarantines(world.database_url, application_name="tests")
    try:
        why = f"LEG_DIFFERS: leg 5: is for (4, '{BUYER}', '', 0), and was meant for (4, 'bob', '', 0)"
        assert await quarantines.impose(block, 1, why, AUDITOR)
    finally:
        await quarantines.close()
    await world.connection.execute(
        "with ended as (delete from quarantines where block_id = $1 returning number) "
        "insert into quarantine_history (number, position, block_id, what, who, why) "
        "select number, 1, $1, 'ended', $2, $3 from ended",
        block,
        OPERATOR,
        f"{BUYER} has it",
    )


async def alarmed(world: World, block: BlockId) -> None:
    """The audit keeps an alarm that names the buyer."""
    alarms = Alarms(world.database_url)
    try:
        sentence = f"{BUYER} has 3 units by hold_00000000000000000007, and may have 2"
        assert await alarms.note(Alarm(block, 1, "OVER_LIMIT", sentence))
    finally:
        await alarms.close()


async def acknowledged(world: World) -> None:
    """Somebody has looked at all alarms, and says so in words that name the buyer as well."""
    alarms = Alarms(world.database_url)
    try:
        assert await alarms.acknowledge([], 1_000, OPERATOR, f"{BUYER} may")
    finally:
        await alarms.close()

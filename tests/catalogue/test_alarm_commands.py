"""`holdfast alarms` on the real Postgres."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner, Result

from actors.auditor import alarms as alarms_module
from actors.auditor.alarms import Alarm, Alarms
from serve.cli import app

pytestmark = pytest.mark.anyio

SAID = ("--by", "mara", "--why", "the failover of May")
GONE = Alarm("0000000000000007", 9, "TAIL_MISSING", "row 9 is gone", b"a" * 16)
LATE = Alarm("0000000000000008", 3, "NEVER_EXPIRED", "a hold is late")


@pytest.fixture
async def numbers(database_url: str, anyio_backend: str) -> AsyncIterator[list[int]]:
    """Of the two alarms that there are, that of the row that is gone first."""
    alarms = Alarms(database_url)
    await alarms._line.run(lambda connection: connection.execute("delete from audit_alarms"))
    for alarm in (LATE, GONE):
        assert await alarms.note(alarm)
    yield [alarm.number for alarm in await alarms.kept(10)]
    await alarms._line.run(lambda connection: connection.execute("delete from audit_alarms"))
    await alarms.close()


async def command(database_url: str, *words: str) -> Result:
    """Run it, in a thread."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["alarms", *words, "--database-url", database_url])


async def lines(database_url: str, *words: str) -> list[str]:
    """What it prints."""
    ended = await command(database_url, *words)
    assert ended.exit_code == 0, ended.output
    return ended.stdout.splitlines()


async def check_acknowledged(database_url: str, numbers: list[int]) -> None:
    """Shown until somebody acknowledges them; who and why is kept."""
    gone, late = numbers
    shown = await lines(database_url, "list")
    assert shown[0].startswith(
        f"{gone}  event_0000000000000007  row 9  TAIL_MISSING  row 9 is gone  chain {'61' * 16}, now none  first "
    )
    assert shown[1].startswith(f"{late}  event_0000000000000008  row 3  NEVER_EXPIRED  a hold is late  first ")
    assert await lines(database_url, "acknowledge", str(gone), *SAID) == [f"acknowledged: {gone}"]
    assert await lines(database_url, "list") == shown[1:]
    everything = await lines(database_url, "list", "--all")
    assert everything[0].startswith(shown[0])
    assert "(acknowledged " in everything[0]
    assert everything[0].endswith(" by mara: the failover of May)")
    assert await lines(database_url, "acknowledge", "--up-to", str(gone), *SAID) == [f"acknowledged: {late}"]
    assert await lines(database_url, "list") == ["there is no alarm"]


async def test_alarms_are_shown_and_acknowledged(database_url: str, numbers: list[int]) -> None:
    await check_acknowledged(database_url, numbers)


async def test_control_one_that_notes_nobody_is_noticed(
    database_url: str, numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = alarms_module._SQL["acknowledge"].replace("acknowledged_by = $3", "acknowledged_by = left($3, 0)")
    monkeypatch.setitem(alarms_module._SQL, "acknowledge", query)
    with pytest.raises(AssertionError):
        await check_acknowledged(database_url, numbers)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (SAID, "name the alarms by their numbers, or --up-to the last of them (holdfast alarms list)"),
        (("--by", "", "--why", "x", "--up-to", "1"), "--by: must have 1 to 200 characters, on one line"),
        (("--by", "x", "--why", "a\nb", "--up-to", "1"), "--why: must have 1 to 1000 characters, on one line"),
        ((*SAID, "0"), "not open: 0"),
        ((*SAID, "--up-to", "0", "0"), "not open: 0"),
    ],
)
async def test_what_cannot_be_is_refused_in_one_line(
    database_url: str, numbers: list[int], words: tuple[str, ...], refusal: str
) -> None:
    refused = await command(database_url, "acknowledge", *words)
    assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", f"alarms: {refusal}\n")
    assert len(await lines(database_url, "list")) == len(numbers)

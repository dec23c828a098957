"""A number is borne by one process, though two are told to bear it, as when a directory died in mid-start."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.link.address import UnixAddress, parse_address
from actors.link.client import LinkClient
from actors.link.handshake import Identity
from actors.link.transport import NotSent
from tests.catalogue.house import house
from tests.link.loopback import SECRET
from tests.processes import killed_at_the_end

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
START_S = 30.0  # a process imports everything that a shard needs


@asynccontextmanager
async def told_to_serve(
    database_url: str, generation: int, folder: str, *words: str
) -> AsyncIterator["asyncio.subprocess.Process"]:
    """A process that is to be the first incarnation of s1 (see `numbered_shard`)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.catalogue.numbered_shard", database_url, folder, str(generation)),
        *words,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with killed_at_the_end(process):
        yield process


async def address_said(process: "asyncio.subprocess.Process") -> str:
    """Where it says that it listens; empty if it ends before."""
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), START_S)).decode().strip()


def addresses_in(folder: str) -> list[str]:
    """Where somebody listens, or has listened and left the socket file behind."""
    return [str(UnixAddress(str(file))) for file in Path(folder).iterdir()]


async def check_it_ends(process: "asyncio.subprocess.Process", why: bytes) -> None:
    """It never says that it serves, but why it does not."""
    assert await address_said(process) == ""
    assert process.stderr is not None
    assert why in await process.stderr.read()
    assert await process.wait() == 1


async def check_second_of_a_number(database_url: str, *sabotage: str) -> None:
    """It ends and leaves nothing behind, and whoever comes then reaches the first."""
    with tempfile.TemporaryDirectory(prefix="hf-numbers-") as folder:
        async with (
            house(database_url) as built,
            told_to_serve(database_url, built.generation, folder, *sabotage) as first,
        ):
            address = await address_said(first)
            async with told_to_serve(database_url, built.generation, folder, *sabotage) as second:
                await check_it_ends(second, b"NumberUsed")
            assert addresses_in(folder) == [address]
            known = (await built.catalogue.newest_incarnations(built.generation))[0]["s1"]
            assert (known.address, known.pid) == (address, first.pid)
            newcomer = LinkClient(parse_address(address), SECRET, expects=Identity("s1", built.epoch(1)))
            await newcomer.ping(timeout_s=5)
            await newcomer.close()


async def test_who_comes_second_to_a_number_ends(database_url: str) -> None:
    await check_second_of_a_number(database_url)


@pytest.mark.parametrize("sabotage", ["it_stays", "it_listens_where_its_number_says", "it_leaves_its_socket_file"])
async def test_one_that_does_harm_would_be_noticed(database_url: str, sabotage: str) -> None:
    with pytest.raises((AssertionError, NotSent)):
        await check_second_of_a_number(database_url, sabotage)


async def check_unsure_of_its_number(database_url: str, *sabotage: str) -> None:
    """The catalogue names it and it has not heard of that: it ends, so that nobody reaches one who is not watched."""
    with tempfile.TemporaryDirectory(prefix="hf-numbers-") as folder:
        async with house(database_url) as built:
            async with told_to_serve(
                database_url, built.generation, folder, "the_answer_gets_lost", *sabotage
            ) as process:
                await check_it_ends(process, b"CatalogueUnavailable")
            assert addresses_in(folder) == []
            assert "s1" in (await built.catalogue.newest_incarnations(built.generation))[0]


async def test_who_does_not_hear_that_it_is_registered_ends(database_url: str) -> None:
    await check_unsure_of_its_number(database_url)


@pytest.mark.parametrize("sabotage", ["it_stays", "it_leaves_its_socket_file"])
async def test_an_unheard_one_that_leaves_something_would_be_noticed(database_url: str, sabotage: str) -> None:
    with pytest.raises(AssertionError):
        await check_unsure_of_its_number(database_url, sabotage)

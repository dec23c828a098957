"""A read is made once for all who wait for it, and for none of them alone."""

import asyncio

import pytest

from actors.shared_reads import SharedReads

pytestmark = pytest.mark.anyio


class Slow:
    """A read that waits to be told its answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.times = 0

    async def __call__(self) -> int:
        self.times += 1
        return await self.answer


async def test_all_who_ask_at_once_share_a_read_and_the_next_has_a_new_one() -> None:
    reads: SharedReads[str, int] = SharedReads()
    slow = Slow()
    first, second, other = reads.join("a", slow), reads.join("a", slow), reads.join("b", slow)
    await asyncio.sleep(0)
    assert (first.number, second.number, other.number, slow.times) == (1, 1, 2, 2)
    slow.answer.set_result(7)
    assert [await read.answer for read in (first, second, other)] == [7, 7, 7]
    assert reads.join("a", slow).number == reads.begun == 3


async def test_a_read_that_is_over_is_joined_by_nobody_not_even_before_the_loop_has_told_so() -> None:
    """Else who wants a later one gets the same again and again, without the loop ever having its turn."""
    reads: SharedReads[str, int] = SharedReads()
    slow = Slow()
    first = reads.join("a", slow)
    numbers: list[int] = []

    async def come_next() -> None:
        await slow.answer
        numbers.append(reads.join("a", slow).number)

    await asyncio.sleep(0)  # the read waits for its answer, and who comes next behind it
    coming = asyncio.create_task(come_next())
    await asyncio.sleep(0)
    slow.answer.set_result(7)
    await coming
    assert (numbers, await first.answer) == ([2], 7)
    await asyncio.sleep(0)
    assert reads.join("a", slow).number == 3, "the second was not forgotten"


async def test_who_goes_away_ends_it_for_nobody() -> None:
    reads: SharedReads[str, int] = SharedReads()
    slow = Slow()
    gone, stays = reads.join("a", slow), reads.join("a", slow)
    gone.answer.cancel()
    await asyncio.sleep(0)
    slow.answer.set_result(7)
    assert await stays.answer == 7


@pytest.mark.parametrize("who_waits", [True, False])
async def test_a_read_that_fails_fails_for_who_waits_and_concerns_nobody_else(who_waits: bool) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    reads: SharedReads[str, int] = SharedReads()
    slow = Slow()
    read = reads.join("a", slow)
    await asyncio.sleep(0)
    if not who_waits:
        read.answer.cancel()
    slow.answer.set_exception(LookupError("not there"))
    if who_waits:
        with pytest.raises(LookupError):
            await read.answer
    del read
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del slow
    assert complaints == []
    assert reads.join("a", Slow()).number == 2

"""Who hangs beside the shards is ended, and nobody else: its sessions are real ones in the real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count

import pytest

from actors import watchdog as watchdog_module
from actors.database.connect import Connection, connect
from actors.watchdog import End, Watchdog
from tests.catalogue.house import Wire

pytestmark = pytest.mark.anyio
LOOKS, PERIOD_S = 8, 0.1
PATIENCE_S = 2.0
LONG_S = 3.0  # many times as long as it takes to be found hanging

_numbers = count(1)


class Kennel:
    """A watchdog, the one that it watches, and how often it has ended it."""

    def __init__(self, watched: Connection, wire: Wire) -> None:
        self.watched = watched
        self.wire = wire
        self.ended_count = 0
        self.while_it_is_found: Callable[[], Awaitable[object]] | None = None
        self._loop = asyncio.get_running_loop()

    def find(self) -> End:
        """Called in a thread, as Ray is."""
        if self.while_it_is_found is not None:
            asyncio.run_coroutine_threadsafe(_awaited(self.while_it_is_found), self._loop).result()
        return self._end

    def _end(self) -> None:
        self.ended_count += 1

    async def asks(self, seconds: float) -> None:
        """The one that is watched asks again and again, for so long."""
        until_s = self._loop.time() + seconds
        while self._loop.time() < until_s:
            await self.watched.execute("select")
            await asyncio.sleep(PERIOD_S / 2)

    async def until_ended(self, times: int) -> None:
        """Soon, but only where nobody is ended more often."""
        async with asyncio.timeout(15):
            while self.ended_count < times:  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.05)
        assert self.ended_count == times


async def _awaited(what: Callable[[], Awaitable[object]]) -> None:
    await what()


@asynccontextmanager
async def kennel(database_url: str) -> AsyncIterator[Kennel]:
    """For as long as the block lasts; the watchdog asks over the wire, whom it watches does not."""
    wire = Wire(database_url)
    server = await wire.serve()
    session = f"holdfast-watched-{next(_numbers)}"
    watched = await connect(database_url, application_name=session)
    made = Kennel(watched, wire)
    watchdog = Watchdog(wire.database_url, session, made.find)
    watching = asyncio.create_task(watchdog.run())
    try:
        yield made
        assert not watching.done()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await watchdog.close()
        await watched.close()
        server.close()
        await wire.close()


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_module, "PERIOD_S", PERIOD_S)
    monkeypatch.setattr(watchdog_module, "LOOKS", LOOKS)
    monkeypatch.setattr(watchdog_module, "PATIENCE_S", PATIENCE_S)
    monkeypatch.setattr(watchdog_module, "BOUND_MS", 500)


async def check_hanging(database_url: str) -> None:
    """Ended soon; again, where the next hangs as well, but only when that has had its time."""
    async with kennel(database_url) as hung:
        loop = asyncio.get_running_loop()
        await hung.until_ended(1)
        ended_s = loop.time()
        await hung.until_ended(2)
        assert loop.time() - ended_s > PATIENCE_S - 0.2


async def check_asking(database_url: str) -> None:
    """Nobody ends one that asks, or that waits for an answer; when it asks no more it is ended."""
    async with kennel(database_url) as well:
        await well.asks(LONG_S)
        assert well.ended_count == 0, "it asked"
        await well.watched.execute(f"select pg_sleep({LONG_S})")
        assert well.ended_count == 0, "it waited for an answer"
        await well.until_ended(1)


async def check_postgres_that_hangs(database_url: str) -> None:
    """While Postgres is silent, or away, nothing is known of anybody; what was counted before is no more by that."""
    async with kennel(database_url) as quiet:
        for trouble in (quiet.wire.fall_silent, quiet.wire.go_away):
            await trouble()
            await asyncio.sleep(LONG_S)
            assert quiet.ended_count == 0, "nobody could ask"
            await quiet.watched.execute("select")
            quiet.wire.come_back()
            await quiet.asks(4 * PERIOD_S)
        assert quiet.ended_count == 0, "it asks again"
        await quiet.until_ended(1)


async def check_gone(database_url: str) -> None:
    """Whose sessions are all gone is ended as well, as it hung through an end of Postgres; who never had any is not."""
    async with kennel(database_url) as gone:
        await gone.asks(4 * PERIOD_S)
        await gone.watched.close()
        await gone.until_ended(1)
    strangers = Wire(database_url)
    server = await strangers.serve()
    never = Kennel(gone.watched, strangers)
    watchdog = Watchdog(database_url, "holdfast-watched-nobody", never.find)
    with suppress(TimeoutError):
        async with asyncio.timeout(LONG_S):
            await watchdog.run()
    await watchdog.close()
    server.close()
    assert never.ended_count == 0, "it was never there"


async def check_back(database_url: str) -> None:
    """One that asks again while Ray says where it is, which may take long, is spared; not so if it hangs anew."""
    async with kennel(database_url) as back:
        found = asyncio.Event()

        async def asks_again() -> None:
            await back.watched.execute("select")
            found.set()

        back.while_it_is_found = asks_again
        await asyncio.wait_for(found.wait(), 15)
        back.while_it_is_found = None
        await back.asks(4 * PERIOD_S)
        assert back.ended_count == 0, "it has asked again"
        await back.until_ended(1)


async def check_ray_away(database_url: str) -> None:
    """Where Ray does not know it, it is tried again later."""
    async with kennel(database_url) as hung:

        async def is_unknown() -> None:
            hung.while_it_is_found = None
            raise ValueError("no actor of that name")

        hung.while_it_is_found = is_unknown
        await hung.until_ended(1)


async def test_one_that_hangs_is_ended_but_not_again_at_once(database_url: str) -> None:
    await check_hanging(database_url)


async def test_one_that_asks_or_waits_for_an_answer_is_left_alone(database_url: str) -> None:
    await check_asking(database_url)


async def test_while_postgres_hangs_nobody_is_ended(database_url: str) -> None:
    await check_postgres_that_hangs(database_url)


async def test_whose_sessions_are_gone_is_ended_and_who_never_had_any_is_not(database_url: str) -> None:
    await check_gone(database_url)


async def test_one_that_asks_again_before_it_is_ended_is_spared(database_url: str) -> None:
    await check_back(database_url)


async def test_where_ray_does_not_know_it_it_is_tried_again(database_url: str) -> None:
    await check_ray_away(database_url)


async def test_who_waits_for_longer_than_any_line_does_is_ended(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have given up: so it hangs before an answer that it does not read."""
    query = watchdog_module.SQL["signs"].replace("'35 seconds'", "'1 second'")
    monkeypatch.setitem(watchdog_module.SQL, "signs", query)
    async with kennel(database_url) as hung:
        waiting = asyncio.create_task(hung.watched.execute("select pg_sleep(6)"))
        await hung.until_ended(1)
        assert not waiting.done()
        await waiting


async def test_whose_times_this_role_may_not_see_is_left_alone(database_url: str) -> None:
    """As of the sessions of another role."""
    async with kennel(database_url) as unseen:
        query = watchdog_module.SQL["signs"].replace(
            "max(state_change)", "nullif(max(state_change), max(state_change))"
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(watchdog_module.SQL, "signs", query)
            await asyncio.sleep(LONG_S)
        assert unseen.ended_count == 0


def _is_patient_with_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(watchdog_module, "PATIENCE_S", 0.0)


def _minds_no_answer_that_is_owed(patch: pytest.MonkeyPatch) -> None:
    query = watchdog_module.SQL["signs"].replace("state = 'active'", "state = 'none'")
    patch.setitem(watchdog_module.SQL, "signs", query)


def _counts_seconds(patch: pytest.MonkeyPatch) -> None:
    """A look that was not answered counts as one at which nothing has changed."""
    shipped = Watchdog._hangs

    async def hangs(self: Watchdog) -> bool:
        self._still_looks += 1
        return await shipped(self) or self._still_looks >= LOOKS

    patch.setattr(Watchdog, "_hangs", hangs)


def _misses_strangers(patch: pytest.MonkeyPatch) -> None:
    shipped = Watchdog.__init__

    def init(self: Watchdog, database_url: str, session: str, find: Callable[[], End]) -> None:
        shipped(self, database_url, session, find)
        self._was_connected = True

    patch.setattr(Watchdog, "__init__", init)


def _misses_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Watchdog, "_stands_still", lambda self, signs: False)


def _looks_once(patch: pytest.MonkeyPatch) -> None:
    """What was seen before Ray was asked is what counts."""
    patch.setattr(asyncio, "to_thread", _to_thread_and_end)


async def _to_thread_and_end(find: Callable[[], End | None]) -> End | None:
    end = await asyncio.get_running_loop().run_in_executor(None, find)
    if end is not None:
        end()
    return end


CONTROLS = {
    "is patient with nobody": (_is_patient_with_nobody, check_hanging),
    "misses nobody": (_misses_nobody, check_hanging),
    "minds no answer that is owed": (_minds_no_answer_that_is_owed, check_asking),
    "counts seconds": (_counts_seconds, check_postgres_that_hangs),
    "misses strangers": (_misses_strangers, check_gone),
    "looks once": (_looks_once, check_back),
}


@pytest.mark.parametrize("name", CONTROLS)
async def test_control_a_watchdog_that_ends_others_or_nobody_is_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sabotage, check = CONTROLS[name]
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        await check(database_url)

"""How many may wait for blocks that are on their way into memory, and how those who waited are called."""

import asyncio
from collections import Counter
from collections.abc import Iterable

import pytest

from actors.core.outcomes import Reason, Rejected
from actors.dispatch import Dispatcher
from actors.link.batch import Failed, Fault, Replied
from actors.parking import (
    MAX_ASKING,
    MAX_PARKED,
    MAX_PARKED_BYTES,
    MAX_PARKED_BYTES_PER_SHARD,
    MAX_PARKED_BYTES_PER_TENANT,
    MAX_PARKED_PER_SHARD,
    MAX_PARKED_PER_TENANT,
    Parking,
    Place,
)
from tests.engine.activating_shard import CALLERS, YES, ActivatingShard, Check, ask, is_overloaded, parked
from tests.engine.stage import on_virtual_time
from tests.simulation.world import now_ms

OTHERS = MAX_PARKED_PER_SHARD - MAX_PARKED_PER_TENANT  # who may wait for a shard beside one tenant


async def answers_of(callers: Iterable[asyncio.Task[Replied | Rejected]]) -> Counter[Replied | Rejected]:
    """How often each was given: two lists of thousands take pytest a quarter of an hour to tell apart."""
    return Counter(await asyncio.gather(*callers))


@on_virtual_time
async def test_no_more_wait_than_there_is_place_for() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    waiting = await parked(dispatcher, "cold", MAX_PARKED_PER_TENANT)
    assert is_overloaded(await ask(dispatcher, "cold"))
    assert await ask(dispatcher, "warm") == YES
    assert await answers_of(waiting) == {YES: MAX_PARKED_PER_TENANT}
    assert await ask(dispatcher, "cold") == YES


async def check_that_a_tenant_leaves_room_for_others() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    waiting = [
        caller for block in range(4) for caller in await parked(dispatcher, f"cold {block}", MAX_PARKED_PER_TENANT // 4)
    ]
    assert is_overloaded(await ask(dispatcher, "cold 0"))
    assert is_overloaded(await ask(dispatcher, "cold and new"))
    waiting += await parked(
        dispatcher, "cold 0", OTHERS // 2, tenant="club"
    )  # somebody's block is everybody's to ask for
    waiting += await parked(dispatcher, "cold and the club's", OTHERS // 2, tenant="club")
    assert await answers_of(waiting) == {YES: len(waiting)}


@on_virtual_time
async def test_a_tenant_leaves_room_for_others() -> None:
    await check_that_a_tenant_leaves_room_for_others()


async def check_that_no_more_wait_in_all_than_there_is_room_for() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    waiting = await parked(dispatcher, "cold", MAX_PARKED_PER_TENANT)
    waiting += await parked(dispatcher, "cold elsewhere", MAX_PARKED - MAX_PARKED_PER_TENANT, tenant="club")
    assert is_overloaded(await ask(dispatcher, "cold and the theatre's", tenant="theatre"))
    assert await ask(dispatcher, "warm", tenant="theatre") == YES
    assert await answers_of(waiting) == {YES: MAX_PARKED}
    assert await ask(dispatcher, "cold and the theatre's", tenant="theatre") == YES


@on_virtual_time
async def test_no_more_wait_in_all_than_there_is_room_for() -> None:
    await check_that_no_more_wait_in_all_than_there_is_room_for()


LARGE = bytes(4 << 20)  # as large as an event with its layout may be


async def check_that_a_tenant_leaves_bytes_for_others() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    waiting = await parked(dispatcher, "cold", MAX_PARKED_BYTES_PER_TENANT // len(LARGE), command=LARGE)
    assert is_overloaded(await ask(dispatcher, "cold"))
    assert is_overloaded(await ask(dispatcher, "cold and new", command=LARGE))
    assert await ask(dispatcher, "warm", command=LARGE) == YES
    waiting += await parked(dispatcher, "cold and the club's", 1, tenant="club", command=LARGE)
    assert await answers_of(waiting) == {YES: len(waiting)}
    assert await ask(dispatcher, "cold", command=LARGE) == YES


@on_virtual_time
async def test_a_tenant_leaves_bytes_for_others() -> None:
    await check_that_a_tenant_leaves_bytes_for_others()


async def check_that_no_more_bytes_wait_in_all_than_there_is_room_for() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    assert MAX_PARKED_BYTES == 2 * MAX_PARKED_BYTES_PER_TENANT
    waiting = []
    for tenant, block in (("arena", "cold"), ("club", "cold elsewhere")):
        count = MAX_PARKED_BYTES_PER_TENANT // len(LARGE)
        waiting += await parked(dispatcher, block, count, tenant=tenant, command=LARGE)
    assert is_overloaded(await ask(dispatcher, "cold theatre", tenant="theatre"))
    assert await ask(dispatcher, "warm", tenant="theatre") == YES
    assert await answers_of(waiting) == {YES: len(waiting)}
    assert await ask(dispatcher, "cold theatre", tenant="theatre") == YES


@on_virtual_time
async def test_no_more_bytes_wait_in_all_than_there_is_room_for() -> None:
    await check_that_no_more_bytes_wait_in_all_than_there_is_room_for()


async def check_that_a_shard_leaves_room_for_others() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    waiting = await parked(dispatcher, "cold", MAX_PARKED_PER_TENANT)
    waiting += await parked(dispatcher, "cold 1", OTHERS, tenant="club")
    assert is_overloaded(await ask(dispatcher, "cold 1", tenant="club"))
    assert is_overloaded(await ask(dispatcher, "cold 2", tenant="theatre"))
    assert await ask(dispatcher, "warm") == YES
    waiting += await parked(dispatcher, "cold elsewhere", OTHERS, tenant="club")
    assert await answers_of(waiting) == {YES: len(waiting)}


@on_virtual_time
async def test_a_shard_leaves_room_for_others() -> None:
    await check_that_a_shard_leaves_room_for_others()


async def check_that_a_shard_leaves_bytes_for_others() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    waiting = await parked(dispatcher, "cold", MAX_PARKED_BYTES_PER_TENANT // len(LARGE), command=LARGE)
    others = (MAX_PARKED_BYTES_PER_SHARD - MAX_PARKED_BYTES_PER_TENANT) // len(LARGE)
    waiting += await parked(dispatcher, "cold 1", others, tenant="club", command=LARGE)
    assert is_overloaded(await ask(dispatcher, "cold 1", tenant="club", command=LARGE))
    waiting += await parked(dispatcher, "cold elsewhere", 1, tenant="club", command=LARGE)
    assert await answers_of(waiting) == {YES: len(waiting)}


@on_virtual_time
async def test_a_shard_leaves_bytes_for_others() -> None:
    await check_that_a_shard_leaves_bytes_for_others()


@pytest.mark.parametrize(
    ("bound", "check"),
    [
        ("MAX_PARKED_PER_SHARD", check_that_a_shard_leaves_room_for_others),
        ("MAX_PARKED_BYTES_PER_SHARD", check_that_a_shard_leaves_bytes_for_others),
        ("MAX_PARKED_PER_TENANT", check_that_a_tenant_leaves_room_for_others),
        ("MAX_PARKED", check_that_no_more_wait_in_all_than_there_is_room_for),
        ("MAX_PARKED_BYTES_PER_TENANT", check_that_a_tenant_leaves_bytes_for_others),
        ("MAX_PARKED_BYTES", check_that_no_more_bytes_wait_in_all_than_there_is_room_for),
    ],
)
def test_waiting_without_a_bound_would_be_noticed(monkeypatch: pytest.MonkeyPatch, bound: str, check: Check) -> None:
    monkeypatch.setattr(f"actors.parking.{bound}", 1 << 40)
    with pytest.raises(AssertionError):
        on_virtual_time(check)()


async def check_that_those_who_waited_come_a_few_at_a_time() -> None:
    shard = ActivatingShard(exchange_s=0.01)
    dispatcher = Dispatcher(shard, now_ms)
    waiting = await parked(dispatcher, "cold", MAX_PARKED_PER_TENANT)
    waiting += await parked(dispatcher, "cold", OTHERS, tenant="club")
    assert await answers_of(waiting) == {YES: MAX_PARKED_PER_SHARD}
    assert shard.most_waiting <= MAX_ASKING


@on_virtual_time
async def test_those_who_waited_come_a_few_at_a_time() -> None:
    await check_that_those_who_waited_come_a_few_at_a_time()


def test_that_all_come_at_once_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.parking.MAX_ASKING", 1 << 20)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_those_who_waited_come_a_few_at_a_time)()


async def check_that_newcomers_stand_behind_those_who_waited() -> None:
    shard = ActivatingShard(exchange_s=0.05)
    dispatcher = Dispatcher(shard, now_ms)
    waiting = await parked(dispatcher, "cold", MAX_PARKED_PER_TENANT - 1)
    waiting += await parked(dispatcher, "cold", OTHERS - 1, tenant="club")
    await asyncio.sleep(shard.ready_s + 0.08 - asyncio.get_running_loop().time())
    assert 0 < len(shard.served) < len(waiting), "they are being called"
    assert await ask(dispatcher, "cold", command=b"late", tenant="club") == YES
    assert await answers_of(waiting) == {YES: len(waiting)}
    assert shard.served.index(b"late") == len(waiting)


@on_virtual_time
async def test_newcomers_stand_behind_those_who_waited() -> None:
    await check_that_newcomers_stand_behind_those_who_waited()


def test_that_newcomers_overtake_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_until_it_is_ready(self: Parking, place: Place) -> bool:
        return place in self._lines and not self._lines[place].ready

    monkeypatch.setattr(Parking, "has_line", only_until_it_is_ready)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_newcomers_stand_behind_those_who_waited)()


async def check_that_who_has_waited_is_not_sent_away() -> None:
    """Most of what a tenant may have waiting, for many blocks that are ready at once, while its other sales go on."""
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    blocks, large = 16, bytes(MAX_PARKED_BYTES_PER_TENANT // 512)
    waiting = [
        caller for block in range(blocks) for caller in await parked(dispatcher, f"cold {block}", 24, command=large)
    ]
    shard.exchange_s = 0.01
    await asyncio.sleep(shard.ready_s - asyncio.get_running_loop().time())
    ask_at_once = asyncio.get_running_loop().create_task
    waiting += [ask_at_once(ask(dispatcher, "warm", command=large)) for _ in range(500)]
    assert await answers_of(waiting) == {YES: len(waiting)}
    assert shard.way.counters.overloaded, "the coalescer had no room for all of them"


@on_virtual_time
async def test_who_has_waited_is_not_sent_away_because_all_are_called() -> None:
    await check_that_who_has_waited_is_not_sent_away()


async def check_that_an_overloaded_shard_sends_nobody_away_who_has_waited() -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    waiting = await parked(dispatcher, "cold", CALLERS)
    shard.until_ready = Failed(Fault.OVERLOADED)
    assert await answers_of(waiting) == {YES: CALLERS}


@on_virtual_time
async def test_an_overloaded_shard_sends_nobody_away_who_has_waited() -> None:
    await check_that_an_overloaded_shard_sends_nobody_away_who_has_waited()


@pytest.mark.parametrize(
    "check",
    [check_that_who_has_waited_is_not_sent_away, check_that_an_overloaded_shard_sends_nobody_away_who_has_waited],
)
def test_that_the_patient_are_sent_away_would_be_noticed(monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    monkeypatch.setattr("actors.dispatch._Errand._overloaded", lambda self: Rejected(Reason.OVERLOADED))
    with pytest.raises(AssertionError, match="OVERLOADED"):
        on_virtual_time(check)()

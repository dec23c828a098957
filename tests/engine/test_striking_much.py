"""However much is to be struck: the same as by a replay for each entry, in little more time than one replay takes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator
from random import Random
from typing import Any

import msgspec
import pytest

from actors.core import entries as e
from actors.core.commands import ConfirmOrder, CreateEvent, OpenSale, PlaceOrder
from actors.core.inventory import Inventory
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.replies import HoldStatus
from actors.core.snapshot import _in_one_go
from actors.engine import replay, striking, withholding
from actors.engine.hosted import HostedBlock
from actors.engine.striking import to_strike
from actors.engine.withholding import NO_STATE
from actors.journal.journal import JournalRow
from actors.journal.memory import MemoryJournal, MemoryStore
from actors.journal.striking import Struck
from tests.engine.random_faults import as_stored, with_faults
from tests.engine.stage import Stage, on_virtual_time
from tests.engine.struck_by_replays import struck_by_replays
from tests.engine.test_quarantines import ended, imposed
from tests.engine.test_striking import check_it_sells_again, status_of, struck_kinds, wish
from tests.engine.test_unreplayable import Rows, put_down, refused
from tests.loadtests.journals import PRINT, Journal, Shop

Patch = Callable[[pytest.MonkeyPatch], None]
SAMPLE = 300
MANY = 60
SEATS = 100
AGAIN = 1_000
"""The number of who was given the same is so much higher."""

HALL = Layout("EUR", (Category("all", 5_000),), (Section("A", (Row("1", 0, 1, SEATS),)),), (Area("floor", 0, 10),))


def sold(count: int) -> Shop:
    """An event of 100 seats, of which so many are ordered and paid by holds from 1 on, ten a row."""
    shop = Shop()
    shop.take_over()
    shop.ask(CreateEvent(shop.stamp("the event's key"), "A concert", HALL, 600_000))
    shop.ask(OpenSale(shop.stamp("open")))
    shop.commit()
    for number in range(1, count + 1):
        shop.now_ms += 1
        shop.hold(number, (f"A/1/{number}",))
        shop.ask(PlaceOrder(shop.stamp(f"order {number}"), number, number + AGAIN // 2))
        shop.ask(ConfirmOrder(shop.stamp(f"confirm {number}"), number + AGAIN // 2))
        if number % 10 == 0:
            shop.commit()
    return shop


def many_sold_twice(count: int = MANY) -> Rows:
    """So many seats are held by somebody else as well, who orders, and then what nobody has is held."""
    journal = sold(count).journal()
    at_ms = journal.last_ms
    for number in range(1, count + 1):
        again, key = number + AGAIN, number.to_bytes(16)
        held = msgspec.structs.replace(journal.placed(number), at_ms=at_ms, hold=again, key=key)
        journal.add(held, e.OrderPlaced(at_ms, again, again, key[::-1], PRINT))
    journal.add_hold(hold=2 * AGAIN, seats=(SEATS - 1,), prices=((0, 1, 5_000),))
    return journal.rows()


def many_half_applied(count: int = MANY) -> Rows:
    """A seat is offered so many times to who does not wait: each has it and leaves it so. At last somebody holds it."""
    journal = sold(count).journal()
    at_ms = journal.last_ms
    for number in range(1, count + 1):
        key = number.to_bytes(16)
        held = msgspec.structs.replace(journal.placed(1), at_ms=at_ms, hold=number + AGAIN, key=key, waiter=number)
        journal.add(msgspec.structs.replace(held, seats=(SEATS - 1,)))
    journal.add_hold(hold=2 * AGAIN, seats=(SEATS - 1,), prices=((0, 1, 5_000),))
    return journal.rows()


def one_key_twice() -> Rows:
    """Two holds have one key, which is to be forgotten twice: only who has replayed it all fails at that."""
    journal = sold(1).journal()
    at_ms = journal.last_ms
    for number in (AGAIN, AGAIN + 1):
        journal.add_hold(hold=number, seats=(number - AGAIN + 50,), prices=((0, 1, 5_000),))
    for number in (AGAIN, AGAIN + 1):
        journal.add(e.HoldReleased(at_ms, number, b"", b""))
    journal.add_hold(hold=AGAIN + 2, seats=(60,), prices=((0, 1, 5_000),), waiter=1)
    journal.add_hold(at_ms + 60 * 60_000, hold=AGAIN + 3, seats=(61,), prices=((0, 1, 5_000),), key=PRINT)
    return journal.rows()


MUCH: dict[str, tuple[Callable[[], Rows], dict[str, int]]] = {
    "seats sold twice": (many_sold_twice, {"HoldPlaced": MANY, "OrderPlaced": MANY}),
    "half applied": (many_half_applied, {"HoldPlaced": MANY}),
}
"""The journals, and what is to be struck of them."""


async def check_much(name: str) -> None:
    """All of that is struck, nothing else, and the event sells on."""
    plant, kinds = MUCH[name]
    stage, engine, block = await check_it_sells_again(plant)
    assert Counter(struck_kinds(stage, block)) == kinds
    assert await status_of(engine, block, 1) is HoldStatus.CONFIRMED
    assert await status_of(engine, block, 2 * AGAIN) is HoldStatus.ACTIVE


@pytest.mark.parametrize("name", MUCH)
def test_however_many_cannot_be_applied_they_are_struck_and_the_event_sells_on(name: str) -> None:
    on_virtual_time(check_much)(name)


async def check_in_one_replay(patch: pytest.MonkeyPatch) -> None:
    """Where seats were sold twice nothing is replayed again."""
    went_back, go_back = 0, striking._Attempt.go_back

    async def counted(self: Any, unfit: Any) -> None:
        nonlocal went_back
        went_back += 1
        await go_back(self, unfit)

    patch.setattr(striking._Attempt, "go_back", counted)
    assert len(await outcome_of(as_stored(many_sold_twice()), ())) == 2 * MANY
    assert went_back == 0


@on_virtual_time
async def test_what_was_sold_twice_is_found_in_one_replay() -> None:
    with pytest.MonkeyPatch.context() as patch:
        await check_in_one_replay(patch)


@on_virtual_time
async def test_control_where_all_is_tried_it_takes_more() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(striking, "_is_sure_to_fail", lambda *_: False)
        with pytest.raises(AssertionError):
            await check_in_one_replay(patch)


async def check_too_much(patch: pytest.MonkeyPatch) -> None:
    """Another wish may be granted, so it is not said that nothing helps, but what."""
    patch.setattr(striking, "MAX_STRUCK", 2 * MANY - 1)
    stage, rows = Stage(), many_sold_twice()
    await stage.engine()
    block = put_down(stage, rows)
    await imposed(stage, block)
    refusal = await refused(stage, block, wish(rows))
    assert refusal.startswith("given_up: more than 10,000 entries would be struck")
    assert "if a hold is named" in refusal
    assert NO_STATE not in refusal
    patch.setattr(striking, "MAX_STRUCK", 2 * MANY)
    await ended(stage, block, wish(rows))


@on_virtual_time
async def test_where_it_is_too_much_it_is_said_what_can_be_done() -> None:
    with pytest.MonkeyPatch.context() as patch:
        await check_too_much(patch)


@on_virtual_time
async def test_control_that_nothing_helps_is_noticed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(withholding, "_why_refused", lambda damage: f"{NO_STATE}: {damage}")
        with pytest.raises(AssertionError):
            await check_too_much(patch)


async def check_turns(count: int = 3_000) -> None:
    """While a state of some thousand values is kept and restored, others have their turns."""
    journal = made_event_with_room()
    at_ms = journal.last_ms
    for number in range(1, count + 1):
        key = number.to_bytes(16)
        place = e.HoldPlaced(at_ms, number, "ana", (), ((0, 1),), ((0, 1, 1),), 1 << 60, 1 << 60, key, PRINT)
        journal.add(place)
    journal.add(*(msgspec.structs.replace(place, hold=count + number, waiter=1) for number in range(1, 11)))
    turns, done = 0, asyncio.Event()

    async def turn() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    assert len(await outcome_of(as_stored(journal.rows()), ())) == 10
    done.set()
    await turning
    assert turns > 20 * 2 * count // 500, "the loop hardly came round"


def made_event_with_room() -> Journal:
    """An event with an area for thousands, on sale."""
    shop = Shop()
    shop.take_over()
    layout = Layout("EUR", HALL.categories, (), (Area("floor", 0, 100_000),))
    shop.ask(CreateEvent(shop.stamp("the event's key"), "A crowd", layout, 600_000))
    shop.ask(OpenSale(shop.stamp("open")))
    shop.commit()
    return shop.journal()


@on_virtual_time
async def test_others_have_their_turns_meanwhile() -> None:
    await check_turns()


@on_virtual_time
async def test_control_in_one_go_they_do_not() -> None:
    async def in_one_go(steps: Generator[None, None, Any]) -> Any:
        return _in_one_go(steps)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "in_slices", in_one_go)
        patch.setattr(striking, "in_slices", in_one_go)
        with pytest.raises(AssertionError):
            await check_turns()


async def outcome_of(rows: list[JournalRow], given_up: tuple[int, ...]) -> Struck | str:
    """What `to_strike` says is struck, or why not."""
    store = MemoryStore(lambda: 0)
    store.journals[rows[0].block] = rows
    try:
        return await to_strike(MemoryJournal(store), rows[0].block, given_up)
    except Exception as fault:
        return repr(fault)


def plain_outcome_of(rows: list[JournalRow], given_up: tuple[int, ...]) -> Struck | str:
    """What a replay for each entry says."""
    try:
        return struck_by_replays(rows, given_up)
    except Exception as fault:
        return repr(fault)


def count_ways(patch: pytest.MonkeyPatch) -> Counter[str]:
    """By which ways it goes on from now on."""
    ways = Counter[str]()
    at_snapshot, begin_anew, tried = replay.at_snapshot, striking._Attempt._begin_anew, striking._tried

    async def restored(snapshot: Any) -> HostedBlock:
        ways["from what was kept"] += 1
        return await at_snapshot(snapshot)

    def anew(self: Any) -> None:
        ways["from the first row"] += 1
        begin_anew(self)

    def seen(*told: Any) -> Any:
        unfit = tried(*told)
        ways["not tried"] += unfit is not None and unfit.fault is None
        return unfit

    patch.setattr(striking, "at_snapshot", restored)
    patch.setattr(striking._Attempt, "_begin_anew", anew)
    patch.setattr(striking, "_tried", seen)
    return ways


async def check_alike(patch: pytest.MonkeyPatch) -> int:
    """Whatever is wrong with a journal, and however seldom its state is kept; how many cannot be mended so."""
    patch.setattr(striking, "VALUES_PER_ENTRY", 1 << 40)
    refused_count, random = 0, Random(7)
    for rows, given_up in (*with_faults(random, SAMPLE), (as_stored(one_key_twice()), ())):
        patch.setattr(striking, "ENTRIES_PER_KEPT", random.choice((1, 2, 5, 20)))
        expected = plain_outcome_of(rows, given_up)
        assert await outcome_of(rows, given_up) == expected
        refused_count += isinstance(expected, str)
    return refused_count


@on_virtual_time
async def test_what_is_struck_is_the_same_as_by_a_replay_for_each_entry() -> None:
    """By each of the ways."""
    with pytest.MonkeyPatch.context() as patch:
        ways = count_ways(patch)
        assert await check_alike(patch) < SAMPLE / 2
    assert min(ways[way] for way in ("from what was kept", "from the first row", "not tried")) >= 50, ways


def _goes_on_half_changed(patch: pytest.MonkeyPatch) -> None:
    """From where the entry was, with the state in which that has left it."""

    async def restored(self: Any) -> HostedBlock:
        hosted: HostedBlock = self._hosted
        return hosted

    patch.setattr(striking._Attempt, "_restored", restored)


def _goes_back_to_the_wrong_state(patch: pytest.MonkeyPatch) -> None:
    """To the row of what was kept, with the state half changed."""

    async def restored(self: Any) -> HostedBlock:
        hosted: HostedBlock = self._hosted
        if self._last.snapshot is not None:
            hosted.position, hosted.chain = self._last.snapshot.position, self._last.snapshot.chain
        return hosted

    patch.setattr(striking._Attempt, "_restored", restored)


def _forgets_who_was_named(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(striking._Attempt, "_is_named_before", lambda *_: False)


def _tries_too_little(patch: pytest.MonkeyPatch) -> None:
    """As if a place too few were none."""
    patch.setattr(
        Inventory, "has_no_room", lambda self, units, areas: bool(areas) or any(map(self.owners.__getitem__, units))
    )


def _trusts_what_was_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(striking, "_derived", lambda _: None)


@pytest.mark.parametrize(
    "sabotage",
    [
        _goes_on_half_changed,
        _goes_back_to_the_wrong_state,
        _forgets_who_was_named,
        _tries_too_little,
        _trusts_what_was_kept,
    ],
    ids=lambda sabotage: sabotage.__name__.strip("_"),
)
@on_virtual_time
async def test_control_another_way_is_noticed(sabotage: Patch) -> None:
    with pytest.MonkeyPatch.context() as patch:
        sabotage(patch)
        with pytest.raises(AssertionError):
            await check_alike(patch)


def test_control_what_is_half_applied_and_gone_on_with_does_not_sell_on(monkeypatch: pytest.MonkeyPatch) -> None:
    _goes_back_to_the_wrong_state(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        on_virtual_time(check_much)("half applied")

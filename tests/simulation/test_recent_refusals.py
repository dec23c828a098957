"""Parts of an event that had no room a moment ago are asked last, and who is refused has asked all of them."""

import asyncio
from collections.abc import Iterable

import pytest

from actors.baskets import WishedLeg
from actors.core.commands import Stamp
from actors.core.ids import BlockId, Kind, outside_id
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import RoomReply
from actors.core.wishes import BestSeats, Wish
from actors.reservations import Done
from actors.reservations.baskets import BasketAsks
from actors.reservations.recent_refusals import MAX_KNOWN, RECENT_MS, RecentRefusals
from tests.engine.stage import on_virtual_time
from tests.simulation.test_divided_events import Stadium

FOUR = Wish(best=(BestSeats(4),))
A, B, C = BlockId("a"), BlockId("b"), BlockId("c")
TRIES = [1, 1, 2, 1, 1, 1, 2, 1, 3]
"""To fill the parts with groups of four, of two, four and two rows of them; the last one is refused by all."""


async def tries_to_fill(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many parts were asked by each of nine groups."""
    stadium = await Stadium().open()
    asked: list[str] = []
    ask_for_room = BasketAsks._ask_for_room

    async def counting(self: BasketAsks, stamp: Stamp, leg: WishedLeg) -> RoomReply | Rejected:
        asked.append(leg.block)
        return await ask_for_room(self, stamp, leg)

    monkeypatch.setattr(BasketAsks, "_ask_for_room", counting)
    counts: list[int] = []
    for _ in range(8):
        await stadium.hold(FOUR)
        counts.append(len(asked) - sum(counts))
    assert (await stadium.refused(FOUR)).reason is Reason.NOT_ENOUGH_AVAILABLE
    return [*counts, len(asked) - sum(counts)]


def test_a_full_part_is_not_asked_again_by_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    @on_virtual_time
    async def check() -> None:
        assert await tries_to_fill(monkeypatch) == TRIES

    check()


def test_control_without_memory_full_parts_are_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecentRefusals, "asked_last", lambda _, blocks, *__: list(blocks))

    @on_virtual_time
    async def check() -> None:
        assert await tries_to_fill(monkeypatch) == [1, 1, 2, 2, 2, 2, 3, 3, 3]

    check()


async def check_what_came_back() -> None:
    """Seats that come back just after their part has refused are found."""
    stadium = await Stadium().open()
    first = await stadium.hold(FOUR)
    for _ in range(7):
        await stadium.hold(FOUR)
    await stadium.refused(FOUR)
    released = await stadium.gateway.release_hold(
        stadium.request(), outside_id(Kind.HOLD, first.block, first.reply.hold)
    )
    assert isinstance(released, Done)
    await asyncio.sleep(RECENT_MS / 4_000)
    held = await stadium.hold(FOUR)
    assert set(held.reply.legs[0].seats) == set(first.reply.legs[0].seats)


def test_who_is_refused_has_asked_all_parts() -> None:
    on_virtual_time(check_what_came_back)()


def test_the_check_notices_parts_that_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: who had no room a moment ago is not asked."""

    def left_out(self: RecentRefusals, blocks: Iterable[BlockId], wish: Wish, now_ms: int) -> list[BlockId]:
        in_order = asked_last(self, blocks, wish, now_ms)
        return [block for block in in_order if not self._refused_at_ms(block, wish, now_ms)] or in_order[-1:]

    asked_last = RecentRefusals.asked_last
    monkeypatch.setattr(RecentRefusals, "asked_last", left_out)
    with pytest.raises(AssertionError):
        on_virtual_time(check_what_came_back)()


def test_a_refusal_counts_for_as_much_and_for_more_and_for_a_moment() -> None:
    refusals = RecentRefusals()
    refusals.note(A, FOUR, 1_000)
    for wish, expected in (
        (FOUR, [B, C, A]),
        (Wish(best=(BestSeats(5),)), [B, C, A]),
        (Wish(best=(BestSeats(3),)), [A, B, C]),
        (Wish(best=(BestSeats(4, ("north",)),)), [A, B, C]),
        (Wish(best=(BestSeats(4),), channel="box office"), [A, B, C]),
    ):
        assert refusals.asked_last([A, B, C], wish, 1_000 + RECENT_MS - 1) == expected, wish
    assert refusals.asked_last([A, B, C], FOUR, 1_000 + RECENT_MS) == [A, B, C]
    refusals.note(B, FOUR, 1_500)
    refusals.note(A, Wish(best=(BestSeats(1),)), 1_600)
    refusals.note(A, Wish(best=(BestSeats(9),)), 1_700)
    assert refusals.asked_last([A, B, C], Wish(best=(BestSeats(2),)), 1_800) == [B, C, A]
    assert refusals.asked_last([A, B, C], FOUR, 1_800) == [C, B, A]


def test_so_many_refusals_are_kept() -> None:
    refusals = RecentRefusals()
    for number in range(MAX_KNOWN + 10):
        refusals.note(BlockId(f"{number}"), FOUR, 1_000)
    assert len(refusals._known) == MAX_KNOWN

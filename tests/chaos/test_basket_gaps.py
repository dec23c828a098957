"""How long nothing was sold of baskets and of a split event, which few buy, and in another way."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from tests.chaos import results
from tests.chaos.baskets import BUYERS, BasketCrowd, Ware
from tests.chaos.fault import BASKETS_LATER_S
from tests.chaos.imagined_outcomes import outcome_of
from tests.chaos.plan import KINDS
from tests.chaos.process_faults import RayletKilled, ShardKilled
from tests.chaos.results import baskets_bound_s, lates, summary, table
from tests.chaos.silences import longest_silence
from tests.chaos.test_baskets import NOWHERE, OF_DESK, ONE, OTHER, hold, refused

VISITS = 60


@pytest.mark.parametrize(
    ("moments_s", "silence_s"),
    [
        ([], 9.0),
        ([1.0], 9.0),
        ([2.0], 8.0),
        ([9.5, 2.0], 7.5),
        ([0.0, 30.0], 9.0),
        ([3.0, 6.0, 5.0], 4.0),
        ([2, 4, 6, 8], 2.0),
    ],
)
def test_the_longest_silence_is_within_its_time(moments_s: Iterable[float], silence_s: float) -> None:
    assert longest_silence(moments_s, 1.0, 10.0) == silence_s


class Shop(httpx.AsyncBaseTransport):
    """Gives whoever asks a hold, and nothing else. `sells`: of what it does."""

    def __init__(self, sells: Ware) -> None:
        self._sells = sells

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """A hold, or no."""
        if not request.url.path.endswith("/holds"):
            return httpx.Response(409, content=refused("HOLD_RELEASED").content)
        event_id = OF_DESK if OF_DESK in request.url.path else None
        if (self._sells is Ware.SPLIT) != bool(event_id):
            return httpx.Response(409, content=refused("UNITS_HELD").content)
        return httpx.Response(201, content=hold(event_id).content)


async def taken(sells: Ware, folder: Path) -> dict[Ware, int]:
    """How often something of each was had where only this is sold."""
    crowd = BasketCrowd(NOWHERE, folder, Shop(sells))
    crowd._events, crowd._split = [ONE, OTHER], OF_DESK
    for _ in range(VISITS):
        await crowd._visit("basket-0")
    await crowd.end()
    return {ware: len(moments_s) for ware, moments_s in crowd.taken_s.items()}


@pytest.mark.parametrize("sells", Ware)
def test_what_is_had_of_each_is_noted_apart(sells: Ware, tmp_path: Path) -> None:
    (other,) = set(Ware) - {sells}
    found = asyncio.run(taken(sells, tmp_path))
    assert found[sells] > VISITS / 10
    assert found[other] == 0


def check_baskets_are_bounded() -> None:
    bound_s = ShardKilled.bound_s + ShardKilled.baskets_later_s
    assert lates([outcome_of(baskets_s=bound_s, split_s=bound_s)], KINDS) == []
    assert lates([outcome_of(baskets_s=bound_s + 0.1)], KINDS) == [
        f"shard killed: nothing was sold of baskets for {bound_s + 0.1:.1f} s, over the bound of {bound_s:.1f} s"
    ]
    assert len(lates([outcome_of(baskets_s=99.0, split_s=99.0)], KINDS)) == 2
    assert lates([outcome_of("raylet killed", split_s=bound_s + 9)], KINDS) == []
    (of_shards,) = (
        of_kind
        for of_kind in summary([outcome_of(baskets_s=1.25, split_s=2.5)], [], KINDS)["faults"]
        if of_kind["count"]
    )
    assert (of_shards["baskets_s"]["max"], of_shards["split_s"]["max"]) == (1.25, 2.5)
    assert of_shards["baskets_bound_s"] == bound_s
    assert " | 1.2 s of 8.0 s | 2.5 s of 8.0 s | UNAVAILABLE" in table(
        summary([outcome_of(baskets_s=1.2, split_s=2.5)], [], KINDS)
    )


def test_for_how_long_nothing_was_sold_of_baskets_is_told_and_bounded() -> None:
    check_baskets_are_bounded()


def test_control_a_bound_that_only_patience_sets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "baskets_bound_s", lambda _: 150.0)
    with pytest.raises(AssertionError):
        check_baskets_are_bounded()


def test_who_strikes_one_process_must_leave_baskets_to_be_sold_soon() -> None:
    for kind in KINDS:
        assert kind.bound_s < baskets_bound_s(kind) <= kind.bound_s + (BASKETS_LATER_S if kind.is_single else 64)
    assert baskets_bound_s(ShardKilled) < 10 < baskets_bound_s(RayletKilled)
    assert BUYERS >= 6, "fewer leave gaps of their own"

"""What came before the end of a hang is not served after it, as another replica may have been asked meanwhile."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from serve import wakefulness
from serve.arrival import wall_ms
from serve.wakefulness import BEAT_S, HANG_S, Wakefulness
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges
from tests.stack.load import HALL

pytestmark = pytest.mark.anyio

Asking = Callable[[Edges, Ask], Awaitable[Answered]]
PROTOCOLS = pytest.mark.parametrize("asking", [ask_http, ask_grpc])


class Hands:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


def watch_by_hand(edges: Edges, patch: pytest.MonkeyPatch) -> Hands:
    """Put this clock into the edges' own watch; it has beaten just now."""
    hands, watched = Hands(), edges.operations.wakefulness
    for name, value in (("_monotonic", hands), ("_beat_s", hands.at_s), ("_awake_since_s", -math.inf)):
        patch.setattr(watched, name, value)
    return hands


async def beat_once(watched: Wakefulness) -> None:
    """As the loop does."""
    beating = asyncio.create_task(watched.run())
    await asyncio.sleep(0)
    beating.cancel()


async def test_a_hang_is_noticed_by_what_is_read_first_and_by_the_next_beat() -> None:
    for is_read_first in (True, False):
        hands = Hands()
        watched = Wakefulness(hands)
        await beat_once(watched)
        arrived_ms = wall_ms() - 1
        hands.at_s += HANG_S + 0.01
        if not is_read_first:
            await beat_once(watched)
        assert watched.slept_through(arrived_ms)
        await beat_once(watched)
        assert watched.slept_through(arrived_ms), "however much later it is read"
        assert not watched.slept_through(wall_ms())


async def check_a_clock_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """By half a minute, when a hang is just over: what comes from then on bears stamps of before it."""
    hands = Hands()
    watched = Wakefulness(hands)
    await beat_once(watched)
    hands.at_s += HANG_S + 0.01
    before_ms = wall_ms()
    assert watched.slept_through(before_ms - 1)
    monkeypatch.setattr(wakefulness, "wall_ms", lambda: before_ms - 30_000)
    hands.at_s += 0.5
    assert not watched.slept_through(before_ms - 30_000), "it came just now"
    assert watched.slept_through(before_ms - 30_000 - 600), "it came before the end of the hang"


async def test_a_clock_that_is_set_back_after_a_hang_makes_nothing_late(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_a_clock_set_back(monkeypatch)


async def test_control_an_end_by_the_wall_clock_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ended_ms = wall_ms() + 1_000  # the hang is told after it
    monkeypatch.setattr(Wakefulness, "slept_through", lambda _, arrived_ms: arrived_ms < ended_ms)
    with pytest.raises(AssertionError, match="it came just now"):
        await check_a_clock_set_back(monkeypatch)


async def test_a_short_pause_is_no_hang_nor_is_a_time_before_it_beats() -> None:
    hands = Hands()
    watched = Wakefulness(hands)
    hands.at_s += 1_000
    assert not watched.slept_through(wall_ms() - 1)
    await beat_once(watched)
    hands.at_s += HANG_S
    assert not watched.slept_through(wall_ms() - 1)
    assert HANG_S + BEAT_S < 3, "HAProxy's check, see test_loopback"


async def check_a_hang(edges: Edges, asking: Asking, patch: pytest.MonkeyPatch) -> None:
    """What lay in the sockets while the loop stood still is refused; the same key is then for something else."""
    hands = watch_by_hand(edges, patch)
    name = f"hall {asking.__name__}"
    created = await ask_http(edges, Ask("create_event", {"name": name, "layout": HALL}, key=name))
    event = created.reply["event_id"]
    assert not (await ask_http(edges, Ask("open_sale", event_id=event, key=f"open {name}"))).code
    one, two = ({"areas": [{"area": "Hall", "quantity": quantity}]} for quantity in (1, 2))
    late = Ask("place_hold", one, event_id=event, key="late", stamps=(str(wall_ms() - 1),))
    hands.at_s += HANG_S + 0.01
    assert (await asking(edges, late)).code == "DEADLINE_EXCEEDED"
    hands.at_s += HANG_S / 2
    assert not (await asking(edges, late._replace(body=two, stamps=()))).code


@PROTOCOLS
async def test_what_came_in_a_hang_is_not_decided(
    edges: Edges, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_a_hang(edges, asking, monkeypatch)


@PROTOCOLS
async def test_control_a_hang_that_is_not_noticed(
    edges: Edges, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wakefulness, "_look", lambda _: None)
    with pytest.raises(AssertionError, match="DEADLINE_EXCEEDED"):
        await check_a_hang(edges, asking, monkeypatch)

"""The checks of a run have what they are to judge: all calls, and refusals but those that nobody could know better."""

import pytest

from actors.core.ids import BlockId, Kind, outside_id
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from loadtests.history.calls import Call
from loadtests.history.calls import Kind as Asked
from tests.simulation.market_client import Wanted
from tests.simulation.nonsense import is_malformed, may_be_invalid
from tests.simulation.recording import About, History, has_home
from tests.simulation.runs import simulate
from tests.simulation.world import World

SEED = 8
"""One of the short ones."""
BLOCK = BlockId("0" * 16)


def nothing_is_recorded(patch: pytest.MonkeyPatch) -> None:
    """What clients ask is in no history."""
    patch.setattr(History, "begin", lambda *_, **__: None)


def a_call_gets_lost(patch: pytest.MonkeyPatch) -> None:
    """Of each block's history, who judges it does not get the last call."""
    by_home = History.by_home

    def less(self: History, world: World) -> dict[str, list[Call]]:
        return {home: calls[:-1] for home, calls in by_home(self, world).items()}

    patch.setattr(History, "by_home", less)


@pytest.mark.parametrize("sabotage", [nothing_is_recorded, a_call_gets_lost])
def test_control_histories_that_lack_a_call_are_wrong(sabotage: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(sabotage)
    sabotage(monkeypatch)
    assert any(wrong.endswith(" calls are in histories") for wrong in simulate(SEED).wrong)


def test_what_is_about_nothing_has_no_home() -> None:
    hold, order = (outside_id(kind, BLOCK, 77) for kind in (Kind.HOLD, Kind.ORDER))
    assert has_home(Asked.RELEASE, About(hold))
    assert has_home(Asked.CONFIRM, About(order))
    assert has_home(Asked.HOLD, About(event=f"event_{BLOCK}"))
    assert has_home(Asked.HOLD, About(legs=((f"event_{BLOCK}", Wish()),)))
    assert not has_home(Asked.RELEASE, About(order))
    assert not has_home(Asked.CONFIRM, About("order_"))
    assert not has_home(Asked.HOLD, About(event="event_"))


@pytest.mark.parametrize(
    "wish",
    [
        Wish(("A/1/1", "A/1/1")),
        Wish(("T", "T/1")),
        Wish(("clay/1",), spans=(Span("clay", 0, 10),)),
        Wish(areas=(AreaPlaces("floor", 0),)),
        Wish(areas=(AreaPlaces("floor", 1), AreaPlaces("floor", 2))),
        Wish(best=(BestSeats(1, accessible=2),)),
        Wish(best=(BestSeats(1, price_types=(("child", 2),)),)),
        Wish(spans=(Span("clay", 10, 10),)),
        Wish(spans=(Span("clay", 0, 20), Span("clay", 10, 30))),
        Wish(spans=(Span("clay", 0, 20),) * 2),
    ],
)
def test_what_contradicts_itself_is_malformed(wish: Wish) -> None:
    assert is_malformed(wish)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(("A/1/1", "A/1/2", "T/1"), (AreaPlaces("floor", 1), AreaPlaces("floor", 1, "child"))),
        Wish(best=(BestSeats(2, accessible=2, price_types=(("child", 2),)),)),
        Wish(spans=(Span("clay", 0, 10), Span("clay", 10, 20), Span("grass", 5, 15))),
    ],
)
def test_other_wishes_are_not(wish: Wish) -> None:
    assert not is_malformed(wish)


def test_only_what_is_nonsense_may_be_called_so() -> None:
    def wanted(what: str, about: About, buyer: str = "ana", *, is_nonsense: bool = False) -> Wanted:
        return Wanted(
            what, lambda gateway, request: gateway.open_sale(request, ""), None, about, buyer, True, is_nonsense
        )

    well = About(event=f"event_{BLOCK}", wish=Wish(("A/1/1",)), ttl_ms=0)
    assert not may_be_invalid(wanted("place_hold", well))
    assert may_be_invalid(wanted("place_hold", well, is_nonsense=True))
    assert may_be_invalid(wanted("place_hold", well, buyer=""))
    assert not may_be_invalid(wanted("extend_hold", About(), buyer=""))
    assert may_be_invalid(wanted("extend_hold", About(ttl_ms=-1)))
    assert not may_be_invalid(wanted("cancel_tickets", About(tickets=(0,))))
    assert may_be_invalid(wanted("cancel_tickets", About(tickets=(0, 60))))
    two = Wish(best=(BestSeats(1), BestSeats(1)))
    assert not may_be_invalid(wanted("place_hold", About(wish=two)))
    assert may_be_invalid(wanted("join_waiting_list", About(wish=two)))
    malformed = Wish(areas=(AreaPlaces("floor", 0),))
    assert may_be_invalid(wanted("place_basket", About(legs=((f"event_{BLOCK}", well.wish), ("", malformed)))))

"""Ways to break what is promised to those who wait: each takes one guarantee away."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from actors.core import block, holds, waiting
from actors.core.entries import HoldPlaced
from actors.core.ground import Ground
from actors.core.state import BlockState
from actors.core.waiting_line import WaitingLine
from tests.core.sabotage_inventory import only_the_tick_brings_back


def newcomers_take_what_is_overdue(patch: pytest.MonkeyPatch) -> None:
    """Who comes just then has what others wait for."""
    init = Ground.__init__

    def as_if_nobody_waited(self: Ground, state: BlockState, *more: Any, **named: Any) -> None:
        line, state.line = state.line, WaitingLine()
        try:
            init(self, state, *more, **named)
        finally:
            state.line = line

    patch.setattr(Ground, "__init__", as_if_nobody_waited)


def the_last_is_first(patch: pytest.MonkeyPatch) -> None:
    """Offers go to who joined last."""
    line_up = WaitingLine._line_up
    patch.setattr(WaitingLine, "_line_up", lambda line, same, turn, waiter: line_up(line, same, -turn, waiter))
    patch.setattr(WaitingLine, "_is_there", lambda line, _, waiter: waiter in line._place_of)


def one_speaks_for_all(patch: pytest.MonkeyPatch) -> None:
    """Who may not have more keeps all those behind from it who wish for the same."""
    patch.setattr(WaitingLine, "set_aside", WaitingLine.skip)


def who_had_too_much_is_never_looked_at_again(patch: pytest.MonkeyPatch) -> None:
    """Who stands aside stays there, whatever the buyer gives back."""
    came_back = WaitingLine.came_back
    patch.setattr(WaitingLine, "came_back", lambda line, _: came_back(line, ""))


def new_limits_are_not_heard_of(patch: pytest.MonkeyPatch) -> None:
    """Who stands aside stays there, whatever the limit."""
    patch.setattr(WaitingLine, "forgive", _none)


def hopeless_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A wish that found nothing once is not looked at again."""
    begin_anew = WaitingLine.begin_anew

    def keeping_them(line: WaitingLine) -> None:
        hopeless = [same for same in line._same_of.values() if same.hopeless]
        begin_anew(line)
        for same in hopeless:
            same.hopeless = True

    patch.setattr(WaitingLine, "begin_anew", keeping_them)


def newcomers_come_before_the_offers(patch: pytest.MonkeyPatch) -> None:
    """What is back but not offered yet is whoever's comes."""
    patch.setattr(block, "_puts_off", lambda *_: False)


def whatever_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    """Who wishes for more than there is waits."""
    patch.setattr(waiting, "refuse_never", _none)


def one_buyer_fills_the_list(patch: pytest.MonkeyPatch) -> None:
    """Who waits often enough waits once more."""
    patch.setattr(WaitingLine, "has_room_of", lambda *_: True)


def wishes_wait_as_they_come(patch: pytest.MonkeyPatch) -> None:
    """The same units in another order are another wish."""
    patch.setattr(waiting, "canonical", lambda wish: wish)


def offers_are_extended(patch: pytest.MonkeyPatch) -> None:
    """What was offered for a time is held for as long as may be."""
    placing = holds.placing

    def to_be_extended(state: BlockState, *given: Any) -> HoldPlaced:
        placed = placing(state, *given)
        return msgspec.structs.replace(placed, max_expires_at_ms=placed.at_ms + state.rules.max_hold_life_ms)

    patch.setattr(waiting, "placing", to_be_extended)


def offers_last_for_ever(patch: pytest.MonkeyPatch) -> None:
    """What is offered is held as long as may be."""
    placing = holds.placing

    def to_the_cap(state: BlockState, *given: Any) -> HoldPlaced:
        placed = placing(state, *given)
        cap_ms = placed.at_ms + state.rules.max_hold_life_ms
        return msgspec.structs.replace(placed, expires_at_ms=cap_ms, max_expires_at_ms=cap_ms)

    patch.setattr(waiting, "placing", to_the_cap)


def nothing_stirs_the_line(patch: pytest.MonkeyPatch) -> None:
    """What is given back is not offered."""
    give_back = BlockState.give_back

    def quietly(state: BlockState, *given: Any, **named: Any) -> None:
        stirred = state.line.stirred
        give_back(state, *given, **named)
        state.line.stirred = stirred

    patch.setattr(BlockState, "give_back", quietly)


def _none(*_: Any, **__: Any) -> None:
    return None


WAITING_SABOTAGES: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    newcomers_take_what_is_overdue: "waiting",
    the_last_is_first: "waiting",
    one_speaks_for_all: "waiting",
    who_had_too_much_is_never_looked_at_again: "waiting",
    hopeless_for_ever: "waiting",
    whatever_is_waited_for: "waiting",
    offers_are_extended: "waiting",
    offers_last_for_ever: "waiting",
    nothing_stirs_the_line: "waiting",
}
"""Each with the scenarios that are likely to notice it first."""

SELDOM_NOTICED: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    new_limits_are_not_heard_of: "waiting",
    newcomers_come_before_the_offers: "waiting",
    one_buyer_fills_the_list: "waiting",
    wishes_wait_as_they_come: "waiting",
    only_the_tick_brings_back: "allotments",
}
"""Likewise; random walks hardly ever come to where these show."""

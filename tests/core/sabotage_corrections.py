"""Ways to break corrections, for random walks alone: scenarios send commands, and a correction is none."""

from collections.abc import Callable

import pytest

from actors.core import corrections
from actors.core.block import apply
from actors.core.entries import Corrected
from actors.core.state import BlockState


def corrected_orders_stay(patch: pytest.MonkeyPatch) -> None:
    """An order that is to end keeps its units."""
    patch.setattr(corrections, "apply_order_cancelled", lambda state, entry: None)


def corrected_tickets_stay(patch: pytest.MonkeyPatch) -> None:
    """A ticket that is to be void is good."""
    patch.setattr(corrections, "apply_tickets_cancelled", lambda state, entry: None)


def corrected_holds_stay(patch: pytest.MonkeyPatch) -> None:
    """A hold that is to end keeps its units."""
    patch.setattr(corrections, "apply_hold_released", lambda state, entry: None)


def quarantines_eat_time(patch: pytest.MonkeyPatch) -> None:
    """What fell due while nobody was served has expired."""
    patch.setattr(corrections, "give_grace", lambda *_: None)


def whatever_is_named_may_end(patch: pytest.MonkeyPatch) -> None:
    """A hold may end that is none any more."""
    patch.setattr(corrections, "_faults_of_holds", lambda *_: ())


def an_order_may_lose_all_tickets(patch: pytest.MonkeyPatch) -> None:
    """An order without a good ticket stays in force."""
    patch.setattr(corrections, "_good_count", lambda *_: 0)


def ended_quarantines_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A quarantine ends as often as it is wished."""
    apply_corrected = corrections.apply_corrected

    def apply_and_forget(state: BlockState, entry: Corrected) -> None:
        apply_corrected(state, entry)
        state.quarantines_ended = 0

    patch.setitem(apply.__globals__["_APPLY"], Corrected, apply_and_forget)


CORRECTION_SABOTAGES: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    corrected_orders_stay,
    corrected_tickets_stay,
    corrected_holds_stay,
    whatever_is_named_may_end,
    an_order_may_lose_all_tickets,
    ended_quarantines_are_forgotten,
)

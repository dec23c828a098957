"""Who is refused for what is not so, whatever the reason: the journals do not bear that out."""

import pytest

from actors.core.commands import CancelOrder, CancelTickets, ConfirmOrder, JoinWaitingList, PlaceHold, Write
from actors.core.outcomes import Reason
from loadtests.history import refusals
from tests.long_params import param
from tests.simulation.silent_breaks import refused_for_nothing
from tests.simulation.test_histories import judged

MOST_SEEDS = 4
FALSE: tuple[tuple[type[Write], Reason], ...] = (
    (PlaceHold, Reason.SALE_CLOSED),
    (PlaceHold, Reason.SALE_NOT_OPEN),
    (PlaceHold, Reason.UNIT_UNKNOWN),
    (PlaceHold, Reason.TABLE_NOT_WHOLE),
    (PlaceHold, Reason.UNITS_BLOCKED),
    (PlaceHold, Reason.CHANNEL_REQUIRED),
    (JoinWaitingList, Reason.UNITS_SOLD),
    (CancelTickets, Reason.TABLE_NOT_WHOLE),
    (CancelTickets, Reason.ORDER_CONFIRMED),
    (CancelOrder, Reason.ORDER_CONFIRMED),
    (ConfirmOrder, Reason.ORDER_PENDING),
)


@pytest.mark.parametrize(
    "said", [param(said, f"{said[0].__name__} {said[1].name}", is_long=said is not FALSE[0]) for said in FALSE]
)
def test_what_is_refused_for_nothing_is_found(
    said: tuple[type[Write], Reason], monkeypatch: pytest.MonkeyPatch
) -> None:
    command, reason = said
    refused_for_nothing(monkeypatch, command, reason)
    assert any(_is_found(seed, reason) for seed in range(MOST_SEEDS))


def _is_found(seed: int, reason: Reason) -> bool:
    return any(f", {reason.name}: no state" in fault for fault in judged(seed).faults)


@pytest.mark.long
def test_control_where_the_states_are_not_looked_at_it_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    refused_for_nothing(monkeypatch, PlaceHold, Reason.SALE_CLOSED)
    monkeypatch.setitem(refusals.STANDS, Reason.SALE_CLOSED.name, lambda *_: True)
    assert not _is_found(0, Reason.SALE_CLOSED)

"""Means to plant single faults into the whole journal: entries as they should be at its end, but for changes."""

from typing import Any

import msgspec

from actors.core import entries as e
from actors.core.entries import HoldPlaced
from actors.core.lots import freeze_prices
from actors.core.pricing import price_point
from actors.core.replies import EventStatus
from actors.core.state import BlockState
from actors.core.wishes import Wish
from tests.loadtests.journals import KEY, PRINT, Journal
from tests.loadtests.whole_house import CLAIM_MS, LAST_HOLD_LIFE_MS, LAST_LAYOUT, LAST_RULES

KEYS = tuple(bytes([number]) * 16 for number in range(9))


def slot(resource: str, number: int) -> str:
    """The name of the slot; the first four are an hour further ahead of UTC than those behind them."""
    minutes = {0: "00:00", 1: "00:30", 2: "01:00", 3: "01:30"}[number]
    hour, minute = map(int, minutes.split(":"))
    return f"{resource}/2023-11-15T{1 + hour:02}:{minute:02}+02:00"


def changed_status(journal: Journal, status: EventStatus, key: bytes = KEYS[1]) -> e.StatusChanged:
    return e.StatusChanged(journal.last_ms, status, key, PRINT)


def edited(journal: Journal, **changes: object) -> e.EventEdited:
    nothing = e.EventEdited(journal.last_ms, None, None, None, None, KEYS[2], PRINT)
    return msgspec.structs.replace(nothing, **changes)


def waiting(journal: Journal, waiter: int, wish: Wish, buyer: str = "zoe", key: bytes = KEYS[3]) -> e.WaiterJoined:
    return e.WaiterJoined(journal.last_ms, waiter, buyer, wish, key, PRINT)


def cancel_101(journal: Journal) -> None:
    """A/1/1 is back, for which 23 waits, and A/1/2."""
    journal.add(e.OrderCancelled(journal.last_ms, 101, KEYS[4], PRINT))


def offer(journal: Journal, waiter: int, *units: str, **changes: object) -> e.HoldPlaced:
    given: dict[str, Any] = {
        "hold": waiter, "waiter": waiter, "buyer": "hal", "key": b"", "fingerprint": b"",
        "expires_at_ms": journal.last_ms + CLAIM_MS, "max_expires_at_ms": journal.last_ms + CLAIM_MS,
    }  # fmt: skip
    return a_hold(journal, *units, **(given | changes))


def sell_whole_table(journal: Journal) -> None:
    """T/t2 as order 199."""
    journal.add(a_hold(journal, "T/t2/1", "T/t2/2", "T/t2/3"))
    at_ms = journal.last_ms
    journal.add(e.OrderPlaced(at_ms, 199, 99, KEYS[5], PRINT), e.OrderConfirmed(at_ms, 199, KEYS[6], PRINT))


def exchanged(journal: Journal, tickets: tuple[int, ...], placed: e.HoldPlaced, order: int = 101) -> e.TicketsExchanged:
    """The exchange of these tickets of the order for what the hold would have."""
    return e.TicketsExchanged(
        journal.last_ms, order, tickets, placed.seats, placed.areas, placed.prices, placed.lines, placed.charges,
        placed.chosen, KEYS[7], PRINT, placed.channel,
    )  # fmt: skip


def later(journal: Journal, at_ms: int) -> dict[str, Any]:
    """The times of a hold that is placed then."""
    assert at_ms >= journal.last_ms
    cap_ms = at_ms + LAST_RULES.max_hold_life_ms
    return {"at_ms": at_ms, "expires_at_ms": at_ms + 1, "max_expires_at_ms": cap_ms}


def score(journal: Journal, unit: str) -> int:
    """The squared distance of a seat from the focus, in half seat widths; all rows here are where they say."""
    assert LAST_LAYOUT.focus is not None
    (seat,) = a_hold(journal, unit).seats
    base = 0
    for section in LAST_LAYOUT.sections:
        for depth, row in enumerate(section.rows):
            if base <= seat < base + row.count:
                x = section.at[0] - row.count + 1 + 2 * (seat - base) - LAST_LAYOUT.focus[0]
                return int(x * x + (section.at[1] + 2 * depth - LAST_LAYOUT.focus[1]) ** 2)
            base += row.count
    raise AssertionError(f"{unit} is not there")


def a_hold(
    journal: Journal, *units: str, areas: tuple[tuple[str, int], ...] = (), **changes: object
) -> HoldPlaced:  # fmt: skip
    """A hold of the whole journal's event at its end, of units by name for adults, right but for `changes`."""
    state = BlockState()
    state.set_layout(LAST_LAYOUT, 1)
    found = [state.index.find_unit(name) for name in units]
    seats = [unit[0] for unit in found if unit is not None]
    assert len(seats) == len(units), f"{units} are not there"
    places = [(state.index.area_of_name[area], quantity) for area, quantity in areas]
    categories = [state.index.category_of_unit(seat) for seat in seats]
    categories += [LAST_LAYOUT.areas[area].category for area, _ in places]
    points = [price_point(LAST_LAYOUT, category, 0) for category in categories]
    priced = freeze_prices(state.index, seats, places, points)
    at_ms = journal.last_ms
    placed = HoldPlaced(
        at_ms, 99, "zoe", tuple(seats), tuple(places), priced.prices, at_ms + 60_000, at_ms + LAST_HOLD_LIFE_MS, KEY,
        PRINT, priced.lines, priced.charges, priced.once,
    )  # fmt: skip
    return msgspec.structs.replace(placed, **changes)

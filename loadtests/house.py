"""The house that an on-sale sells, and what a group of buyers believes is still to be had in it."""

import itertools
import math
import time
from enum import StrEnum
from random import Random

SEATS_PER_ROW = 40
ROWS_PER_SECTION = 25
SEATS_PER_SECTION = SEATS_PER_ROW * ROWS_PER_SECTION
AREA = "Floor"
AREA_SHARE = 0.2  # of the units
FRONT_SHARE = 0.02  # of the seats: what everybody wants
EAGER_SHARE = 0.05  # of the choices: for the front, whoever has it
BEST_SHARE = 0.3  # of the visits for seats: they leave the choice to the server, if nothing else is said
MOMENT_S = 0.25  # so long buyers believe that all is sold out
PRICES = {"Front": 12_900, "Middle": 7_900, "Back": 4_500, "Standing": 5_900}

_HELD, _AVAILABLE, _SOLD = 0, 1, 2


class HouseKind(StrEnum):
    """What a house consists of."""

    MIXED = "mixed"
    SEATS = "seats"
    AREA = "area"


class Way(StrEnum):
    """How one can ask for units."""

    NAMED = "seats by name"
    BEST = "best seats"
    PLACES = "places"


class House:
    """`units` units: rows of seats in sections, an area, or full rows and an area with the rest.

    Seats are numbered from 0.
    """

    def __init__(self, units: int, kind: HouseKind = HouseKind.MIXED) -> None:
        if units < 1:
            raise ValueError("a house has at least one unit")
        full_rows = int(units * (1 - AREA_SHARE)) // SEATS_PER_ROW * SEATS_PER_ROW
        self.seat_count = {HouseKind.MIXED: full_rows, HouseKind.SEATS: units, HouseKind.AREA: 0}[kind]
        self.place_count = units - self.seat_count

    def has(self, way: Way) -> bool:
        """Whether there is anything to be had this way."""
        return bool(self.place_count if way is Way.PLACES else self.seat_count)

    def split(self, parts: int) -> list[list[str]]:
        """The sections in so many groups of neighbours, as even as can be; 0: none. Raises ValueError."""
        names = [_section(first) for first in range(0, self.seat_count, SEATS_PER_SECTION)]
        if parts > len(names):
            raise ValueError(f"has {len(names)} sections of seats and cannot be split into {parts}")
        return [names[len(names) * part // parts : len(names) * (part + 1) // parts] for part in range(parts)]

    def layout(self) -> dict[str, object]:
        """The layout as a layout file describes it."""
        sections = []
        for first in range(0, self.seat_count, SEATS_PER_SECTION):
            count = min(SEATS_PER_SECTION, self.seat_count - first)
            full, rest = divmod(count, SEATS_PER_ROW)
            category = ("Front", "Middle", "Back")[first * 3 // self.seat_count]
            rows = [{"names": f"1..{full}", "seats": f"1..{SEATS_PER_ROW}"}] if full else []
            rows += [{"name": f"{full + 1}", "seats": f"1..{rest}"}] if rest else []
            sections.append({"name": _section(first), "category": category, "rows": rows})
        areas = [{"name": AREA, "capacity": self.place_count, "category": "Standing"}]
        return {
            "currency": "EUR",
            "categories": [{"name": name, "price": price} for name, price in PRICES.items()],
            **({"sections": sections} if sections else {}),
            **({"areas": areas} if self.place_count else {}),
        }


def seat_name(seat: int) -> str:
    """The name of a seat, `section/row/seat`."""
    row, place = divmod(seat % SEATS_PER_SECTION, SEATS_PER_ROW)
    return f"{_section(seat)}/{row + 1}/{place + 1}"


def seat_of_name(name: str) -> int:
    """The seat of that name, which may stand behind its event's block. Raises ValueError."""
    section, row, place = name.split("/")[-3:]
    return (int(section[1:]) - 1) * SEATS_PER_SECTION + (int(row) - 1) * SEATS_PER_ROW + int(place) - 1


class Belief:
    """What the buyers of one process believe: a seat is to be had until they hold it or are told that it is not.

    Each process has its own part of the house to choose from, as storefronts have their own public; only the front is
    everybody's, and there buyers of all processes collide. That all is sold out they believe for a moment only, as
    holds end. `front`: its first seat, and the one behind its last; none: the first of the house. `eager_share`: of the
    choices, for it.
    """

    def __init__(
        self,
        house: House,
        part: int,
        parts: int,
        random: Random,
        front: tuple[int, int] | None = None,
        eager_share: float = EAGER_SHARE,
    ) -> None:
        self._seats = bytearray([_AVAILABLE]) * house.seat_count
        self._part = (house.seat_count * part // parts, house.seat_count * (part + 1) // parts)
        self._front = front or (0, max(int(house.seat_count * FRONT_SHARE), min(house.seat_count, SEATS_PER_ROW)))
        self._eager_share = eager_share
        self._random = random
        self._hopeless_until_s = {way: 0.0 if house.has(way) else math.inf for way in Way}

    def hopes(self, way: Way) -> bool:
        """Whether something seems to be left that can be had this way."""
        return time.monotonic() >= self._hopeless_until_s[way]

    def despair(self, way: Way) -> None:
        """Nothing is left that can be had this way, for a moment."""
        self._hopeless_until_s[way] = max(self._hopeless_until_s[way], time.monotonic() + MOMENT_S)

    def choose(self, quantity: int) -> list[int]:
        """Up to `quantity` seats side by side, at random from those that seem available; at least one."""
        low, high = self._front if self._random.random() < self._eager_share else self._part
        first = self._find(low, high)
        if first < 0:
            first = self._find(0, len(self._seats))
        if first < 0:
            self._believe_again()
            first = self._find(0, len(self._seats))
        end = min(first + quantity, first - first % SEATS_PER_ROW + SEATS_PER_ROW, len(self._seats))
        side_by_side = range(first, end)
        return list(itertools.takewhile(lambda seat: self._seats[seat] == _AVAILABLE, side_by_side))

    def gone(self, seats: list[int]) -> None:
        """These seats are held, by us or somebody else."""
        self._mark(seats, _HELD)

    def sold(self, seats: list[int]) -> None:
        """These seats are not to be expected back."""
        self._mark(seats, _SOLD)

    def back(self, seats: list[int]) -> None:
        """These seats were ours and are to be had again."""
        self._mark(seats, _AVAILABLE)

    def _believe_again(self) -> None:
        """Nothing seems left: what was held may be back, and where nothing was, what was sold."""
        self.despair(Way.NAMED)
        lost = _HELD if _HELD in self._seats else _SOLD
        self._seats = self._seats.replace(bytes([lost]), bytes([_AVAILABLE]))

    def _mark(self, seats: list[int], mark: int) -> None:
        for seat in seats:
            self._seats[seat] = mark

    def _find(self, low: int, high: int) -> int:
        if low >= high:
            return -1
        start = self._random.randrange(low, high)
        found = self._seats.find(_AVAILABLE, start, high)
        return found if found >= 0 else self._seats.find(_AVAILABLE, low, start)


def _section(seat: int) -> str:
    return f"S{seat // SEATS_PER_SECTION + 1:03d}"

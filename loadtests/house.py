"""The house that an on-sale sells, and what a group of buyers believes is still to be had in it."""

from random import Random

SEATS_PER_ROW = 40
ROWS_PER_SECTION = 25
SEATS_PER_SECTION = SEATS_PER_ROW * ROWS_PER_SECTION
AREA = "Floor"
AREA_SHARE = 0.2  # of the units
FRONT_SHARE = 0.02  # of the seats: what everybody wants
EAGER_SHARE = 0.05  # of the choices: for the front, whoever has it
PRICES = {"Front": 12_900, "Middle": 7_900, "Back": 4_500, "Standing": 5_900}


class House:
    """`units` units: full rows of seats in sections, and an area with the rest. Seats are numbered from 0."""

    def __init__(self, units: int) -> None:
        if units < 1:
            raise ValueError("a house has at least one unit")
        self.seat_count = int(units * (1 - AREA_SHARE)) // SEATS_PER_ROW * SEATS_PER_ROW
        self.place_count = units - self.seat_count

    def layout(self) -> dict[str, object]:
        """The layout as a layout file describes it."""
        sections = []
        for first in range(0, self.seat_count, SEATS_PER_SECTION):
            rows = min(ROWS_PER_SECTION, (self.seat_count - first) // SEATS_PER_ROW)
            category = ("Front", "Middle", "Back")[first * 3 // self.seat_count]
            seats = {"names": f"1..{rows}", "seats": f"1..{SEATS_PER_ROW}"}
            sections.append({"name": _section(first), "category": category, "rows": [seats]})
        return {
            "currency": "EUR",
            "categories": [{"name": name, "price": price} for name, price in PRICES.items()],
            **({"sections": sections} if sections else {}),
            "areas": [{"name": AREA, "capacity": self.place_count, "category": "Standing"}],
        }


def seat_name(seat: int) -> str:
    """The name of a seat, `section/row/seat`."""
    row, place = divmod(seat % SEATS_PER_SECTION, SEATS_PER_ROW)
    return f"{_section(seat)}/{row + 1}/{place + 1}"


def seat_of_name(name: str) -> int:
    """The seat of that name. Raises ValueError."""
    section, row, place = name.split("/")
    return (int(section[1:]) - 1) * SEATS_PER_SECTION + (int(row) - 1) * SEATS_PER_ROW + int(place) - 1


class Belief:
    """What the buyers of one process believe: a seat is to be had until they hold it or are told that it is not.

    Each process has its own part of the house to choose from, as storefronts have their own public; only the front is
    everybody's, and there buyers of all processes collide.
    """

    def __init__(self, house: House, part: int, parts: int, random: Random) -> None:
        self._available = bytearray(b"\1") * house.seat_count
        self._part = (house.seat_count * part // parts, house.seat_count * (part + 1) // parts)
        self._front = (0, max(int(house.seat_count * FRONT_SHARE), min(house.seat_count, SEATS_PER_ROW)))
        self._random = random
        self.area_full = house.place_count == 0

    @property
    def has_seats(self) -> bool:
        """Whether the house has seats at all."""
        return bool(self._available)

    def choose(self, quantity: int) -> list[int]:
        """Up to `quantity` seats side by side, at random from those that seem available; at least one."""
        low, high = self._front if self._random.random() < EAGER_SHARE else self._part
        first = self._find(low, high)
        if first < 0:
            first = self._find(0, len(self._available))
        if first < 0:  # nothing seems left: believe again, as holds end
            self._available[:] = b"\1" * len(self._available)
            self.area_full = False
            first = self._random.randrange(len(self._available))
        end = min(first + quantity, first - first % SEATS_PER_ROW + SEATS_PER_ROW)
        gone = self._available.find(0, first, end)
        return list(range(first, end if gone < 0 else gone))

    def gone(self, seats: list[int]) -> None:
        """These seats are ours, or somebody else's."""
        for seat in seats:
            self._available[seat] = 0

    def back(self, seats: list[int]) -> None:
        """These seats were ours and are to be had again."""
        for seat in seats:
            self._available[seat] = 1

    def _find(self, low: int, high: int) -> int:
        if low >= high:
            return -1
        start = self._random.randrange(low, high)
        found = self._available.find(1, start, high)
        return found if found >= 0 else self._available.find(1, low, start)


def _section(seat: int) -> str:
    return f"S{seat // SEATS_PER_SECTION + 1:03d}"

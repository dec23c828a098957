"""Rules: on what conditions the units of an event are sold, apart from their prices. Editable while it sells.

Units are named and not numbered, so that rules outlive a change of the layout.
"""

from collections.abc import Iterable, Iterator

import msgspec

from actors.core.labels import label_problem
from actors.core.layout import MAX_TIME_MS, MAX_UNITS, text_bytes
from actors.core.wishes import AreaPlaces

MAX_CHANNELS = 100
MAX_ALLOTMENTS = 200
MAX_UNITS_NAMED = 10_000  # units and areas, in all allotments together
MAX_RULES_TEXT_BYTES = 512 * 1024
"""Of all names in them: so that rules and the largest layout fit into one frame of a link."""
MAX_HOLD_LIFE_MS = 24 * 60 * 60_000
DEFAULT_HOLD_LIFE_MS = 2 * 60 * 60_000
MIN_HOLD_LIFE_MS = 1_000
MAX_PER_BUYER = MAX_UNITS
MIN_CLAIM_MS = 1_000
MAX_CLAIM_MS = 24 * 60 * 60_000


class Window(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From when until when something is sold, in ms; 0: without that end."""

    opens_at_ms: int = 0
    closes_at_ms: int = 0


class Channel(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A way to sell: a partner, a box office, a presale. Its `window` stands in the place of the event's."""

    name: str
    window: Window | None = None


class Allotment(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Units set aside for a channel; `channel` empty: for the house, nobody can hold them.

    `units`: names of sections, rows (`section/row`), seats, resources or slots, each once. At `returns_at_ms` (0:
    never) what has not been held is for everybody. Where a seat is in two allotments, the later one has it.
    """

    name: str
    channel: str
    units: tuple[str, ...] = ()
    places: tuple[AreaPlaces, ...] = ()
    returns_at_ms: int = 0


class WaitingList(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Who finds nothing may wait; what comes back is offered in order, for `claim_ms` each."""

    claim_ms: int


class Rules(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """See above. `max_per_buyer` 0: as many as they want.

    Accessible seats and their companions are for those who ask for them, until `accessible_until_ms` (0: always), those
    of an allotment too.
    """

    window: Window = Window()
    max_hold_life_ms: int = DEFAULT_HOLD_LIFE_MS
    max_per_buyer: int = 0
    channels: tuple[Channel, ...] = ()
    allotments: tuple[Allotment, ...] = ()
    accessible_until_ms: int = 0
    waiting_list: WaitingList | None = None

    def channel(self, name: str) -> Channel | None:
        """The channel of this name, or None."""
        return next((channel for channel in self.channels if channel.name == name), None)

    @property
    def text_bytes(self) -> int:
        """What the names in them take."""
        return text_bytes(channel.name for channel in self.channels) + sum(
            text_bytes((allotment.name, allotment.channel, *allotment.units))
            + text_bytes(name for places in allotment.places for name in (places.area, places.price_type))
            for allotment in self.allotments
        )


def faults_of_rules(rules: Rules) -> Iterator[str]:
    """What is wrong with them, whatever the layout: each fault with its field, as in `rules.channels[0].name: ...`."""
    yield from _window_faults(rules.window, "rules.window")
    if not MIN_HOLD_LIFE_MS <= rules.max_hold_life_ms <= MAX_HOLD_LIFE_MS:
        yield f"rules.max_hold_life_ms: must be from {MIN_HOLD_LIFE_MS} to {MAX_HOLD_LIFE_MS}"
    if not 0 <= rules.max_per_buyer <= MAX_PER_BUYER:
        yield f"rules.max_per_buyer: must be from 0 to {MAX_PER_BUYER}"
    yield from _time_faults(rules.accessible_until_ms, "rules.accessible_until_ms")
    if rules.waiting_list is not None and not MIN_CLAIM_MS <= rules.waiting_list.claim_ms <= MAX_CLAIM_MS:
        yield f"rules.waiting_list.claim_ms: must be from {MIN_CLAIM_MS} to {MAX_CLAIM_MS}"
    if len(rules.channels) > MAX_CHANNELS:
        yield f"rules.channels: must be at most {MAX_CHANNELS}"
    yield from _name_faults((channel.name for channel in rules.channels), "rules.channels")
    for index, channel in enumerate(rules.channels):
        if channel.window is not None:
            yield from _window_faults(channel.window, f"rules.channels[{index}].window")
    yield from _allotment_faults(rules)


def _allotment_faults(rules: Rules) -> Iterator[str]:
    if len(rules.allotments) > MAX_ALLOTMENTS:
        yield f"rules.allotments: must be at most {MAX_ALLOTMENTS}"
    if sum(len(allotment.units) + len(allotment.places) for allotment in rules.allotments) > MAX_UNITS_NAMED:
        yield f"rules.allotments: must name at most {MAX_UNITS_NAMED} units and areas"
    if rules.text_bytes > MAX_RULES_TEXT_BYTES:
        yield f"rules.allotments: must have at most {MAX_RULES_TEXT_BYTES} bytes of names"
    yield from _name_faults((allotment.name for allotment in rules.allotments), "rules.allotments")
    for index, allotment in enumerate(rules.allotments):
        path = f"rules.allotments[{index}]"
        if allotment.channel and rules.channel(allotment.channel) is None:
            yield f"{path}.channel: is not one of the channels"
        if not allotment.units and not allotment.places:
            yield f"{path}.units: names neither units nor places"
        if len(set(allotment.units)) != len(allotment.units):
            yield f"{path}.units: a name is there twice"
        if len({places.area for places in allotment.places}) != len(allotment.places):
            yield f"{path}.places: an area is named twice"
        if any(places.quantity < 1 for places in allotment.places):
            yield f"{path}.places: each quantity must be at least 1"
        yield from _time_faults(allotment.returns_at_ms, f"{path}.returns_at_ms")


def _name_faults(names: Iterable[str], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        problem = "is there twice" if name in seen else label_problem(name)
        if problem is not None:
            yield f"{path}[{index}].name: {problem}"
        seen.add(name)


def _window_faults(window: Window, path: str) -> Iterator[str]:
    yield from _time_faults(window.opens_at_ms, f"{path}.opens_at_ms")
    yield from _time_faults(window.closes_at_ms, f"{path}.closes_at_ms")
    if window.closes_at_ms and window.closes_at_ms <= window.opens_at_ms:
        yield f"{path}.closes_at_ms: must be after opens_at_ms"


def _time_faults(at_ms: int, path: str) -> Iterator[str]:
    if not 0 <= at_ms < MAX_TIME_MS:
        yield f"{path}: is out of bounds"

"""Rules as people write them, in JSON or YAML, read into `Rules` whole or refused whole; and written back.

    zone: Europe/Berlin                              # of times without a distance from UTC, as of returns_at below
    window: {opens_at: "2026-05-01T10:00:00+02:00", closes_at: "2026-06-01T18:00:00Z"}   # either may be left out
    max_hold_life_seconds: 7200                      # over all extensions
    max_per_buyer: 8
    channels:
      - {name: Fan club, window: {opens_at: "2026-04-24T10:00:00+02:00"}}   # in the place of the event's
      - {name: Box office}
    allotments:
      - {name: Fans, channel: Fan club, units: ["101", 102/A], returns_at: "2026-05-01T10:00"}
      - {name: Press, units: [101/A/1, 101/A/2], places: [{area: Floor, quantity: 20}]}     # no channel: the house
    accessible_until: "2026-05-25T00:00:00Z"         # until then accessible seats are for who asks for them
    waiting_list: {claim_seconds: 600}               # how long an offer stands

Everything may be left out. Times are of RFC 3339, with their distance from UTC; or without it and, if need be, seconds,
local times of `zone`. One that comes twice means the first; one that is left out means the moment of the jump. They are
resolved when they are read, and written back in UTC. Units are sections, rows, tables, seats, resources or slots by
name; whether the layout has them is judged where the layout is.
"""

from collections.abc import Iterator

from actors.core.layout import MAX_TIME_MS, MAX_UNITS
from actors.core.rules import (
    DEFAULT_HOLD_LIFE_MS,
    MAX_ALLOTMENTS,
    MAX_CHANNELS,
    MAX_CLAIM_MS,
    MAX_HOLD_LIFE_MS,
    MAX_PER_BUYER,
    MAX_RULES_TEXT_BYTES,
    MAX_UNITS_NAMED,
    MIN_CLAIM_MS,
    MIN_HOLD_LIFE_MS,
    Allotment,
    Channel,
    Rules,
    WaitingList,
    Window,
)
from actors.core.wishes import AreaPlaces
from actors.layout_files.faults import FaultList, FieldFault, shown
from actors.layout_files.fields import Fields, written_seconds
from actors.layout_files.local_times import parse_local_moment, parse_moment, written_moment
from actors.layout_files.reading import claim
from actors.layout_files.zone_field import read_zone
from actors.layout_files.zones import zone_of

MAX_UNIT_NAME_LENGTH = 98
"""Of three labels and what is between them."""

_MOMENT = 'a time such as 2026-05-01T10:00:00+02:00, or beside "zone" such as 2026-05-01T10:00'
_FIELDS = (
    "zone",
    "window",
    "max_hold_life_seconds",
    "max_per_buyer",
    "channels",
    "allotments",
    "accessible_until",
    "waiting_list",
)

Raw = dict[str, object]


class _Moments:
    """Reads the times of rules, of which some may be local times of the rules' zone."""

    def __init__(self, fields: Fields, faults: FaultList) -> None:
        self._is_zoned = fields.has("zone")
        self._zone = read_zone(fields, faults) if self._is_zoned else ""

    def read(self, fields: Fields, name: str) -> int:
        """A time in ms; 0 if it is not there or faulty, or if it is the zone that is."""
        return (fields.parsed(name, self._instant, _MOMENT) or 0) if fields.has(name) else 0

    def _instant(self, text: str) -> int | None:
        local_ms = parse_local_moment(text) if self._is_zoned else None
        if local_ms is None:
            return parse_moment(text)
        if not self._zone:
            return 0
        at_ms = zone_of(self._zone).moment(local_ms)
        return at_ms if 0 < at_ms < MAX_TIME_MS else None


def parse_rules(raw: object) -> Rules | tuple[FieldFault, ...]:
    """The rules that a decoded file (mappings, lists, scalars) describes, or everything that is wrong with it."""
    faults = FaultList()
    fields = Fields(raw, "", _FIELDS, faults)
    moments = _Moments(fields, faults)
    window = _window(fields, faults, moments) or Window()
    life_ms, per_buyer, waiting_list = DEFAULT_HOLD_LIFE_MS, 0, None
    if fields.has("max_hold_life_seconds"):
        life_ms = fields.decimal("max_hold_life_seconds", MIN_HOLD_LIFE_MS, MAX_HOLD_LIFE_MS, 3)
    if fields.has("max_per_buyer"):
        per_buyer = fields.whole_number("max_per_buyer", 0, MAX_PER_BUYER)
    faults_before = faults.count
    channels = tuple(_channels(fields, faults, moments))
    known = {channel.name for channel in channels} if faults.count == faults_before else None
    allotments = tuple(_allotments(fields, faults, moments, known))
    accessible_until_ms = moments.read(fields, "accessible_until")
    if fields.has("waiting_list"):
        waiting = Fields(fields.value("waiting_list"), "waiting_list", ("claim_seconds",), faults)
        waiting_list = WaitingList(waiting.decimal("claim_seconds", MIN_CLAIM_MS, MAX_CLAIM_MS, 3))
    rules = Rules(window, life_ms, per_buyer, channels, allotments, accessible_until_ms, waiting_list)
    if not faults.count and rules.text_bytes > MAX_RULES_TEXT_BYTES:
        faults.add("", f"has more than {MAX_RULES_TEXT_BYTES} bytes of names")
    return faults.found() or rules


def _window(fields: Fields, faults: FaultList, moments: _Moments) -> Window | None:
    if not fields.has("window"):
        return None
    window = Fields(fields.value("window"), fields.path_of("window"), ("opens_at", "closes_at"), faults)
    opens_at_ms, closes_at_ms = moments.read(window, "opens_at"), moments.read(window, "closes_at")
    if 0 < closes_at_ms <= opens_at_ms:
        window.refuse("closes_at", "must be after opens_at")
    return Window(opens_at_ms, closes_at_ms)


def _channels(fields: Fields, faults: FaultList, moments: _Moments) -> Iterator[Channel]:
    path_of_name: dict[str, str] = {}
    for path, raw in fields.entries("channels", 0, MAX_CHANNELS):
        channel = Fields(raw, path, ("name", "window"), faults)
        name = channel.label("name")
        claim(faults, path_of_name, name, channel.path_of("name"))
        yield Channel(name, _window(channel, faults, moments))


def _allotments(fields: Fields, faults: FaultList, moments: _Moments, channels: set[str] | None) -> Iterator[Allotment]:
    """`channels`: their names; None if they are faulty, so that it cannot be said whether they are named rightly."""
    path_of_name: dict[str, str] = {}
    named = 0
    for path, raw in fields.entries("allotments", 0, MAX_ALLOTMENTS):
        allotment = Fields(raw, path, ("name", "channel", "units", "places", "returns_at"), faults)
        name = allotment.label("name")
        claim(faults, path_of_name, name, allotment.path_of("name"))
        channel = allotment.label("channel") if allotment.has("channel") else ""
        if channel and channels is not None and channel not in channels:
            allotment.refuse("channel", f"{shown(channel)} is not one of the channels")
        units = tuple(_unit_names(allotment, faults))
        places = tuple(_places(allotment, faults))
        if not allotment.has("units") and not allotment.has("places"):
            allotment.refuse("units", "is missing, and places too")
        yield Allotment(name, channel, units, places, moments.read(allotment, "returns_at"))
        named += len(units) + len(places)
        if named > MAX_UNITS_NAMED:
            fields.refuse("allotments", f"must name at most {MAX_UNITS_NAMED} units and areas")
            return


def _unit_names(allotment: Fields, faults: FaultList) -> Iterator[str]:
    for path, raw in allotment.entries("units", 1 if allotment.has("units") else 0, MAX_UNITS_NAMED):
        if not isinstance(raw, str):
            faults.add(path, f"must be text, is {shown(raw)}")
        elif not (1 <= len(raw) <= MAX_UNIT_NAME_LENGTH and raw.isprintable()):
            faults.add(path, f"must be the name of a unit, a row, a section or a resource, is {shown(raw)}")
        yield raw if isinstance(raw, str) else ""


def _places(allotment: Fields, faults: FaultList) -> Iterator[AreaPlaces]:
    path_of_area: dict[str, str] = {}
    for path, raw in allotment.entries("places", 1 if allotment.has("places") else 0, MAX_UNITS_NAMED):
        places = Fields(raw, path, ("area", "quantity"), faults)
        area = places.label("area")
        claim(faults, path_of_area, area, places.path_of("area"))
        yield AreaPlaces(area, places.whole_number("quantity", 1, MAX_UNITS))


def rules_to_raw(rules: Rules) -> Raw:
    """The rules as a file would say them; `parse_rules` gives the same rules back. Times are in UTC."""
    raw: Raw = {}
    if rules.window != Window():
        raw["window"] = _raw_window(rules.window)
    raw["max_hold_life_seconds"] = written_seconds(rules.max_hold_life_ms)
    if rules.max_per_buyer:
        raw["max_per_buyer"] = rules.max_per_buyer
    if rules.channels:
        raw["channels"] = [_raw_channel(channel) for channel in rules.channels]
    if rules.allotments:
        raw["allotments"] = [_raw_allotment(allotment) for allotment in rules.allotments]
    if rules.accessible_until_ms:
        raw["accessible_until"] = written_moment(rules.accessible_until_ms)
    if rules.waiting_list is not None:
        raw["waiting_list"] = {"claim_seconds": written_seconds(rules.waiting_list.claim_ms)}
    return raw


def _raw_window(window: Window) -> Raw:
    ends = (("opens_at", window.opens_at_ms), ("closes_at", window.closes_at_ms))
    return {name: written_moment(at_ms) for name, at_ms in ends if at_ms}


def _raw_channel(channel: Channel) -> Raw:
    raw: Raw = {"name": channel.name}
    return raw if channel.window is None else raw | {"window": _raw_window(channel.window)}


def _raw_allotment(allotment: Allotment) -> Raw:
    raw: Raw = {"name": allotment.name}
    if allotment.channel:
        raw["channel"] = allotment.channel
    if allotment.units:
        raw["units"] = list(allotment.units)
    if allotment.places:
        raw["places"] = [{"area": places.area, "quantity": places.quantity} for places in allotment.places]
    if allotment.returns_at_ms:
        raw["returns_at"] = written_moment(allotment.returns_at_ms)
    return raw

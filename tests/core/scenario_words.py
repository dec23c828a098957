"""What scenario tables say in short: layouts, rules and wishes, and the short names of units. See `scenario`."""

import re
from typing import Any

from actors.core.layout import Area, Calendar, Category, Fee, Layout, Resource, Row, RowKind, Section, Tax
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.core.plain_layout import PlainUnit, moment_ms, units_of

START_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_KINDS = {"!": RowKind.WHOLE_TABLE, "*": RowKind.TABLE}
LAYOUT_OPTIONS = (
    "rows",
    "loge",
    "areas",
    "courts",
    "buffer",
    "acc",
    "comp",
    "types",
    "fees",
    "tax",
    "currency",
    "costs",
)
RULE_OPTIONS = ("limit", "window", "channels", "allot", "acc_until", "life", "waiting", "rules")


def ms_of(text: str) -> int:
    """A time as in `2h5m`, `-1s`."""
    assert re.fullmatch(r"-?(\d+(ms|s|m|h))+", text), f"not a time: {text}"
    amount = sum(int(count) * _MS[unit] for count, unit in re.findall(r"(\d+)(ms|s|m|h)", text))
    return -amount if text.startswith("-") else amount


def layout_of(options: dict[str, str]) -> Layout:
    """Row A costs 50.00 a seat, other rows 30.00, those of the loge 80.00, a place 20.00, an hour of a court 24.00."""
    costs = {"front": 5000, "back": 3000, "standing": 2000, "loge": 8000, "court": 2400}
    costs.update((name, int(price)) for name, price in _pairs(options.get("costs", "")))
    types = tuple(options["types"].split(",")) if "types" in options else ()
    others = [dict(_pairs(options.get(f"price.{price_type}", ""))) for price_type in types[1:]]
    categories = tuple(
        Category(name, price, tuple((n, int(other[name])) for n, other in enumerate(others, 1) if name in other))
        for name, price in costs.items()
    )
    needs = {"acc": options.get("acc", "").split(","), "comp": options.get("comp", "").split(",")}
    sections = [Section("Hall", _rows(options.get("rows", "A:4"), needs, None))]
    if "loge" in options:
        sections.append(Section("Loge", _rows(options["loge"], needs, 3)))
    areas = tuple(Area(name, 2, int(capacity)) for name, capacity in _pairs(options.get("areas", "")))
    courts = [_court(text) for text in options.get("courts", "").split(",") if text]
    buffer_ms = ms_of(options.get("buffer", "0s"))
    tax = None
    if "tax" in options:
        name, rate = options["tax"].split(":")
        tax = Tax(name, _ppm(rate.rstrip("inout")), rate.endswith("in"))
    return Layout(
        options.get("currency", "EUR"),
        categories,
        tuple(sections),
        areas,
        tuple(Resource(name, 4, number, buffer_ms) for number, (name, _) in enumerate(courts)),
        tuple(calendar for _, calendar in courts),
        types,
        tuple(_fee(*pair) for pair in _pairs(options.get("fees", ""))),
        tax,
    )


def rules_of(options: dict[str, str], layout: Layout) -> Rules:
    """The rules that the options write."""
    channels = []
    for word in options.get("channels", "").split(","):
        name, colon, window = word.partition(":")
        channels += [Channel(name, _window(window) if colon else None)] if name else []
    return Rules(
        _window(options.get("window", "")),
        ms_of(options.get("life", "2h")),
        int(options.get("limit", 0)),
        tuple(channels),
        tuple(_allotment(word, layout) for word in options.get("allot", "").split(",") if word),
        START_MS + ms_of(options["acc_until"]) if "acc_until" in options else 0,
        WaitingList(ms_of(options["waiting"])) if "waiting" in options else None,
    )


def wish_of(text: str, options: dict[str, str], layout: Layout | None) -> Wish:
    """What `A1,A3..A5~child,floor:3,T,best:4/in.Hall/split,clay@08:00-09:00` asks for; `-` is nothing."""
    seats: list[str] = []
    types: list[tuple[str, str]] = []
    areas: list[AreaPlaces] = []
    best: list[BestSeats] = []
    spans: list[Span] = []
    for word in text.split(",") if text != "-" else ():
        body, _, price_type = word.partition("~")
        if body.startswith("best:"):
            best.append(_best(body))
        elif "@" in body and re.search(r"-\d\d:", body):
            spans.append(_span(body, price_type, layout))
        elif ":" in body and "@" not in body:
            name, quantity = body.split(":")
            areas.append(AreaPlaces(name, int(quantity), price_type))
        else:
            named = _named(body, layout)
            seats += named
            types += ((name, price_type) for name in named if price_type)
    return Wish(
        tuple(seats), tuple(areas), tuple(best), tuple(spans), tuple(types), "need" in options,
        options.get("channel", ""),
    )  # fmt: skip


def short(unit: str) -> str:
    """A1 for Hall/A/1, clay@08:00 for a slot at UTC, clay@08:00+02:00 for another."""
    parts = unit.split("/")
    if len(parts) == 2 and ":" in parts[1]:
        return f"{parts[0]}@{parts[1].rpartition('T')[2].removesuffix('+00:00')}"
    return "".join(parts[1:]) or unit


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(word.split(":")[0], word.split(":")[1]) for word in text.split(",") if word]


def _rows(text: str, needs: dict[str, list[str]], category: int | None) -> tuple[Row, ...]:
    rows = []
    for name, count in _pairs(text):
        kind = _KINDS.get(count[-1], RowKind.ROW)
        places = {need: tuple(int(seat[1:]) - 1 for seat in seats if seat[:1] == name) for need, seats in needs.items()}
        of = category if category is not None else 0 if name == "A" else 1
        rows.append(Row(name, of, 1, int(count.rstrip("!*")), (), kind, places["acc"], places["comp"]))
    return tuple(rows)


def _court(text: str) -> tuple[str, Calendar]:
    """`clay:30m@2023-11-15T08:00+00:00*8&...`: slots of half an hour, eight from eight o'clock on, and more runs."""
    head, _, runs = text.partition("@")
    name, slot = head.split(":")
    found = []
    for run in runs.split("&"):
        begins, _, count = run.partition("*")
        begins_ms = moment_ms(begins)
        assert begins_ms is not None, begins
        sign, hours, minutes = begins[-6], int(begins[-5:-3]), int(begins[-2:])
        found.append((begins_ms, int(count), (hours * 60 + minutes) * (-1 if sign == "-" else 1)))
    return name, Calendar("Somewhere", ms_of(slot), tuple(found))


def _ppm(text: str) -> int:
    return round(float(text.rstrip("%")) * 10_000)


def _fee(name: str, text: str) -> Fee:
    """150, 2.5%, 150+2.5%, 300once."""
    amount, plus, share = text.removesuffix("once").partition("+")
    if amount.endswith("%"):
        amount, plus, share = "0", "+", amount
    return Fee(name, int(amount), _ppm(share) if plus else 0, text.endswith("once"))


def _window(text: str) -> Window:
    opens, _, closes = text.partition("..")
    return Window(START_MS + ms_of(opens) if opens else 0, START_MS + ms_of(closes) if closes else 0)


def _allotment(text: str, layout: Layout) -> Allotment:
    """`press:house:A1|B|Loge|clay|floor*3/1h`: what is set aside, for whom, and until when."""
    body, _, returns = text.partition("/")
    name, channel, rest = body.split(":", 2)
    units: list[str] = []
    places: list[AreaPlaces] = []
    for word in rest.split("|"):
        area, star, quantity = word.partition("*")
        if star:
            places.append(AreaPlaces(area, int(quantity)))
        elif word in ("Hall", "Loge") or word in {resource.name for resource in layout.resources}:
            units.append(word)
        elif len(word) == 1:
            units.append(f"{_section(word, layout)}/{word}")
        else:
            units += _named(word, layout)
    returns_at_ms = START_MS + ms_of(returns) if returns else 0
    return Allotment(name, "" if channel == "house" else channel, tuple(units), tuple(places), returns_at_ms)


def _section(row: str, layout: Layout | None) -> str:
    for section in layout.sections if layout is not None else ():
        if row in {of.name for of in section.rows}:
            return section.name
    return "Hall"


def _named(word: str, layout: Layout | None) -> list[str]:
    """The names of a seat, a run of seats, a table or a slot."""
    if "@" in word:
        return [_slot(word, layout).name if _slots(word, layout) else word.replace("@", "/")]
    first, _, last = word.partition("..")
    row, start = first[0], first[1:]
    if not start:
        return [f"{_section(row, layout)}/{row}"]
    stop = int(last[1:]) if last else int(start)
    return [f"{_section(row, layout)}/{row}/{seat}" for seat in range(int(start), stop + 1)]


def _slots(word: str, layout: Any) -> list[PlainUnit]:
    return [unit for unit in units_of(layout) if unit.begins_ms and short(unit.name) == word] if layout else []


def _slot(word: str, layout: Any) -> PlainUnit:
    return _slots(word, layout)[0]


def _span(word: str, price_type: str, layout: Any) -> Span:
    """From a slot's beginning to a time of the same day: clay@08:00-09:00, clay@01:30+02:00-02:30+01:00."""
    begins, ends = re.fullmatch(r"(.*?)-(\d\d:\d\d(?:[+-]\d\d:\d\d)?)", word).groups()  # type: ignore[union-attr]
    resource = begins.partition("@")[0]
    slots = _slots(begins, layout)
    if not slots:
        return Span(resource, START_MS, START_MS + 3_600_000, price_type)
    day = slots[0].name.partition("/")[2].partition("T")[0]
    ends_ms = moment_ms(f"{day}T{ends if len(ends) > 5 else ends + '+00:00'}")
    assert ends_ms is not None, word
    return Span(resource, slots[0].begins_ms, ends_ms, price_type)


def _best(body: str) -> BestSeats:
    """best:4/in.Hall/of.front/acc.1/split/child.2."""
    quantity, *words = body.removeprefix("best:").split("/")
    sections: list[str] = []
    categories: list[str] = []
    types: list[tuple[str, int]] = []
    accessible, split = 0, False
    for word in words:
        name, _, value = word.partition(".")
        match name:
            case "in":
                sections.append(value)
            case "of":
                categories.append(value)
            case "acc":
                accessible = int(value)
            case "split":
                split = True
            case _:
                types.append((name, int(value)))
    return BestSeats(int(quantity), tuple(sections), tuple(categories), accessible, split, tuple(types))

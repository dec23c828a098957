"""Writes the golden files of entry kinds that have none yet: `python -m tests.golden.write_entries`.

The bytes are written once, by the code that first knew the kind, and are never written again: they prove that what
was journaled then can be read for ever. Beside them stands, field by field, what they mean.
"""

from pathlib import Path
from typing import Any

import msgspec

from actors.core.baskets import LegHeld, LegLine, LegPlan
from actors.core.entries import (
    Activated,
    AllotmentReturned,
    BasketDropped,
    BasketIntended,
    BasketSettled,
    Corrected,
    Entry,
    EventCreated,
    EventEdited,
    EventFollowed,
    ExchangeDropped,
    ExchangeIntended,
    ExchangeSettled,
    HoldExpired,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    LegAcknowledged,
    LegBarred,
    LegBooked,
    LegPinned,
    LegReleased,
    OrderCancelled,
    OrderClosed,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    PartFollowed,
    SaleOpened,
    StatusChanged,
    TicketReassigned,
    TicketsCancelled,
    TicketsExchanged,
    WaiterJoined,
    WaiterLeft,
)
from actors.core.layout import Area, Calendar, Category, Fee, Hours, Layout, Resource, Row, RowKind, Section, Tax
from actors.core.parts import Part
from actors.core.replies import EventStatus, OrderStatus
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from actors.journal.codec import VERSION, encode_entries

FOLDER = Path(__file__).parent / f"entries_v{VERSION}"

_KEY = bytes(range(16))
_FINGERPRINT = bytes(range(240, 256))
_HOLD = 2**63 - 1
_ORDER = 2**62 + 7
_LAYOUT = Layout(
    "EUR",
    (Category("near", 12_050, ((1, 6_025), (2, 0))), Category("hour", 2_400)),
    (
        Section(
            "A",
            (
                Row("1", 0, 1, 20, (), RowKind.ROW, (0, 19), (1, 18)),
                Row("2", 0, 0, 2, ("left", "right"), RowKind.WHOLE_TABLE),
                Row("3", 0, 1, 4, (), RowKind.TABLE),
            ),
            (-10, 4),
        ),
    ),
    (Area("floor", 0, 4_000),),
    (Resource("Platz 1", 1, 0, 900_000),),
    (Calendar("Europe/Berlin", 1_800_000, ((1_729_983_600_000, 4, 120), (1_729_990_800_000, 20, 60))),),
    ("adult", "child", "member"),
    (Fee("service", 150, 25_000), Fee("order", 300, 0, True)),
    Tax("VAT", 210_000, True),
    (0, -4),
)
_RULES = Rules(
    Window(1_700_000_000_000, 1_800_000_000_000),
    3_600_000,
    6,
    (Channel("presale", Window(1_690_000_000_000, 1_695_000_000_000)), Channel("box office")),
    (
        Allotment("house", "", ("A/1/1", "Platz 1")),
        Allotment("press", "box office", ("A/2",), (AreaPlaces("floor", 40),), 1_790_000_000_000),
    ),
    1_795_000_000_000,
    WaitingList(300_000),
)
_WISH = Wish(
    ("A/1/3", "A/2"),
    (AreaPlaces("floor", 2, "child"),),
    (BestSeats(4, ("A",), ("near",), 1, True, (("child", 2),)),),
    (Span("Platz 1", 1_729_983_600_000, 1_729_990_800_000, "adult"),),
    (("A/1/3", "member"),),
    True,
    "box office",
)

_LEG = 2**62 + 9
_BLOCK = "0mye1f50nxkdd129"
_PLAN = LegPlan(_BLOCK, _LEG, _WISH, ((_LEG - 1, (0, 2)),))
_HELD = LegHeld(
    _LEG,
    _BLOCK,
    "EUR",
    ("A/1/3", "A/2/left"),
    (AreaPlaces("floor", 2, "child"),),
    (
        LegLine("near", "member", 12_050, (("service", 451),), (("VAT", 210_000, True, 2_170),)),
        LegLine("near", "child", 6_025),
    ),
    (0, 0, 1, 1),
    LegLine("", "", 0, (("order", 300),), (("VAT", 210_000, True, 52),)),
    ((42, 1),),
)

_HOURS = Hours(20_023, 20_023, ((6, 60, 900),), ((28_833_600, 28_833_660),))
_OPEN_LAYOUT = msgspec.structs.replace(
    _LAYOUT, calendars=(msgspec.structs.replace(_LAYOUT.calendars[0], hours=_HOURS),)
)
_HOME, _LEDGER = "2ab8k5zq2w9x3c7d", "7yv3h0dm5s4r1t6e"
_COUNTED_PLAN = LegPlan(_BLOCK, _LEG, _WISH, ((_LEG - 1, (0, 2)),), _LEDGER)
_COUNTING_PLAN = LegPlan(_LEDGER, _LEG - 2, Wish(areas=(AreaPlaces("units", 4),)), counts=4)
_COUNTED = LegHeld(
    _LEG,
    _BLOCK,
    "EUR",
    ("A/2/left", "A/2/right", "Platz 1/2024-10-27T02:30+02:00", "A/1/3"),
    (),
    (LegLine("near", "", 12_050), LegLine("hour", "", 2_400)),
    (0, 0, 1, 0),
    None,
    (),
    _LEDGER,
    0,
    _HOME,
    ((0, 1),),
    ((2, 1_729_989_000_000),),
)
_COUNTING = LegHeld(_LEG - 2, _LEDGER, "EUR", (), (), (), (), counts=4, home=_HOME)

EXAMPLES: tuple[Entry, ...] = (
    Activated(1_700_000_000_001, "shard-3", b"\xffnonce\x00", 1_699_999_990_000, 1_700_000_000_000),
    EventCreated(
        1_700_000_000_002,
        "tenant",
        "Abschied für immer, 20 €",
        Layout(
            "EUR",
            (Category("near", 12_050), Category("standing", 0)),
            (Section("A", (Row("1", 0, 1, 20), Row("2", 0, 0, 2, ("left", "right")))), Section("B", ())),
            (Area("floor", 1, 4_000),),
        ),
        600_000,
        _KEY,
        _FINGERPRINT,
    ),
    SaleOpened(1_700_000_000_003, _KEY, _FINGERPRINT),
    HoldPlaced(
        1_700_000_000_004,
        _HOLD,
        "buyer",
        (0, 127, 128, 70_000),
        ((0, 2), (1, 1)),
        ((0, 4, 12_050), (1, 3, 0)),
        1_700_000_600_004,
        1_700_007_200_004,
        _KEY,
        _FINGERPRINT,
    ),
    HoldExtended(1_700_000_000_005, _HOLD, 1_700_000_900_000, _KEY, _FINGERPRINT),
    HoldReleased(1_700_000_000_006, _HOLD, _KEY, _FINGERPRINT),
    HoldExpired(1_700_000_000_007, _HOLD),
    OrderPlaced(1_700_000_000_008, _ORDER, _HOLD, _KEY, _FINGERPRINT),
    OrderConfirmed(1_700_000_000_009, _ORDER, _KEY, _FINGERPRINT),
    OrderCancelled(1_700_000_000_010, _ORDER, _KEY, _FINGERPRINT),
    OrderExpired(1_700_000_000_011, _ORDER),
    StatusChanged(1_700_000_000_012, EventStatus.CANCELLED, _KEY, _FINGERPRINT),
    EventEdited(1_700_000_000_013, "Zugabe", _LAYOUT, _RULES, 900_000, _KEY, _FINGERPRINT),
    AllotmentReturned(1_700_000_000_014, "press"),
    TicketsCancelled(1_700_000_000_015, _ORDER, (0, 3), _KEY, _FINGERPRINT),
    TicketsExchanged(
        1_700_000_000_016,
        _ORDER,
        (1, 2),
        (127, 70_001),
        ((1, 1),),
        ((0, 2, 12_050), (3, 1, 0)),
        (0, 0, 1),
        ((150, 0, 2_117), (0, 0, 0)),
        ((42, 1),),
        _KEY,
        _FINGERPRINT,
        "box office",
    ),
    TicketReassigned(1_700_000_000_017, _ORDER, 3, "holder", _KEY, _FINGERPRINT),
    OrderClosed(1_700_000_000_018, _ORDER, OrderStatus.NO_SHOW, _KEY, _FINGERPRINT),
    WaiterJoined(1_700_000_000_019, _HOLD, "buyer", _WISH, _KEY, _FINGERPRINT),
    WaiterLeft(1_700_000_000_020, _HOLD, _KEY, _FINGERPRINT),
    PartFollowed(1_700_000_000_023, _BLOCK, 4),
    EventFollowed(1_700_000_000_024, "tenant", _HOME, 4, "Turnier", EventStatus.PAUSED, 900_000, _LAYOUT, _RULES),
    BasketIntended(
        1_700_000_000_030,
        "tenant",
        _HOLD,
        "buyer",
        (LegPlan(_BLOCK, _LEG - 1, _WISH), LegPlan("4hjws5z855hbph9k", _LEG - 2, _WISH)),
        600_000,
        1_700_000_030_030,
        _KEY,
        _FINGERPRINT,
    ),
    BasketSettled(1_700_000_000_031, _HOLD, (_HELD,), 1_700_000_600_031, 1_700_007_200_031),
    BasketDropped(1_700_000_000_032, _HOLD),
    LegAcknowledged(1_700_000_000_033, _LEG, 2),
    ExchangeIntended(1_700_000_000_034, _ORDER, (0, 2), _PLAN, 1_700_000_030_034, _KEY, _FINGERPRINT),
    ExchangeSettled(1_700_000_000_035, _ORDER, _HELD),
    ExchangeDropped(1_700_000_000_036, _ORDER),
    LegPinned(
        1_700_000_000_040,
        _LEG,
        "desk0000000000de",
        _HOLD,
        1,
        "buyer",
        (127, 70_000),
        ((0, 2),),
        ((1, 2, 6_025), (2, 2, 12_050)),
        (1, 1, 0),
        ((150, 0, 2_117), (0, 0, 0)),
        (0, 300, 63),
        "box office",
        ((42, 1),),
        ((_LEG - 1, (0, 2)),),
        1_700_000_035_040,
    ),
    LegBooked(1_700_000_000_041, _LEG, 2),
    LegReleased(1_700_000_000_042, _LEG, 3, (0, 3)),
    LegBarred(1_700_000_000_043, _LEG, 2, 1_700_086_400_043),
    Corrected(
        1_700_000_000_046,
        3,
        17,
        "mara",
        "a ticket was good twice",
        1_699_999_000_000,
        ((_ORDER, (0, 3)),),
        (_HOLD,),
        (_ORDER + 1,),
    ),
)

GROWN: dict[str, Entry] = {
    "Corrected.2": Corrected(
        1_700_000_000_071, 4, 17, "mara", "sold twice", 1_700_000_000_000, struck=((15, (0, 3)), (70_000, (1,)))
    ),
    "EventCreated.2": EventCreated(
        1_700_000_000_021, "tenant", "Turnier", _LAYOUT, 600_000, _KEY, _FINGERPRINT, _RULES
    ),
    "HoldPlaced.2": HoldPlaced(
        1_700_000_000_022,
        _HOLD,
        "buyer",
        (127, 70_000),
        ((0, 2),),
        ((0, 2, 12_050), (3, 2, 0)),
        1_700_000_600_022,
        1_700_007_200_022,
        _KEY,
        _FINGERPRINT,
        (0, 0, 1),
        ((150, 0, 2_117), (0, 0, 0)),
        (0, 300, 63),
        "box office",
        ((42, 1),),
        _HOLD,
    ),
    "EventCreated.3": EventCreated(
        1_700_000_000_025,
        "tenant",
        "Turnier",
        _OPEN_LAYOUT,
        600_000,
        _KEY,
        _FINGERPRINT,
        _RULES,
        (Part(_BLOCK, ("A",)), Part(_LEDGER)),
    ),
    "BasketIntended.2": BasketIntended(
        1_700_000_000_037,
        "tenant",
        _HOLD,
        "buyer",
        (LegPlan(_BLOCK, _LEG, _WISH, (), _LEDGER), _COUNTING_PLAN),
        600_000,
        1_700_000_030_037,
        _KEY,
        _FINGERPRINT,
        3_600_000,
    ),
    "BasketSettled.2": BasketSettled(
        1_700_000_000_038, _HOLD, (_COUNTED, _COUNTING), 1_700_000_600_038, 1_700_003_600_038
    ),
    "ExchangeIntended.2": ExchangeIntended(
        1_700_000_000_039, _ORDER, (0, 2), _COUNTED_PLAN, 1_700_000_030_039, _KEY, _FINGERPRINT
    ),
    "EventFollowed.2": EventFollowed(
        1_700_000_000_045, "tenant", _HOME, 6, "Turnier", EventStatus.ARCHIVED, 900_000, None, None, True
    ),
    "ExchangeSettled.2": ExchangeSettled(1_700_000_000_044, _ORDER, _COUNTED),
}
"""Kinds that have more fields since their first file was written, with those: by the names of further files."""


def meaning(part: Any) -> Any:
    """An entry, or a part of one, as JSON can show it: fields by name, bytes in hexadecimal."""
    if isinstance(part, msgspec.Struct):
        return {field: meaning(getattr(part, field)) for field in part.__struct_fields__}
    if isinstance(part, tuple):
        return [meaning(each) for each in part]
    return part.hex() if isinstance(part, bytes) else part


def main() -> None:
    """Write what is missing."""
    FOLDER.mkdir(exist_ok=True)
    for name, entry in ({type(entry).__name__: entry for entry in EXAMPLES} | GROWN).items():
        written = FOLDER / f"{name}.bin"
        if not written.exists():
            written.write_bytes(encode_entries((entry,)))
            shown = msgspec.json.format(msgspec.json.encode(meaning(entry)), indent=2)
            written.with_name(f"{name}.json").write_bytes(shown + b"\n")


if __name__ == "__main__":
    main()

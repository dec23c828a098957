"""Writes the golden files of entry kinds that have none yet: `python -m tests.golden.write_entries`.

The bytes are written once, by the code that first knew the kind, and are never written again: they prove that what
was journaled then can be read for ever. Beside them stands, field by field, what they mean.
"""

from pathlib import Path
from typing import Any

import msgspec

from actors.core.entries import (
    Activated,
    Entry,
    EventCreated,
    HoldExpired,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    SaleOpened,
)
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.journal.codec import VERSION, encode_entries

FOLDER = Path(__file__).parent / f"entries_v{VERSION}"

_KEY = bytes(range(16))
_FINGERPRINT = bytes(range(240, 256))
_HOLD = 2**63 - 1
_ORDER = 2**62 + 7

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
)


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
    for entry in EXAMPLES:
        written = FOLDER / f"{type(entry).__name__}.bin"
        if not written.exists():
            written.write_bytes(encode_entries((entry,)))
            shown = msgspec.json.format(msgspec.json.encode(meaning(entry)), indent=2)
            written.with_suffix(".json").write_bytes(shown + b"\n")


if __name__ == "__main__":
    main()

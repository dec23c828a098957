"""Versions of a layout have what is the same in them once: live, restored, replayed, of an event in parts too."""

from collections.abc import Callable, Mapping
from copy import copy
from typing import NamedTuple

import msgspec
import pytest

from actors.core import event_layout, layout_versions, snapshot, state
from actors.core.block import apply, decide
from actors.core.commands import Command, CreateEvent, EditEvent, OpenSale, PlaceHold, Stamp
from actors.core.entries import Entry
from actors.core.layout import Area, Calendar, Category, Layout, Resource, Row, Section
from actors.core.layout_index import LayoutIndex
from actors.core.layout_versions import count_of_own_units, read_versions, written
from actors.core.outcomes import Accepted, Reason, Rejected
from actors.core.parts import Part
from actors.core.snapshot import SnapshotDamaged, digest, freeze, restore
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish
from actors.journal.codec import decode_entries, encode_entries

NOW_MS = 1_700_000_000_000
PARTS = (Part("part-1", ("East",)),)
UNITS = ("sections", "areas", "resources", "calendars")
_decoder = msgspec.msgpack.Decoder(Layout)


def hall(price: int, rows: int = 40, capacity: int = 10_000) -> Layout:
    """Two sections, an area and a court, as they come from the wire: no two share anything."""
    sections = tuple(Section(name, tuple(Row(f"R{row}", 0, 1, 20) for row in range(rows))) for name in ("West", "East"))
    layout = Layout(
        "EUR",
        (Category("seat", price), Category("floor", price // 2)),
        sections,
        (Area("Floor", 1, capacity),),
        (Resource("Court", 0, 0),),
        (Calendar("UTC", 3_600_000, ((NOW_MS, 24, 0),)),),
    )
    return _decoder.decode(msgspec.msgpack.encode(layout))


class Lived(NamedTuple):
    """A block, and what its journal says."""

    live: BlockState
    journal: bytes

    def replayed(self) -> BlockState:
        """Another of the same entries."""
        again = BlockState()
        for entry in decode_entries(self.journal):
            apply(again, entry)
        return again


def lived(*edits: Layout, parts: tuple[Part, ...] = (), unsold: tuple[int, ...] = ()) -> Lived:
    """A block with these layouts, one after the other; of an event that is not split something is held under each
    version but those `unsold`.
    """
    block, entries = BlockState(), list[Entry]()

    def say(command: Command) -> None:
        outcome = decide(block, command, NOW_MS)
        assert isinstance(outcome, Accepted), outcome
        for entry in outcome.entries:
            apply(block, entry)
        entries.extend(outcome.entries)

    say(CreateEvent(stamp(1), "Gala", edits[0], 600_000, parts=parts))
    say(OpenSale(stamp(2)))
    for number, edit in enumerate((*edits[1:], None)):
        if not parts and number + 1 not in unsold:
            say(PlaceHold(stamp(10 + 2 * number), number + 1, Wish((), (AreaPlaces("Floor", 1),))))
        if edit is not None:
            say(EditEvent(stamp(11 + 2 * number), block.revision, layout=edit))
    return Lived(block, encode_entries(entries))


def stamp(number: int) -> Stamp:
    """A call of its own."""
    return Stamp("acme", "ana", number.to_bytes(16), number.to_bytes(16), NOW_MS + 60_000)


def check_shared(block: BlockState) -> None:
    """All versions have the very units and rows of the present one, and each its prices."""
    assert len(block.layouts) > 1
    for version, layout in block.layouts.items():
        for name in UNITS:
            assert getattr(layout, name) is getattr(block.index.layout, name), f"version {version} has its own {name}"
        index = block.index_of(version)
        assert index.layout is layout
        assert index._row_of_name is block.index._row_of_name, f"version {version} has its own names"
        assert index.prices.unit(0, 0) == layout.categories[0].price, f"version {version} has other prices"
    assert len({layout.categories[0].price for layout in block.layouts.values()}) == len(block.layouts)


def check_all() -> None:
    """Live, restored and replayed; and all three are the same."""
    known = lived(*(hall(price) for price in (100, 200, 300, 400)))
    blocks = known.live, restore(freeze(known.live)), known.replayed(), restore(freeze(known.replayed()))
    for block in blocks:
        assert list(block.layouts) == [1, 2, 3, 4]
        check_shared(block)
        assert digest(block) == digest(known.live)
    once = len(freeze(lived(hall(100)).live))
    assert len(freeze(known.live)) < 1.6 * once, "a snapshot has the units once"


def test_what_a_price_leaves_as_it_was_is_there_once() -> None:
    check_all()


def shares_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(layout_versions, "with_units_of", lambda before, layout: layout)


def writes_all(patch: pytest.MonkeyPatch) -> None:
    def whole(layouts: Mapping[int, Layout]) -> tuple[layout_versions.WrittenVersion, ...]:
        return tuple(layout_versions.WrittenVersion(*known) for known in layouts.items())

    patch.setattr(snapshot, "written", whole)


def indexes_each(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(layout_versions, "shares_rows_and_slots", lambda one, other: False)


def forgets_prices(patch: pytest.MonkeyPatch) -> None:
    def with_prices_of_its_own(index: LayoutIndex, layout: Layout) -> LayoutIndex:
        prices, other = index.prices, copy(index)
        other.layout, other.prices = layout, prices
        return other

    patch.setattr(LayoutIndex, "with_prices_of", with_prices_of_its_own)


@pytest.mark.parametrize(
    ("sabotage", "noticed"),
    [(shares_nothing, "its own sections"), (writes_all, "its own sections"), (indexes_each, "its own names"),
     (forgets_prices, "other prices")],
)  # fmt: skip
def test_control_what_is_kept_twice_is_noticed(
    sabotage: Callable[[pytest.MonkeyPatch], None], noticed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=noticed):
        check_all()


def test_an_edit_shares_what_it_leaves_as_it_was() -> None:
    """Other capacities: rows and slots are those of before."""
    block = lived(hall(100), hall(100, capacity=5_000), hall(100, rows=41, capacity=5_000)).live
    one, two, three = block.layouts.values()
    assert (one.sections is two.sections, one.areas is two.areas) == (True, False)
    assert (two.sections is three.sections, two.areas is three.areas) == (False, True)
    assert one.calendars is three.calendars
    assert block.index_of(1)._row_of_name is block.index_of(2)._row_of_name
    assert block.index_of(2).layout.areas[0].capacity == 5_000
    assert [count_of_own_units(kept) for kept in ({1: one}, {1: one, 2: two}, block.layouts)] == [1, 2, 3]


def check_split() -> None:
    """Of an event in parts: the whole, and what the home has of it."""
    known = lived(hall(100), parts=PARTS)
    before, whole = known.live.layout, known.live.whole
    assert before is not None
    assert whole is not None
    edit = EditEvent(stamp(9), known.live.revision, layout=hall(200))
    outcome = decide(known.live, edit, NOW_MS)
    assert isinstance(outcome, Accepted)
    apply(known.live, outcome.entries[0])
    assert known.live.whole is not None
    assert (known.live.whole.categories[0].price, known.live.index.layout.categories[0].price) == (200, 200)
    assert known.live.whole.sections is whole.sections, "the whole has its own"
    assert known.live.index.layout.sections is before.sections, "the home has its own"
    assert [section.name for section in before.sections] == ["West"]


def test_the_whole_of_an_event_in_parts_is_there_once() -> None:
    check_split()


@pytest.mark.parametrize(("module", "noticed"), [(state, "the whole"), (layout_versions, "the home")])
def test_control_a_whole_of_its_own_is_noticed(module: object, noticed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "with_units_of", lambda before, layout: layout)
    with pytest.raises(AssertionError, match=noticed):
        check_split()


def check_there_and_back() -> None:
    """Units that come back after others are told by value: what is restored, and replayed, is written alike."""
    known = lived(hall(100), hall(100, rows=41), hall(300), unsold=(2,))
    block = known.live
    assert block.layouts[1].sections is not block.layouts[3].sections, "else this shows nothing"
    assert digest(restore(freeze(block))) == digest(known.replayed()) == digest(block), "it is not what was frozen"
    check_shared(restore(freeze(block)))


def test_what_comes_back_is_written_as_what_stayed() -> None:
    check_there_and_back()


def test_control_what_is_told_by_who_shares_it_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_identity(before: Layout, layout: Layout) -> tuple[str, ...]:
        return tuple(name for name in UNITS if getattr(before, name) is getattr(layout, name))

    monkeypatch.setattr(layout_versions, "_shared", by_identity)
    with pytest.raises(AssertionError, match="its own sections"):
        check_there_and_back()


@pytest.mark.parametrize(("place", "shared"), [(0, ("sections",)), (1, ("prices",)), (1, ("sections", "tax"))])
def test_what_shares_what_is_not_there_is_damage(place: int, shared: tuple[str, ...]) -> None:
    versions = list(written({1: hall(100), 2: hall(200)}))
    assert read_versions(tuple(versions)) == {1: hall(100), 2: hall(200)}
    versions[place] = msgspec.structs.replace(versions[place], shared=shared)
    with pytest.raises(LookupError, match="shares"):
        read_versions(tuple(versions))


def test_a_snapshot_that_shares_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_shares(layouts: Mapping[int, Layout]) -> tuple[layout_versions.WrittenVersion, ...]:
        return tuple(msgspec.structs.replace(one, shared=("sections",)) for one in written(layouts))

    monkeypatch.setattr(snapshot, "written", first_shares)
    with pytest.raises(SnapshotDamaged, match="contradicts itself"):
        restore(freeze(lived(hall(100)).live))


def test_an_event_in_parts_has_so_many_versions_at_most_as_only_its_parts_know_of_which_is_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_layout, "MAX_LAYOUT_VERSIONS", 3)
    live = lived(hall(100), hall(101), hall(102), parts=PARTS, unsold=(1, 2, 3)).live
    edit = EditEvent(stamp(900), live.revision, layout=hall(103))
    refused = decide(live, edit, NOW_MS)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.INVALID_ARGUMENT
    assert refused.details.fields[0].startswith("layout: an event in parts has 3 versions")
    monkeypatch.setattr(event_layout, "MAX_LAYOUT_VERSIONS", 4)
    assert isinstance(decide(live, edit, NOW_MS), Accepted)

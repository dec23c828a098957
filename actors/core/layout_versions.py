"""The versions of a block's layout to which something still refers.

What two that follow each other have the same of sections, areas, resources and calendars is kept once, in memory and in
snapshots, so that a version of other prices costs its prices. What is the same is told by value, never by who shares
it: live, restored and replayed states are written alike.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import msgspec

from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex, has_same_units, shares_rows_and_slots

_Shared = tuple[str, ...]
_UNITS: _Shared = ("sections", "areas", "resources", "calendars")


class WrittenVersion(msgspec.Struct, frozen=True, array_like=True):
    """A version in a snapshot. `shared`: what is as in the version before it there, and is left out."""

    version: int
    layout: Layout
    shared: _Shared = ()


class LayoutVersions:
    """Layouts by version, the present one last; and their indices, made when they are asked for.

    `present`: the present one's; of a layout without units before there is one.
    """

    def __init__(self) -> None:
        self.layouts: dict[int, Layout] = {}
        self.present = LayoutIndex(Layout("", (), (), ()))
        self._indices: dict[int, LayoutIndex] = {}
        self._has_units_of: dict[int, bool] = {}

    def use(self, layout: Layout, version: int) -> LayoutIndex:
        """The layout is the present one from now on."""
        layout = with_units_of(self.present.layout, layout)
        self.layouts[version] = layout
        self.present = self._indices[version] = _index_like((self.present,), layout)
        self._has_units_of.clear()
        return self.present

    def forget(self, referred: set[int]) -> None:
        """Keep only these versions."""
        self.layouts = {version: self.layouts[version] for version in sorted(referred)}
        self._indices = {version: index for version, index in self._indices.items() if version in referred}

    def index_of(self, version: int) -> LayoutIndex:
        """The units of this version."""
        index = self._indices.get(version)
        if index is None:
            index = self._indices[version] = _index_like(self._indices.values(), self.layouts[version])
        return index

    def has_same_units(self, version: int) -> bool:
        """Whether the present layout has the units of this version under the same numbers."""
        if version not in self._has_units_of:
            self._has_units_of[version] = has_same_units(self.present.layout, self.layouts[version])
        return self._has_units_of[version]


def with_units_of(before: Layout, layout: Layout) -> Layout:
    """The layout; what of its units is equal to the other's is the very same."""
    return _taking(layout, before, _shared(before, layout))


def count_of_own_units(layouts: Mapping[int, Layout]) -> int:
    """How many of these versions, in order, have units that are not those of the version before."""
    return 1 + sum(len(_shared(*pair)) < len(_UNITS) for pair in pairwise(layouts.values()))


def written(layouts: Mapping[int, Layout]) -> tuple[WrittenVersion, ...]:
    """The versions, which come in order, each without what it shares with the one before it."""
    versions: list[WrittenVersion] = []
    before: Layout | None = None
    for version, layout in layouts.items():
        shared = () if before is None else _shared(before, layout)
        versions.append(WrittenVersion(version, msgspec.structs.replace(layout, **dict.fromkeys(shared, ())), shared))
        before = layout
    return tuple(versions)


def read_versions(versions: tuple[WrittenVersion, ...]) -> dict[int, Layout]:
    """The inverse of `written`. Raises LookupError where something is shared that there is not."""
    layouts: dict[int, Layout] = {}
    before: Layout | None = None
    for one in versions:
        if one.shared and (before is None or not set(one.shared) <= set(_UNITS)):
            raise LookupError(f"version {one.version} shares {one.shared}")
        before = layouts[one.version] = one.layout if before is None else _taking(one.layout, before, one.shared)
    return layouts


def _index_like(known: Iterable[LayoutIndex], layout: Layout) -> LayoutIndex:
    """The index of the layout, made of that of another one which shares its rows and slots, if any does."""
    for index in known:
        if shares_rows_and_slots(index.layout, layout):
            return index.with_prices_of(layout)
    return LayoutIndex(layout)


def _shared(before: Layout, layout: Layout) -> _Shared:
    pairs = ((name, getattr(before, name), getattr(layout, name)) for name in _UNITS)
    return tuple(name for name, was, now in pairs if was is now or was == now)


def _taking(layout: Layout, before: Layout, shared: _Shared) -> Layout:
    return msgspec.structs.replace(layout, **{name: getattr(before, name) for name in shared})

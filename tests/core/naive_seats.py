"""Which choices of neighbouring seats are legal, by trying them all. Nothing of the core, nor of its best seats."""

from collections.abc import Iterator, Sequence
from itertools import groupby, product
from typing import Any

from tests.core.plain_layout import WHOLE_TABLE, PlainUnit

MOST = 50


class Hall:
    """The seats that a wish could have: `usable` says of each whether it is one of them."""

    def __init__(self, units: tuple[PlainUnit, ...], usable: set[str], best: dict[str, Any]) -> None:
        seats = (unit for unit in units if not unit.begins_ms)
        rows = [list(row) for _, row in groupby(seats, key=lambda unit: unit.row)]
        sections, categories = best["sections"], best["categories"]
        self.rows = [
            [unit.key in usable and self._is_asked(unit, sections, categories) for unit in row] for row in rows
        ]
        self.names = [[unit.name for unit in row] for row in rows]
        self._units = rows
        self._least = best["accessible"]
        self._split = best["split"] and not self._least

    @staticmethod
    def _is_asked(unit: PlainUnit, sections: tuple[str, ...], categories: tuple[str, ...]) -> bool:
        return (not sections or unit.group in sections) and (not categories or unit.category in categories)

    def sizes(self) -> set[int]:
        """How large a group could be."""
        sizes = {len(window) for number in range(len(self.rows)) for window in self._windows(number)}
        for group in self._groups() if self._split else ():
            found = {0}
            for number in group:
                parts = {len(window) for window in self._windows(number)}
                found = {size + part for size in found for part in parts}
            sizes |= found
        return {size for size in sizes if 1 <= size <= MOST}

    def choices(self, size: int) -> list[frozenset[str]]:
        """Every choice of so many, in one row or split."""
        choices = [window for number in range(len(self.rows)) for window in self._windows(number)]
        for group in self._groups() if self._split else ():
            parts = [[window for window in self._windows(number) if len(window) < size] for number in group]
            choices += ([name for part in choice for name in part] for choice in product(*parts))
        return [frozenset(names) for names in choices if len(names) == size]

    def is_legal(self, names: list[str]) -> bool:
        """Whether these seats are a choice that the wish could have: a row's, or, if no row has so many, a split."""
        windows = [window for number in range(len(self.rows)) for window in self._windows(number)]
        in_one_row = [window for window in windows if len(window) == len(names)]
        if in_one_row:
            return names in in_one_row
        return self._split and any(self._is_split(group, names) for group in self._groups())

    def _is_split(self, group: range, names: list[str]) -> bool:
        parts = [[name for name in self.names[number] if name in names] for number in group]
        if [name for part in parts for name in part] != names:
            return False
        return all(part in self._windows(number) for part, number in zip(parts, group, strict=True))

    def _windows(self, number: int) -> Iterator[list[str]]:
        """Every run of usable neighbours in the row; a whole table only whole; with the accessible seats asked for."""
        row, units = self.rows[number], self._units[number]
        for start in range(len(row)):
            for end in range(start + 1, len(row) + 1):
                if not all(row[start:end]) or (units[0].kind == WHOLE_TABLE and end - start < len(row)):
                    continue
                if sum(unit.need == "accessible" for unit in units[start:end]) >= self._least:
                    yield self.names[number][start:end]

    def _groups(self) -> Iterator[range]:
        """Two to four rows behind each other, of one section and one category, none of them a whole table."""
        for first in range(len(self.rows)):
            for last in range(first + 2, min(first + 4, len(self.rows)) + 1):
                heads = [self._units[number][0] for number in range(first, last)]
                are_alike = len({(unit.group, unit.category) for unit in heads}) == 1
                if are_alike and not any(unit.kind == WHOLE_TABLE for unit in heads):
                    yield range(first, last)


def all_can_choose(choices: Sequence[list[frozenset[str]]]) -> bool:
    """Whether each can have one of its choices, and no seat is chosen twice."""
    if not choices:
        return True
    first, *others = choices
    return any(all_can_choose([_without(names, other) for other in others]) for names in first)


def may_be_in_the_way(of: list[frozenset[str]], choices: list[frozenset[str]]) -> bool:
    """Whether one of these choices leaves none of those."""
    return any(not _without(names, of) for names in choices)


def _without(names: frozenset[str], choices: list[frozenset[str]]) -> list[frozenset[str]]:
    return [choice for choice in choices if not choice & names]

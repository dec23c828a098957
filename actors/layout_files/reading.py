"""What the parts of one reading of a layout file share: names given so far, and how much has been read."""

from collections.abc import Iterator

from actors.core.layout import MAX_HOURS, MAX_ROWS, MAX_RUNS, MAX_SPECIAL_SEATS, MAX_TEXT_BYTES, MAX_UNITS
from actors.layout_files.faults import FaultList, shown
from actors.layout_files.fields import Fields, read_label
from actors.layout_files.label_ranges import parse_names


class Reading:
    """One reading of one file."""

    def __init__(self) -> None:
        self.faults = FaultList()
        self.path_of_name: dict[str, str] = {}  # sections, areas and resources
        self.category_of_name: dict[str, int] = {}
        self.price_types: tuple[str, ...] | None = ()  # None: they are faulty, so nothing can be said of their prices
        self.row_count = 0
        self.unit_count = 0
        self.special_seats = 0
        self.text_bytes = 0  # of rows and seats
        self.run_count = 0
        self.hours_count = 0  # opening hours of weeks and closed times

    @property
    def over_bounds(self) -> bool:
        """Whether the layout is too large already, so that reading on would be work for nothing."""
        return any(True for _ in self._overruns())

    def note_overruns(self) -> None:
        """Note as faults the bounds that the layout as a whole does not keep."""
        for problem in self._overruns():
            self.faults.add("", problem)

    def category(self, fields: Fields) -> int:
        """The index of the category that the field `category` names."""
        name = fields.label("category")
        index = self.category_of_name.get(name)
        if name and index is None and self.category_of_name:
            fields.refuse("category", f"{shown(name)} is not one of the categories")
        return index or 0

    def names(self, fields: Fields, path_of_name: dict[str, str], most: int, of_what: str) -> tuple[str, ...]:
        """What `name`, or the range `names`, calls what is described; claimed. At least one, if need be empty."""
        if not fields.has("names"):
            name = fields.label("name")
            claim(self.faults, path_of_name, name, fields.path_of("name"))
            return (name,)
        if fields.has("name"):
            fields.refuse("names", 'must not stand beside "name": give one of the two')
        value = fields.value("names")
        names = parse_names(value) if isinstance(value, str) else None
        if names is None:
            fields.refuse("names", f'must be a range such as "A..T" or "1..15", is {shown(value)}')
            return ("",)
        if names.count > most:
            fields.refuse("names", f"must be at most {most} {of_what}, is {names.count}")
            return ("",)
        for name in names.labels():
            if not claim(self.faults, path_of_name, name, fields.path_of("names")):
                break
        return tuple(names.labels())

    def labels(self, fields: Fields, name: str, path_of_label: dict[str, str], most: int) -> tuple[str, ...]:
        """A list of labels, claimed; empty ones for those that are faulty."""
        labels = []
        for path, raw in fields.entries(name, 1, most):
            label = read_label(raw, path, self.faults)
            claim(self.faults, path_of_label, label, path)
            labels.append(label)
        return tuple(labels)

    def _overruns(self) -> Iterator[str]:
        if self.row_count > MAX_ROWS:
            yield f"has more than {MAX_ROWS} rows"
        if self.unit_count > MAX_UNITS:
            yield f"has more than {MAX_UNITS} seats, places and slots"
        if self.special_seats > MAX_SPECIAL_SEATS:
            yield f"has more than {MAX_SPECIAL_SEATS} accessible and companion seats"
        if self.text_bytes > MAX_TEXT_BYTES:
            yield f"has more than {MAX_TEXT_BYTES} bytes of row names and seat labels"
        if self.run_count > MAX_RUNS:
            yield f"has more than {MAX_RUNS} opening hours on all days together"
        if self.hours_count > MAX_HOURS:
            yield f"has more than {MAX_HOURS} opening hours of weeks and closed times"


def claim(faults: FaultList, path_of_name: dict[str, str], name: str, path: str) -> bool:
    """Give `name` to `path`; whether no other path has it. A faulty name (empty) claims nothing."""
    owner = path_of_name.setdefault(name, path) if name else path
    if owner != path:
        faults.add(path, f"{shown(name)} is already used by {owner}")
    return owner == path

"""What of a block is held against other blocks: all that is kept of it when its books are let go."""

from typing import Any

import msgspec

from actors.audit.basket_books import Desk, LegAtBlock
from actors.audit.books import Books
from actors.audit.desks import conclude
from actors.audit.shelf import Shelf
from actors.audit.splits import Split


class Sides(msgspec.Struct, frozen=True):
    """A block as its desk, its legs' desks, its parts or its home see it. `layout`: of an event that is split."""

    block: str
    desk: Desk
    legs: Shelf[LegAtBlock]
    split: Split
    layout: Any
    was_cancelled: bool

    @property
    def is_alone(self) -> bool:
        """Whether nothing of it has to do with any other block."""
        return not (self.desk.baskets or self.legs or self.split.is_divided)

    def let_go(self) -> None:
        """The books are gone, and nothing of it changes any more."""
        self.desk.baskets.rest_all()
        self.legs.rest_all()


def sides_of(books: Books) -> Sides:
    """As the block is after the last row that was folded; what the books go on to changes it."""
    conclude(books)
    books.legs.rest_all(lambda leg: not leg.has_units)
    layout = books.event.layout if books.split.is_divided and books.event is not None else None
    return Sides(books.block, books.desk, books.legs, books.split, layout, books.was_cancelled)

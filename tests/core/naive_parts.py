"""What the naive model keeps: one piece for each unit that anybody ever had, and who has it. Nothing of the core."""

from dataclasses import dataclass, field

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SOLD = ("CONFIRMED", "PARTLY_CANCELLED", "COMPLETED", "NO_SHOW")
IN_FORCE = ("CONFIRMED", "PARTLY_CANCELLED")


@dataclass(frozen=True)
class Answer:
    """A refusal's reason and details, or a yes (`reason` empty) with what the caller sees."""

    reason: str = ""
    units: frozenset[str] = frozenset()
    available: int | None = None
    retry_at_ms: int | None = None
    replayed: bool = False
    view: tuple[object, ...] = ()


@dataclass(eq=False)
class Piece:
    """One seat, slot or place that was held once, with what it costs and its ticket. `key` is empty for a place."""

    name: str
    key: str
    category: str
    kind: str
    price: int
    fees: tuple[tuple[str, int], ...]
    tax: tuple[str, int, bool, int] | None
    channel: str
    begins_ms: int = 0
    ends_ms: int = 0
    revision: int = 0  # of its ticket's code; 0: it was never paid, or is void
    holder: str = ""


@dataclass(eq=False)
class Hold:
    """A hold; `pieces` are those it was placed on, whatever became of them."""

    number: int
    buyer: str
    channel: str
    pieces: list[Piece]
    once: tuple[tuple[tuple[str, int], ...], tuple[str, int, bool, int] | None]
    expires_at_ms: int
    cap_ms: int
    status: str = "ACTIVE"
    order: int = 0
    ended_at_ms: int = 0  # when it was released, expired or ordered: its keys live ten minutes more
    gone_at_ms: int | None = None  # when it came to nothing, by itself or with its unpaid order: a day later it may go


@dataclass(eq=False)
class Order:
    """An order; `pieces` are all that it ever had: its hold's first."""

    number: int
    hold: Hold
    placed_at_ms: int
    pieces: list[Piece]
    status: str = "PENDING"
    was_paid: bool = False

    def good(self) -> list[Piece]:
        """What it has, or had when it ended."""
        return [piece for piece in self.pieces if piece.revision or not self.was_paid]


@dataclass(eq=False)
class Waiter:
    """Somebody who waits for a wish, or did."""

    number: int
    buyer: str
    wish: dict[str, object]
    joined_at_ms: int
    status: str = "WAITING"
    hold: int = 0
    gone_at_ms: int | None = None


@dataclass
class Key:
    """What a key stood for; None: the event. Kept until then at least; None: as long as the hold and ten minutes."""

    fingerprint: bytes
    stands_for: Hold | Order | Waiter | None
    kept_until_ms: int | None


@dataclass
class Claims:
    """Who has what at a moment: (piece, its hold, whether it is sold)."""

    held: list[tuple[Piece, Hold]] = field(default_factory=list)
    sold: list[tuple[Piece, Hold]] = field(default_factory=list)

    def all(self) -> list[tuple[Piece, Hold]]:
        """Held or sold."""
        return self.held + self.sold

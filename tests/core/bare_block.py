"""A block that sells, at a time that moves only by hand: what is due happens when the test says so."""

from actors.core.block import apply, decide, next_due
from actors.core.commands import Command, ConfirmOrder, CreateEvent, OpenSale, PlaceHold, PlaceOrder, Stamp
from actors.core.layout import Layout
from actors.core.outcomes import Accepted, Outcome
from actors.core.rules import Rules
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish

START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
LONG_MS = 60 * MINUTE_MS


class BareBlock:
    """An event of this layout on sale."""

    def __init__(self, layout: Layout, rules: Rules | None = None) -> None:
        self.state = BlockState()
        self.now_ms = START_MS
        self._numbers = 0
        self.say(CreateEvent(self.stamp("the house"), "A night", layout, rules=rules or Rules()))
        self.say(OpenSale(self.stamp("the house")))

    def stamp(self, buyer: str) -> Stamp:
        """With a new key."""
        self._numbers += 1
        return Stamp("acme", buyer, self._numbers.to_bytes(16), bytes(16), 1 << 60)

    def ask(self, command: Command) -> Outcome:
        """What comes of it; what is accepted is applied."""
        outcome = decide(self.state, command, self.now_ms)
        for entry in outcome.entries if isinstance(outcome, Accepted) else ():
            apply(self.state, entry)
        return outcome

    def say(self, command: Command) -> int:
        """It is accepted; the number that it bore, if it was the last one made."""
        outcome = self.ask(command)
        assert isinstance(outcome, Accepted), outcome
        return self._numbers

    def placing(self, wish: Wish, buyer: str = "", ttl_ms: int = LONG_MS) -> PlaceHold:
        """A hold."""
        stamp = self.stamp(buyer)
        return PlaceHold(stamp, self._numbers, wish, ttl_ms)

    def hold(self, wish: Wish, buyer: str = "", ttl_ms: int = LONG_MS) -> int:
        """The number of the hold that is placed."""
        return self.say(self.placing(wish, buyer, ttl_ms))

    def order(self, hold: int) -> int:
        """The number of the order."""
        stamp = self.stamp("")
        return self.say(PlaceOrder(stamp, hold, self._numbers))

    def pay(self, order: int) -> None:
        """The order is confirmed."""
        self.say(ConfirmOrder(self.stamp(""), order))

    def tick(self, most: int) -> None:
        """Bring about so much of what is due."""
        for _ in range(most):
            entry = next_due(self.state, self.now_ms)
            if entry is not None:
                apply(self.state, entry)


def places(quantity: int, area: str = "floor") -> Wish:
    """So many places of an area."""
    return Wish(areas=(AreaPlaces(area, quantity),))

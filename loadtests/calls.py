"""What a buyer can ask, what can come of it, and how a good client insists: the same key, until there is an answer."""

import asyncio
import time
from random import Random
from typing import Protocol, TypeAlias

import msgspec

from actors.audit.replies import Acknowledged, Told
from loadtests.history.calls import Kind, Seen

PATIENCE_S = 20.0
CALL_TIMEOUT_S = 10.0
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0


class Ask(msgspec.Struct, frozen=True):
    """A write. `told`: what an acceptance will say. `id`: of the hold or the order that it is about.

    `best`: how many adjacent seats the server is to choose.
    """

    told: Told
    id: str = ""
    seats: tuple[str, ...] = ()
    areas: tuple[tuple[str, int], ...] = ()
    best: int = 0
    ttl_seconds: int = 0

    @property
    def quantity(self) -> int:
        """How many units it asks for."""
        return len(self.seats) + sum(quantity for _, quantity in self.areas) + self.best


class Accepted(msgspec.Struct, frozen=True):
    """Yes."""

    reply: Acknowledged
    replayed: bool


class Refused(msgspec.Struct, frozen=True):
    """No, and a reason that sending the same again would not change."""

    code: str
    units: tuple[str, ...] = ()


class Passing(msgspec.Struct, frozen=True):
    """No answer, or one that invites to ask again. `cause`: a code, or what happened. `wait_s`: as the server says."""

    cause: str
    wait_s: float = 0.0


class Broken(msgspec.Struct, frozen=True):
    """An answer that no server should give."""

    cause: str


Answer: TypeAlias = Accepted | Refused | Passing | Broken


Sight: TypeAlias = Seen | Refused | Passing | Broken
"""What can come of a read."""


class Shop(Protocol):
    """One way to the server. Cancelling a call abandons it half-way, as a buyer who leaves does."""

    protocol: str

    async def ask(self, ask: Ask, key: str) -> Answer:
        """Send it once."""
        ...

    async def look(self, kind: Kind, own: str) -> Sight:
        """How a hold stands, or an order: READ_HOLD or READ_ORDER. Asked once."""
        ...


class Insistent:
    """Asks again under the same key as long as the answer is passing."""

    def __init__(self, shop: Shop, random: Random) -> None:
        self.shop = shop
        self._random = random

    async def ask(self, ask: Ask, key: str, causes: dict[str, int]) -> Accepted | Refused | Broken:
        """The answer; counts in `causes` why it had to ask again."""
        give_up_at_s = time.monotonic() + PATIENCE_S
        pause_s = FIRST_PAUSE_S
        while True:
            answer = await self.shop.ask(ask, key)
            if not isinstance(answer, Passing):
                return answer
            causes[answer.cause] = causes.get(answer.cause, 0) + 1
            wait_s = (answer.wait_s or pause_s) * self._random.uniform(1.0, 1.25)
            if time.monotonic() + wait_s > give_up_at_s:
                return Broken(f"no answer for {PATIENCE_S:.0f} s, at last {answer.cause}")
            await asyncio.sleep(wait_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

"""The gateways of a run, as their clients see them."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from actors.reservations import Reservations

T = TypeVar("T")


class ConnectionLost(Exception):
    """What became of the call is not known."""


class Gateway:
    """One of them."""

    def __init__(self, name: str, reservations: Reservations) -> None:
        self.name = name
        self._reservations = reservations

    async def ask(self, call: Callable[[Reservations], Awaitable[T]]) -> T:
        """What the gateway answers. Raises ConnectionLost."""
        return await call(self._reservations)

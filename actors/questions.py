"""What the catalogue is asked by many at once: each question once for all who ask it, one question after the other.

While Postgres is away they wait here, each for as long as its askers do, and nobody has to come again to see whether it
is back. What nobody waits for any more is not asked. So there are never more questions than askers, and one.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from actors.apart import look_at
from actors.engine.catalogue_port import CatalogueUnavailable

REST_S = 1.0  # after a question that was not answered, before the next

T = TypeVar("T")


class _Question:
    """One that is open, and how many wait for its answer."""

    def __init__(self) -> None:
        self.asker_count = 0
        self.begun = False
        self.asking: asyncio.Task[Any]


class Questions:
    """Those of one kind. A kind does not wait for another."""

    def __init__(self) -> None:
        self._open: dict[str, _Question] = {}
        self._turn = asyncio.Lock()
        self._rest_until_s = 0.0

    async def ask(self, what: str, put: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `put` answers. Raises what it raises; after CatalogueUnavailable the next has to wait for a second."""
        question = self._open.get(what)
        if question is None:
            question = self._open[what] = _Question()
            question.asking = asyncio.create_task(self._put(question, put))
            question.asking.add_done_callback(partial(self._has_asked, what, question))
        question.asker_count += 1
        try:
            answer: T = await asyncio.shield(question.asking)
            return answer
        finally:
            question.asker_count -= 1
            if not question.asker_count and not question.begun and not question.asking.done():
                del self._open[what]
                question.asking.cancel()

    async def _put(self, question: _Question, put: Callable[[], Coroutine[Any, Any, T]]) -> T:
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(max(0.0, self._rest_until_s - loop.time()))
            question.begun = True  # from here on it is Postgres's to answer, and nobody else's turn
            try:
                return await put()
            except CatalogueUnavailable:
                self._rest_until_s = loop.time() + REST_S
                raise

    def _has_asked(self, what: str, question: _Question, asking: asyncio.Task[Any]) -> None:
        if self._open.get(what) is question:
            del self._open[what]
        look_at(asking)

"""What the catalogue is asked by many at once: each question once for all who ask it, one question after the other.

What can be asked for together is: see `Lookups`. While Postgres is away they wait here, each for as long as its askers
do, and nobody has to come again to see whether it is back. What nobody waits for any more is not asked. So there are
never more questions than askers, and one.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from actors.apart import look_at
from actors.engine.catalogue_port import CatalogueUnavailable

REST_S = 1.0  # after a question that was not answered, before the next
LOOKUP_PAUSE_S = 0.02  # between the beginnings of two lookups, whatever is looked up

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


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


class Lookups(Generic[K, V]):
    """Whatever is asked for while one question is under way, or rests, is looked up by the next, all in one.

    So whoever hears that something is not there hears it of a time after he asked, and it need not be remembered to
    spare Postgres: a crowd costs a question every `LOOKUP_PAUSE_S`, whether it asks for one thing or for thousands. Of
    a question that was not answered only who has waited longest is told; the others wait for the next.
    """

    def __init__(self, put: Callable[[Collection[K]], Coroutine[Any, Any, Mapping[K, V]]]) -> None:
        self._put = put
        self._waiting: dict[asyncio.Future[V | None], K] = {}  # who waits for the next question, first come, first told
        self._looking: asyncio.Task[None] | None = None
        self._begun = False
        self._not_before_s = 0.0

    async def ask(self, what: K) -> V | None:
        """What there is of it, by a question that begins after this call; None: nothing. Raises what `put` raises."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = what
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            return await answer
        finally:
            self._waiting.pop(answer, None)
            if not self._waiting and not self._begun and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        """Ask for what is waited for, and for what comes to be waited for meanwhile."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(max(0.0, self._not_before_s - loop.time()))
            asked, self._waiting = self._waiting, {}
            self._not_before_s = loop.time() + LOOKUP_PAUSE_S
            self._begun = True
            asking = loop.create_task(self._put(set(asked.values())))
            await asyncio.wait((asking,))
            self._begun = False
            self._tell({answer: what for answer, what in asked.items() if not answer.done()}, asking)

    def _tell(self, asked: "dict[asyncio.Future[V | None], K]", asking: "asyncio.Task[Mapping[K, V]]") -> None:
        fault = asking.exception()
        if isinstance(fault, CatalogueUnavailable):
            self._not_before_s = asyncio.get_running_loop().time() + REST_S
            self._waiting = dict(islice(asked.items(), 1, None)) | self._waiting
            asked = dict(islice(asked.items(), 1))
        for answer, what in asked.items():
            if fault is None:
                answer.set_result(asking.result().get(what))
            else:
                answer.set_exception(fault)

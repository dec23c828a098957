"""Who is told no, and asks again, gets nothing that was done before: it is wrong, whatever he is told then."""

import asyncio
from collections.abc import Mapping

import pytest

from actors.audit.replies import Told
from actors.core.keys import key_hash
from actors.core.outcomes import Reason, Rejected
from actors.core.wishes import Wish
from actors.reservations import Done, Request
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER, DEADLINE_MS, TENANT, create_event
from tests.simulation.causes import Cause
from tests.simulation.market_notes import ASKED_AGAIN, Came, Notes
from tests.simulation.repeats import NONE_REPEATED, Repeats
from tests.simulation.world import World, now_ms

KEY = "key"
PAUSE_S = 0.5


class Scene:
    """A client, and the event that it holds a seat of under one key, try after try."""

    async def begin(self) -> None:
        self.world = World(1, ("s1",), faults=False)
        self.event = await create_event(self.world.gateway(), "event")
        self.notes = Notes(now_ms, lambda *_: False)
        self.hold = 0

    async def ask(self, told: Reason | None, *, is_done: bool = True) -> None:
        """One more try, done or not: what it was told; None: what the server says."""
        await asyncio.sleep(PAUSE_S)
        asked_ms = now_ms()
        self.notes.begin(KEY)
        if is_done:
            request = Request(CALLER, KEY, DEADLINE_MS, "ana")
            held = await self.world.gateway().place_hold(request, self.event, Wish(("A/1/2",)))
            assert isinstance(held, Done)
            self.hold = held.reply.hold
            if told is None:
                self.notes.accept(KEY, Told.HELD, held, asked_ms)
        if told is not None:
            self.notes.refuse(KEY, Rejected(told), asked_ms, asked_ms + DEADLINE_MS)

    def wrong(self, repeated: Repeats = NONE_REPEATED, sent_s: Mapping[Cause, float] | None = None) -> list[str]:
        """What the notes say in the end."""
        came = Came(self.world.written_s, {} if sent_s is None else sent_s)
        return self.notes.check(self.world.store.journals, came, repeated)


@pytest.mark.parametrize(
    "reason", [Reason.UNAVAILABLE, Reason.OVERLOADED, Reason.DEADLINE_EXCEEDED], ids=lambda reason: reason.name
)
def test_what_a_no_had_done_is_found_though_the_client_goes_on(reason: Reason) -> None:
    @on_virtual_time
    async def main() -> None:
        scene = Scene()
        await scene.begin()
        await scene.ask(reason)
        await scene.ask(None)
        assert scene.wrong() == [f"{KEY} was refused as {reason.name}, and it happened, before it was asked again"]
        assert scene.wrong(Repeats(frozenset({key_hash(TENANT, KEY)}))) == [], "the network's own copy"
        assert scene.notes.judged[ASKED_AGAIN] == 2

    main()


@on_virtual_time
async def test_what_is_done_when_it_is_asked_again_is_right() -> None:
    scene = Scene()
    await scene.begin()
    await scene.ask(Reason.UNAVAILABLE, is_done=False)
    await scene.ask(None)
    assert scene.wrong() == []


@on_virtual_time
async def test_it_is_not_if_the_try_that_was_denied_has_made_it() -> None:
    """Though its row came when the next try was under way."""
    scene = Scene()
    await scene.begin()
    await scene.ask(Reason.UNAVAILABLE, is_done=False)
    denied_s = asyncio.get_running_loop().time()
    await scene.ask(None)
    made = key_hash(TENANT, KEY), scene.hold
    (wrong,) = scene.wrong(sent_s={made: denied_s})
    assert wrong.endswith(", before it was asked again")
    assert scene.wrong(sent_s={made: denied_s + PAUSE_S}) == []


@on_virtual_time
async def test_a_try_of_unknown_outcome_may_have_done_it() -> None:
    scene = Scene()
    await scene.begin()
    await scene.ask(Reason.OUTCOME_UNKNOWN)
    await scene.ask(Reason.UNAVAILABLE, is_done=False)
    await scene.ask(None)
    assert scene.wrong() == []


@on_virtual_time
async def test_what_was_had_may_be_denied_later() -> None:
    """When it is forgotten, say."""
    scene = Scene()
    await scene.begin()
    await scene.ask(None)
    await scene.ask(Reason.UNAVAILABLE, is_done=False)
    await scene.ask(None)
    assert scene.wrong() == []


@on_virtual_time
async def test_who_is_under_way_beside_it_may_have_done_it() -> None:
    scene = Scene()
    await scene.begin()
    scene.notes.begin(KEY)
    await scene.ask(Reason.UNAVAILABLE)
    scene.notes.refuse(KEY, Rejected(Reason.OUTCOME_UNKNOWN), now_ms(), now_ms())
    await scene.ask(None)
    assert scene.wrong() == []

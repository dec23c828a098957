"""Each try under a key is held to its own end, and what nobody came with is wrong."""

from typing import NamedTuple

from actors.core.entries import HoldPlaced
from actors.core.keys import key_hash
from actors.core.wishes import Wish
from actors.link.batch import calls_decoder, command_decoder
from actors.reservations import Request
from tests.engine.stage import on_virtual_time
from tests.simulation.boundary import Asked, Boundary
from tests.simulation.buyers import CALLER, DEADLINE_MS, TENANT, create_event
from tests.simulation.causes import Cause, cause_of_command, cause_of_entry, decided
from tests.simulation.world import World

KEY = key_hash(TENANT, "key")


class _Held(NamedTuple):
    """A run in which somebody held a seat: what the boundary saw of that, and what came of it."""

    boundary: Boundary
    asked: list[tuple[bytes, Asked, bytes]]
    cause: Cause
    at_ms: int


async def _held() -> _Held:
    world = World(1, ("s1",), faults=False)
    event = await create_event(world.gateway(), "event")
    heard: list[tuple[bytes, Asked, bytes]] = []
    ask, answer = world.boundary.ask, world.boundary.answer
    payloads: list[bytes] = []

    def asking(payload: bytes, shard: str, epoch: int) -> Asked:
        payloads.append(payload)
        return ask(payload, shard, epoch)

    def answering(shard: str, epoch: int, asked: Asked, payload: bytes) -> None:
        heard.append((payloads[-1], asked, payload))
        answer(shard, epoch, asked, payload)

    world.boundary.ask = asking  # type: ignore[method-assign]
    world.boundary.answer = answering  # type: ignore[method-assign]
    await world.gateway().place_hold(Request(CALLER, "key", DEADLINE_MS, "ana"), event, Wish(("A/1/2",)))
    entries = [one.entry for rows in world.store.journals.values() for one in decided(rows)]
    (held,) = (entry for entry in entries if isinstance(entry, HoldPlaced))
    assert list(world.boundary.late_effects()) == world.boundary.wrong == []
    return _Held(world.boundary, heard, cause_of_entry(held), held.at_ms)


@on_virtual_time
async def test_what_came_later_under_the_same_key_does_not_give_a_try_more_time() -> None:
    boundary, _, cause, at_ms = await _held()
    boundary._until_ms |= {cause: at_ms - 5, (KEY, cause[1] + 1): at_ms + 1_000}
    boundary._longest_ms[KEY] = at_ms + 1_000
    (late,) = boundary.late_effects()
    assert late.endswith("done 5 ms after its time, though another try under its key had longer")


@on_virtual_time
async def test_a_copy_that_is_answered_late_is_held_to_its_own_end() -> None:
    boundary, asked, cause, at_ms = await _held()
    _, came, answers = asked[-1]
    boundary.answer("s1", 1, came._replace(until=[(cause, at_ms)]), answers)
    assert boundary.wrong == []
    boundary.answer("s1", 1, came._replace(until=[(cause, at_ms - 7)]), answers)
    (late,) = boundary.wrong
    assert "done 7 ms after its time" in late


@on_virtual_time
async def test_what_nobody_came_with_is_wrong() -> None:
    boundary, _, cause, _ = await _held()
    del boundary._until_ms[cause]
    (unknown,) = boundary.late_effects()
    assert unknown.endswith("done, and nobody came with it")


@on_virtual_time
async def test_a_command_and_what_it_makes_have_one_cause() -> None:
    _, asked, cause, _ = await _held()
    (call,) = calls_decoder.decode(asked[-1][0])
    found = cause_of_command(command_decoder.decode(call.command))
    assert found is not None
    assert found[0] == cause

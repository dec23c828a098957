"""Who is denied a seat of an event that is split was denied it by each of its parts, and the audit knows when not."""

import asyncio
from collections.abc import Callable

import pytest

from actors.audit.audit import BlockAudit
from actors.audit.denials import Denied
from actors.audit.findings import Fault, Finding
from actors.audit.parts import Part
from actors.core.ids import BlockId, Kind, outside_id
from actors.core.outcomes import Reason, Rejected
from actors.core.wishes import BestSeats, Wish
from actors.reservations import Done
from actors.reservations.divisions import Division
from actors.reservations.ways import Way
from loadtests.event_blocks import EventBlocks
from tests.engine.stage import on_virtual_time
from tests.simulation.journal_audit import row_of
from tests.simulation.test_divided_events import SECTIONS, Stadium
from tests.simulation.world import now_ms

ONE = Wish(best=(BestSeats(1),))
A_WHILE_S = 1.0


async def ask_for_one(stadium: Stadium, denials: list[Denied]) -> None:
    asked_ms = now_ms()
    answer = await stadium.gateway.place_hold(stadium.request(), stadium.event, ONE)
    if isinstance(answer, Rejected):
        assert answer.reason is Reason.NOT_ENOUGH_AVAILABLE
        denials.append(Denied(stadium.event, "", asked_ms, now_ms()))


async def deny_and_audit() -> None:
    """The house is full, then the seats of a section come back: of ten who ask then for one, two are denied it."""
    stadium, denials = await Stadium().open(), list[Denied]()
    holds = {section: await stadium.hold(Wish(_seats(section))) for section in SECTIONS}
    await ask_for_one(stadium, denials)
    released = holds["south"]
    hold_id = outside_id(Kind.HOLD, released.block, released.reply.hold)
    assert isinstance(await stadium.gateway.release_hold(stadium.request(), hold_id), Done)
    await asyncio.sleep(A_WHILE_S)
    for _ in range(10):
        await ask_for_one(stadium, denials)
    assert _findings(stadium, denials) == []
    assert len(denials) == 3


def _seats(section: str) -> tuple[str, ...]:
    return tuple(f"{section}/{row}/{seat}" for row in (1, 2) for seat in range(1, 5))


def _findings(stadium: Stadium, denials: list[Denied]) -> list[Fault]:
    """What the audit says of all blocks of the event."""
    parts = [Part(part.block, part.sections) for part in stadium.state(stadium.home).parts]
    event = EventBlocks(stadium.home, parts)
    found: list[Finding] = []
    told = event.told({stadium.home: list(denials)})
    for block in event.all:
        audit = BlockAudit(block, told.get(block, ()))
        for row in stadium.world.store.journals[BlockId(block)]:
            found += audit.take(row_of(row))
        found += audit.finish()
    return [finding.fault for finding in found]


def test_nobody_is_denied_a_seat_that_one_of_the_parts_has() -> None:
    on_virtual_time(deny_and_audit)()


def _first_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had no room in one part is not led to the next."""
    monkeypatch.setattr(Way, "turned_away", lambda *_: False)


def _one_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second part is never asked."""
    best_first = Division._best_first
    monkeypatch.setattr(Division, "_best_first", lambda self: [best_first(self)[0], *best_first(self)[2:]])


@pytest.mark.parametrize("sabotage", [_first_only, _one_forgotten])
def test_the_check_notices_parts_that_are_not_asked(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match="DENIED_WRONGLY"):
        on_virtual_time(deny_and_audit)()

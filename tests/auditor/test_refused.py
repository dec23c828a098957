"""What Postgres refuses of a quarantine or an alarm, or cannot take now, keeps no other waiting."""

from collections.abc import Awaitable, Callable

import pytest

from actors.audit.findings import Fault, Finding
from actors.auditor import consequences as consequences_module
from actors.auditor.alarms import MAX_SENTENCE_LENGTH, NOT_STOPPED, Alarm, Alarms, as_kept
from actors.auditor.auditor import Auditor
from actors.auditor.consequences import Consequences
from actors.catalogue.quarantines import Ends, Quarantine, Quarantines
from actors.core import entries as e
from actors.core.ids import BlockId
from actors.database.line import LineRefused, LineUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable
from tests.auditor.watched import Event, Watched, audit_all, plant_double_claim

pytestmark = pytest.mark.anyio

Check = Callable[[Watched], Awaitable[None]]
ROUNDS = 20


async def stopped(world: Watched) -> dict[str, Quarantine]:
    return {one.block: one for one in await world.stopped()}


async def plant_name_with_nul(event: Event) -> None:
    """A shard claims the block in the middle of a row, under a name that Postgres can keep nowhere."""
    claim = e.Activated(event.now_ms, "s\0hard" * 1_000, b"n" * 8)
    await event.append_unseen(e.SaleOpened(event.now_ms, b"k" * 16, b"k" * 16), claim)


async def wrongs_in_turn(world: Watched) -> tuple[Event, Event, Auditor]:
    """What names a NUL is found first, then a double claim in another event."""
    events = [await world.event() for _ in range(2)]
    auditor = world.auditor()
    await plant_name_with_nul(events[0])
    await audit_all(auditor)
    await plant_double_claim(events[1])
    await audit_all(auditor)
    return events[0], events[1], auditor


async def check_nul(world: Watched) -> None:
    """Both events are stopped, and as much of the reason is kept as anybody reads."""
    nul, double, auditor = await wrongs_in_turn(world)
    found = await stopped(world)
    assert found.keys() == {nul.block, double.block}
    assert found[nul.block].position == len(nul.rows)
    assert "shardshard" in found[nul.block].why
    assert len(found[nul.block].why) == MAX_SENTENCE_LENGTH
    assert auditor.figures.stopped_count == 2


async def test_a_reason_that_names_a_nul_is_kept_without_it(world: Watched) -> None:
    await check_nul(world)


async def check_refused(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres refuses one quarantine for good: others are imposed, and that it is not is an alarm."""
    with monkeypatch.context() as patch:
        patch.setattr(consequences_module, "as_kept", lambda sentence: sentence)
        nul, double, auditor = await wrongs_in_turn(world)
        assert (await stopped(world)).keys() == {double.block}
    (alarm,) = [one for one in await world.alarms.kept(100) if one.what == NOT_STOPPED]
    assert (alarm.block, alarm.seen_count) == (nul.block, 1)
    assert alarm.position == (await last_position(world, nul))
    assert alarm.sentence.startswith("Postgres refuses its quarantine, for ")
    await auditor.round()
    assert (await stopped(world)).keys() == {nul.block, double.block}, "it was tried again"


async def last_position(world: Watched, event: Event) -> int:
    return int(
        await world.world.connection.fetchval("select max(position) from journal where block_id = $1", event.block)
    )


async def test_a_quarantine_that_is_refused_keeps_no_other_waiting(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_refused(world, monkeypatch)


async def check_alarm_refused(world: Watched) -> None:
    """Likewise an alarm: it is counted as not kept, until it is."""
    execute = world.world.connection.execute
    await execute("alter table audit_alarms add constraint refusing check (position <> 2)")
    consequences = Consequences(Quarantines(world.world.database_url), Alarms(world.world.database_url))
    for position in range(1, 30):
        consequences.alarm(Alarm("b", position, f"kind {position}", "late"))
    await consequences.carry_out(tries_again=True)
    assert len(await world.alarms.kept(100)) == 28
    assert (consequences.alarm_count, consequences.unkept_count) == (29, 1)
    await execute("alter table audit_alarms drop constraint refusing")
    await consequences.carry_out(tries_again=True)
    assert (len(await world.alarms.kept(100)), consequences.unkept_count) == (29, 0)
    await consequences.close()


async def test_an_alarm_that_is_refused_keeps_no_other_waiting(world: Watched) -> None:
    await check_alarm_refused(world)


class Away:
    """Quarantines that cannot be imposed of some blocks, or of all; how often that was tried."""

    def __init__(self, *blocks: str, refuses: bool = False) -> None:
        self.blocks = blocks
        self.refuses = refuses
        self.tried: list[str] = []
        self.imposed: list[str] = []

    async def impose(self, block: BlockId, position: int, why: str, by: str) -> bool:
        self.tried.append(block)
        if block in self.blocks and self.refuses:
            raise CatalogueUnavailable from LineRefused("never")
        if block in self.blocks:
            raise CatalogueUnavailable from LineUnavailable("away")
        self.imposed.append(block)
        return True

    async def ends_of(self, block: BlockId) -> Ends:
        self.tried.append(block)
        raise CatalogueUnavailable("away")

    async def note(self, alarm: Alarm) -> bool:
        return True

    async def close(self) -> None:
        """Nothing is open."""


BLOCKS = tuple(f"block {number:02}" for number in range(50))


def told_of_all(away: Away) -> Consequences:
    """Each block is to be quarantined."""
    consequences = Consequences(away, away)
    consequences.tell(Finding(block, 1, Fault.PRICE_WRONG, "too cheap") for block in BLOCKS)
    return consequences


async def check_tries(_: Watched | None = None) -> None:
    """While Postgres is away it is asked once a round, whatever waits; what it refuses is tried a few times."""
    away = Away(*BLOCKS)
    consequences = told_of_all(away)
    for count in range(1, 5):
        await consequences.carry_out(tries_again=True)
        assert await consequences.ends_of(BLOCKS[0]) is None
        await consequences.carry_out()
        assert len(away.tried) == count
    refusing = Away(*BLOCKS, refuses=True)
    await told_of_all(refusing).carry_out(tries_again=True)
    assert len(refusing.tried) == consequences_module.REFUSALS_AT_ONCE


async def test_while_postgres_is_away_it_is_asked_once_a_round() -> None:
    await check_tries()


async def check_one_in_the_way(_: Watched | None = None) -> None:
    """One that can never be imposed, whatever is said of it, stands in the way of none."""
    for refuses in (False, True):
        poison = Away(BLOCKS[0], refuses=refuses)
        consequences = told_of_all(poison)
        for _round in range(ROUNDS):
            await consequences.carry_out(tries_again=True)
        assert poison.imposed == list(BLOCKS[1:])


async def test_what_can_never_be_imposed_stands_in_the_way_of_none() -> None:
    await check_one_in_the_way()


def test_what_is_kept_is_what_postgres_can_keep() -> None:
    assert as_kept("a\0b") == "ab"
    assert as_kept("x" * 5_000) == "x" * MAX_SENTENCE_LENGTH
    assert as_kept("half \ud83d of a face, é") == "half \\ud83d of a face, é"
    assert len(Alarm("b", 1, "X", "half \ud83d of a face").mark) == 16


def _keeps_as_it_is(patch: pytest.MonkeyPatch) -> None:
    """As it was."""
    patch.setattr(consequences_module, "as_kept", lambda sentence: sentence)


def _gives_up_at_the_first(patch: pytest.MonkeyPatch) -> None:
    """As it was: whatever cannot be told keeps all behind it waiting."""

    async def carry_out(self: consequences_module._Queue[str, object]) -> list[object]:
        for key, value in list(self.waiting.items()):
            try:
                await self._tell(key, value)
            except (CatalogueUnavailable, LineUnavailable):
                return []
            del self.waiting[key]
        return []

    patch.setattr(consequences_module._Queue, "carry_out", carry_out)


def _never_gives_up(patch: pytest.MonkeyPatch) -> None:
    """Postgres is asked for all that waits, however long each takes to fail."""
    patch.setattr(consequences_module, "_is_refusal", lambda fault: True)
    patch.setattr(consequences_module, "REFUSALS_AT_ONCE", 1_000)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_keeps_as_it_is, check_nul),
        (_gives_up_at_the_first, check_alarm_refused),
        (_gives_up_at_the_first, check_one_in_the_way),
        (_never_gives_up, check_tries),
    ],
)
async def test_control_what_keeps_others_waiting_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check(world)


async def test_control_an_auditor_that_gives_up_at_a_refusal_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    _gives_up_at_the_first(monkeypatch)
    with pytest.raises(AssertionError):
        await check_refused(world, monkeypatch)

"""An auditor of an older release, or of an older cluster, stops nothing for what it cannot know; it keeps an alarm."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from actors.audit import rows as rows_module
from actors.audit.findings import Fault
from actors.auditor.alarms import NOT_AUDITED, KeptAlarm
from actors.auditor.auditor import Auditor
from actors.auditor.consequences import NOT_OURS, Consequences
from actors.auditor.follower import Follower
from actors.auditor.found import Found
from actors.catalogue import quarantines as quarantines_module
from actors.core import entries as e
from actors.journal.journal import Epoch
from tests.auditor.watched import Event, Watched, audit_all, plant_double_claim

pytestmark = pytest.mark.anyio

Check = Callable[[Watched], Awaitable[None]]
ROUNDS = 60  # of a clock that goes on by some seconds in each: enough to try again several times
OLDER, NEWER = 1, 2  # generations


async def rounds(auditor: Auditor) -> None:
    for _ in range(ROUNDS):
        await auditor.round()


async def append_of_newer_release(event: Event) -> int:
    """A kind that no release knows, as an owner writes it; in which row."""
    await event.append_bytes(b"\x01" + msgspec.msgpack.encode([[250, event.now_ms, "more"]]))
    return len(event.rows)


async def kept(world: Watched, *whats: str) -> list[KeptAlarm]:
    return [one for one in await world.alarms.kept(100) if one.what in whats]


async def check_unknown_kind(world: Watched) -> None:
    """It stops nothing, nor does what comes behind it; a neighbour is audited on, also by who begins anew."""
    events = [await world.event() for _ in range(2)]
    auditor = world.auditor()
    await audit_all(auditor)
    unknown = await append_of_newer_release(events[0])
    await events[0].append_unseen(e.HoldExpired(events[0].now_ms, 12345))  # what the row may have brought about
    await events[1].sell(events[1].hold("Hall/A/1"))
    await rounds(auditor)
    assert await world.stopped() == []
    assert auditor._followers[events[1].block].position == len(events[1].rows)
    assert auditor.figures.unaudited_count == 1
    await rounds(world.auditor())
    assert await world.stopped() == []
    (alarm,) = await world.alarms.kept(100)
    assert (alarm.block, alarm.position, alarm.what) == (events[0].block, unknown, NOT_AUDITED)
    assert alarm.sentence == f"row {unknown} is of a newer release: Invalid value 250 - at `$[0][0]`"


async def test_a_row_of_a_newer_release_stops_nothing_and_is_an_alarm(world: Watched) -> None:
    await check_unknown_kind(world)


async def check_wrong_before(world: Watched) -> None:
    """What was found in the rows before it stops the block."""
    event = await world.event()
    await plant_double_claim(event)
    claimed = len(event.rows)
    await append_of_newer_release(event)
    await world.auditor().round()
    (stopped,) = await world.stopped()
    assert (stopped.block, stopped.position) == (event.block, claimed)


async def test_what_was_found_before_it_stops_the_block(world: Watched) -> None:
    await check_wrong_before(world)


async def check_changed_since(world: Watched) -> None:
    """A row that looks as if a newer release had written it, and is not what was chained, is damage."""
    event = await world.event()
    unknown = await append_of_newer_release(event)
    changed = b"\x01" + msgspec.msgpack.encode([[251, event.now_ms, "more"]])
    await world.world.connection.execute(
        "update journal set entries = $3 where block_id = $1 and position = $2", event.block, unknown, changed
    )
    await rounds(world.auditor())
    (stopped,) = await world.stopped()
    assert stopped.why.startswith(str(Fault.CHAIN_BROKEN))


async def test_one_that_is_not_what_was_chained_stops_its_block(world: Watched) -> None:
    await check_changed_since(world)


async def claim(world: Watched, event: Event, *, in_catalogue: bool = True, in_journal: bool = True) -> None:
    """A shard of the newer cluster takes the block over: it says so, and then does."""
    if in_catalogue:
        query = "update blocks set claiming_generation = $2 where block_id = $1"
        await world.world.connection.execute(query, event.block, NEWER)
    if in_journal:
        event.epoch = Epoch(NEWER, 1, 1).packed()
        await event.append([e.Activated(event.now_ms, "shard-1", NEWER.to_bytes(8))])


async def check_newer_cluster(world: Watched) -> None:
    """What the newer cluster has claimed, the older one's auditor does not stop; the newer one's does."""
    theirs, ours, only_said, only_written = events = [await world.event() for _ in range(4)]
    await claim(world, theirs)
    await claim(world, only_said, in_journal=False)
    await claim(world, only_written, in_catalogue=False)
    for event in events:
        await plant_double_claim(event)
    await audit_all(world.auditor(generation=OLDER))
    stopped = {one.block: one for one in await world.stopped()}
    assert stopped.keys() == {ours.block, only_said.block, only_written.block}
    alarms = await kept(world, Fault.UNIT_CLAIMED_TWICE.name, Fault.UNITS_DO_NOT_ADD_UP.name)
    assert {one.block for one in alarms} == {theirs.block}
    assert all(one.sentence.endswith(NOT_OURS) for one in alarms)
    await audit_all(world.auditor(generation=NEWER))
    standing = {one.block: one for one in await world.stopped()}
    assert standing.keys() == {event.block for event in events}
    theirs.now_ms += 1
    await theirs.append_unseen(e.HoldExpired(theirs.now_ms, 12345))
    await audit_all(world.auditor(generation=OLDER))
    assert {one.block: one for one in await world.stopped()} == standing, "nor does it reach further"
    await audit_all(world.auditor(generation=NEWER))
    reaches = {one.block: one.last_position for one in await world.stopped()}
    assert reaches[theirs.block] == len(theirs.rows) > standing[theirs.block].last_position


async def test_what_a_newer_cluster_has_claimed_is_for_its_auditor_to_stop(world: Watched) -> None:
    await check_newer_cluster(world)


def _takes_it_for_damage(patch: pytest.MonkeyPatch) -> None:
    """As it was."""
    patch.setattr(rows_module, "_is_of_newer_release", lambda _: False)


def _goes_on_behind_it(patch: pytest.MonkeyPatch) -> None:
    """What is not known is taken for nothing."""

    def take(self: Follower, row: rows_module.Row) -> None:
        assert self._audit is not None
        for finding in self._audit.take(row):
            self.findings.add(finding)
        self.position, self._chain = row.position, row.chain

    patch.setattr(Follower, "take", take)


def _forgets_what_was_before(patch: pytest.MonkeyPatch) -> None:
    shipped = Follower.stop

    def stop(self: Follower, because: str, now_s: float) -> None:
        self.findings = Found()
        shipped(self, because, now_s)

    patch.setattr(Follower, "stop", stop)


def _says_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Consequences, "alarm", lambda *_: None)


def _looks_at_no_chain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rows_module, "_chain_of", lambda _, row: row.chain)


def _query(old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Quarantines are imposed by another query."""

    def sabotage(patch: pytest.MonkeyPatch) -> None:
        shipped = quarantines_module._SQL["impose"]
        assert old in shipped
        patch.setitem(quarantines_module._SQL, "impose", shipped.replace(old, new))

    return sabotage


_SAID = "and claiming_generation > $5::bigint"
_WRITTEN = "and (select epoch from journal where block_id = $1 order by position desc limit 1) >> 40 > $5"


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_takes_it_for_damage, check_unknown_kind),
        (_goes_on_behind_it, check_unknown_kind),
        (_says_nothing, check_unknown_kind),
        (_forgets_what_was_before, check_wrong_before),
        (_looks_at_no_chain, check_changed_since),
        (_says_nothing, check_newer_cluster),
        (_query(_SAID, "and $5::bigint = 0"), check_newer_cluster),
        (_query(_SAID, ""), check_newer_cluster),
        (_query(_WRITTEN, ""), check_newer_cluster),
        (_query("last_position < $2 and not exists (select from newer)", "last_position < $2"), check_newer_cluster),
    ],
)
async def test_control_an_auditor_that_stops_what_it_cannot_know_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check(world)

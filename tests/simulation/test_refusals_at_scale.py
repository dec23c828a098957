"""What is refused for what is in other blocks is held against their journals as where they are at hand one by one."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault, Finding
from actors.core.ids import BlockId, desks_of, part_block
from actors.core.outcomes import Reason
from actors.core.parts import MAX_PARTS
from actors.core.wishes import Wish
from loadtests.history import elsewhere as elsewhere_module
from loadtests.history.calls import Call, Kind, Outcome
from loadtests.history.elsewhere import Elsewhere
from loadtests.history.tally import Tally, together
from loadtests.history.witness import Witness
from tests.chaos.stage import AHEAD_MS
from tests.long_params import param
from tests.simulation import runs
from tests.simulation.breaks import nearly_all_is_refused_elsewhere
from tests.simulation.faults import CLASSIC
from tests.simulation.journal_audit import row_of
from tests.simulation.market import Market
from tests.simulation.recording import areas_of, is_particular, now_us, terms_of
from tests.simulation.world import World

pytestmark = pytest.mark.long  # the smoke test has seeds with the same checks and faults

SEEDS = range(3)
LEAST_BORNE_OUT = 30
LEAST_FOUND = 3
REASONS = (Reason.UNITS_HELD, Reason.UNITS_SOLD, Reason.NOT_ENOUGH_AVAILABLE, Reason.EVENT_NOT_FOUND)
ONE_MACHINE, CHAOS = (100, None), (None, AHEAD_MS)
"""What is tolerated of clocks: on one machine, and of a chaos run's."""
CLOCKS = pytest.mark.parametrize(
    "tolerated", [param(ONE_MACHINE, "one machine", is_long=True), param(CHAOS, "chaos", is_long=False)]
)


class Judged(NamedTuple):
    """What the witnesses say of one seed."""

    tally: Tally
    wrong: list[Finding]


def judged(seed: int, tolerated: tuple[int | None, int | None]) -> Judged:
    """Run the seed, and hold its calls against all journals, each of which is read once."""
    kept: list[Judged] = []

    def judge(world: World, market: Market) -> Iterator[str]:
        kept.append(_witnessed(world, market, tolerated))
        yield from ()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "CHECKS", [judge])
        runs.simulate(seed, faults=frozenset(CLASSIC))
    return kept[0]


def _witnessed(world: World, market: Market, tolerated: tuple[int | None, int | None]) -> Judged:
    history = market.notes.history
    events = {home: _blocks_of(world, home) for home in (event.id.partition("_")[2] for event in market.events)}
    elsewhere = Elsewhere(events)
    homes = history.by_home(world)
    blocks = sorted(homes.keys() | set(elsewhere.blocks), key=lambda block: (block in elsewhere.blocks, block))
    tallies: list[Tally] = []
    wrong: list[Finding] = []
    for block in blocks:
        calls = (_named(market, call) for call in homes.get(block, ()) if _is_told(market, call))
        witness = Witness(block, calls, now_us(), *tolerated, elsewhere=elsewhere)
        audit = BlockAudit(block, watcher=witness)
        found = [finding for row in world.store.journals.get(BlockId(block), ()) for finding in audit.take(row_of(row))]
        found += audit.finish()
        wrong += [finding for finding in found if finding.fault is Fault.REFUSED_WRONGLY]
        tallies.append(witness.tally)
    return Judged(together(tallies), wrong)


def _blocks_of(world: World, home: str) -> list[str]:
    own = (BlockId(home), *(part_block(BlockId(home), number) for number in range(MAX_PARTS)))
    return [block for block in own if block in world.store.journals]


def _is_told(market: Market, call: Call) -> bool:
    """Whether it says of which events it is, and there are such: strangers make one up, and some exchanges do not."""
    if call.outcome is not Outcome.FAIL or call.kind not in (Kind.HOLD, Kind.EXCHANGE):
        return True
    events = {event.id for event in market.events}
    return all(event in events for event, _ in market.notes.history.wishes[call.key].legs)


def _named(market: Market, call: Call) -> Call:
    """As the notation has it: with the event's block before each name."""
    history = market.notes.history
    if call.kind not in (Kind.HOLD, Kind.EXCHANGE) or call.block in history.split:
        return call
    if call.block not in desks_of(history.tenant):
        return call
    legs = [(event.partition("_")[2], wish) for event, wish in history.wishes[call.key].legs]
    return msgspec.structs.replace(
        call,
        block="",
        units=tuple(f"{block}/{seat}" for block, wish in legs for seat in wish.seats),
        areas=tuple((f"{block}/{area}", count) for block, wish in legs for area, count in areas_of(wish)),
        spans=_spans(legs),
        best=tuple(best.quantity for _, wish in legs for best in wish.best),
        best_of=tuple(block for block, wish in legs for _ in wish.best),
        is_particular=any(is_particular(wish) for _, wish in legs),
        terms=tuple((term, f"{block}/{name}") for block, wish in legs for term, name in terms_of(wish)),
    )


def _spans(legs: Sequence[tuple[str, Wish]]) -> tuple[tuple[str, int, int], ...]:
    return tuple(
        (f"{block}/{span.resource}", span.starts_at_ms, span.ends_at_ms) for block, wish in legs for span in wish.spans
    )


@CLOCKS
def test_real_refusals_are_borne_out_and_all_can_be_held(tolerated: tuple[int | None, int | None]) -> None:
    found = [judged(seed, tolerated) for seed in SEEDS]
    tally = together(one.tally for one in found)
    print(tally)
    assert [one.wrong for one in found] == [[] for _ in SEEDS]
    assert tally.held == tally.elsewhere
    assert tally.borne_out > LEAST_BORNE_OUT


@CLOCKS
@pytest.mark.parametrize("reason", REASONS)
def test_a_desk_that_refuses_nearly_all_is_found_whatever_it_says(
    reason: Reason, tolerated: tuple[int | None, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    partial(nearly_all_is_refused_elsewhere, reason=reason)(monkeypatch)
    found = judged(0, tolerated)
    print(reason.name, tolerated, len(found.wrong), "of", found.tally.elsewhere)
    assert sum(reason.name in finding.sentence for finding in found.wrong) > LEAST_FOUND


def test_control_without_a_look_at_the_events_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_all_is_refused_elsewhere(monkeypatch)
    monkeypatch.setattr(elsewhere_module, "stood_in_the_way", lambda *_: True)
    assert judged(0, CHAOS).wrong == []

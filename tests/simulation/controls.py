"""Each guarantee, broken on purpose: which check of the simulation catches it, and within how many seeds.

python -m tests.simulation.controls                 all of them, as a table
python -m tests.simulation.controls "no head check"  those whose name says so, with what was found
python -m tests.simulation.controls --as-drawn 200   as well within how many of the seeds that `make sim` draws, if not
                                                     more than so many; takes hours for all. It ends badly where a
                                                     guarantee needs more than is said of it here

The checks are those of every run. A seed counts as caught by a fault that tells of what was broken, not by one that is
raised in the run; and the same seed has no fault at all without the patch.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import pytest
import structlog
from rich.console import Console
from rich.table import Table

from tests.simulation import breaks
from tests.simulation import forgetful_breaks as forgetful
from tests.simulation import grouped_breaks as grouped
from tests.simulation import organizer_breaks as organizers
from tests.simulation import retold_breaks as retold
from tests.simulation import silent_breaks as silent
from tests.simulation import test_basket_controls as baskets
from tests.simulation import withheld_breaks as withheld
from tests.simulation.faults import CLASSIC, Fault
from tests.simulation.runs import simulate

SHARDS = frozenset(CLASSIC)
GENERATIONS = frozenset((Fault.GENERATION, Fault.LATE, Fault.REQUEST_LOST, Fault.PAUSE, Fault.CRASH, Fault.DUPLICATE))
PROJECTORS = frozenset((Fault.PROJECTOR_DOUBLE, Fault.PROJECTOR_CRASH, Fault.LATE))
MOVING = frozenset((Fault.GENERATION, Fault.MOVED, Fault.TIMED_OUT, Fault.SLOW_REPLAY))
CLOCKS = frozenset((*CLASSIC, Fault.SHARD_CLOCK))
OVERTAKEN = frozenset((Fault.REORDERED, Fault.CUT))
JUMPS = frozenset((Fault.JOURNAL_CLOCK, Fault.ACK_LOST))
MARKET = frozenset((*CLASSIC, Fault.CATALOGUE_AWAY))
FAILOVERS = frozenset((*CLASSIC, Fault.LOST_TAIL))
REPLICA = frozenset((Fault.REPLICA_AWAY,))
CLOCKS_JUMP = frozenset((Fault.JOURNAL_CLOCK, Fault.SHARD_CLOCK))
EXCUSED = frozenset((*MARKET, Fault.LOST_TAIL, Fault.JOURNAL_CLOCK, Fault.SHARD_CLOCK, Fault.MOVED))
"""What failovers lose and clocks tell wrongly is excused; what else is wrong is not."""

WITHHELD = frozenset((Fault.QUARANTINE, Fault.CRASH, Fault.MOVED))
HANGING = frozenset((Fault.GATEWAY_PAUSE, Fault.CRASH, Fault.REFUSED, Fault.PAUSE))
FULL = frozenset((Fault.GATEWAY_PAUSE, Fault.FULL_MEMORY, Fault.CRASH))
DOUBLED = frozenset((Fault.GATEWAY_DOUBLE, Fault.CRASH, Fault.MOVED))
LEAVING = frozenset((Fault.CLIENT_LEAVES, Fault.DELAYED, Fault.PAUSE, Fault.REQUEST_LOST))
KNOWN = "and knew that it is quarantined"
UNDURABLE = "before it was in the journal"
STALE = " was there"
ASKED_AGAIN = "after its time, though another try under its key had longer"
NO_ORDER = " none fits: "
NO_STATE = "no state up to row"
FENCES = "tests/journal/test_fences.py::test_control"
TWO_PROJECTORS = "tests/projections/test_two_projectors.py::test_control_without_comparing_the_late_one_writes_again"
NOT_SO = "and the journal says "
NOT_BORNE_OUT = "and at no moment did any event bear that out"


class Control(NamedTuple):
    """`faults`: which are switched on in each seed; None: those that it draws, as for `make sim`.
    `amid`: no seed counts in which none of these took effect.

    `caught_by`: part of what is said; `within`: so many seeds. `seen_at`: a seed that is known to show it, which the
    tests try first. `drawn_within`, `drawn_at`: the same of seeds as they are drawn; 0: nothing is demanded of those.
    `shipped`: where a stand-in is broken, the test in which what it stands for is.
    """

    guarantee: str
    sabotage: breaks.Break
    faults: frozenset[Fault] | None
    caught_by: str
    within: int = 20
    seen_at: int = 0
    amid: frozenset[Fault] = frozenset()
    drawn_within: int = 0
    drawn_at: int = 0
    shipped: str = ""


class Caught(NamedTuple):
    """By the last of so many seeds, with what its check says; `unbroken`: what is wrong with it without the patch."""

    seeds: int
    said: str
    unbroken: list[str]


CONTROLS = (
    Control(
        "no chain check",
        breaks.conflict_is_success,
        SHARDS,
        "acknowledged, but not in the journal",
        seen_at=5,
        drawn_within=10,
        drawn_at=2,
        shipped=FENCES,
    ),
    Control("no chain check, but a number", breaks.no_chain_compare, FAILOVERS, "chain broken", 60, 44, shipped=FENCES),
    Control(
        "reply before durable", breaks.reply_before_durable, SHARDS, UNDURABLE, seen_at=4, drawn_within=10, drawn_at=3
    ),
    Control(
        "reply before durable", breaks.reply_before_durable, SHARDS, "acknowledged, but not in the journal", seen_at=4
    ),
    Control("replays not gated", breaks.replays_are_not_gated, SHARDS, UNDURABLE, drawn_within=10),
    Control(
        "replays not gated", breaks.replays_are_not_gated, SHARDS, "acknowledged, but not in the journal", seen_at=3
    ),
    Control("no head check", breaks.no_head_check, SHARDS, STALE, drawn_within=10),
    Control("no head check", breaks.no_head_check, MARKET, "stale: "),
    Control(
        "snapshot of uncommitted state",
        breaks.snapshot_of_what_is_not_committed,
        SHARDS,
        "from the snapshot",
        seen_at=5,
        drawn_within=20,
        drawn_at=3,
    ),
    Control("no key check", breaks.no_key_check, SHARDS, "key used for two effects", drawn_within=10),
    Control("no key check", breaks.no_key_check, MARKET, "got two answers"),
    Control("no key check, in spite of excuses", breaks.no_key_check, EXCUSED, "key used for two effects"),
    Control("reply before durable, in spite of excuses", breaks.reply_before_durable, EXCUSED, UNDURABLE),
    Control("no head check, in spite of excuses", breaks.no_head_check, EXCUSED, STALE),
    Control(
        "legs before intent",
        breaks.pins_before_the_intent,
        MARKET,
        "leg that its desk does not know",
        seen_at=3,
        drawn_within=10,
    ),
    Control(
        "in-doubt answered from memory",
        baskets.a_leg_in_doubt_is_answered_from_memory,
        MARKET,
        UNDURABLE,
        seen_at=1,
        drawn_within=10,
        drawn_at=1,
    ),
    Control(
        "no revisions", baskets.no_revisions, MARKET, "revision of a leg is not the next", drawn_within=10, drawn_at=1
    ),
    Control(
        "no not_after", breaks.commands_have_no_end, OVERTAKEN, "after its time", seen_at=3, drawn_within=50, drawn_at=9
    ),
    Control("no not_after, of what was asked again", breaks.commands_have_no_end, OVERTAKEN, ASKED_AGAIN, 40),
    Control(
        "wall clock in the core", breaks.the_core_reads_a_clock, SHARDS, "differs from the journal", drawn_within=10
    ),
    Control("wall clock in the core", breaks.the_core_reads_a_clock, SHARDS, "a replay from its first row differs"),
    Control("clock that jumped believed", breaks.the_clock_is_believed, CLOCKS, "a time that has not come"),
    Control(
        "journal's clock that jumped believed",
        breaks.every_jump_is_believed,
        JUMPS,
        "a time that has not come",
        seen_at=2,
    ),
    Control(
        "older generation allowed",
        breaks.an_older_generation_is_allowed,
        GENERATIONS,
        "behind a newer one",
        drawn_within=10,
        drawn_at=1,
    ),
    Control(
        "claim not in the catalogue",
        breaks.a_claim_is_not_said_in_the_catalogue,
        MOVING,
        "activation out of place",
        60,
        seen_at=24,
    ),
    Control(
        "projector without compare-and-set",
        breaks.no_compare_and_set,
        PROJECTORS,
        " went from ",
        seen_at=5,
        drawn_within=40,
        drawn_at=1,
        shipped=TWO_PROJECTORS,
    ),
    Control("loads wait for no replica", breaks.loads_wait_for_no_replica, REPLICA, "no replica has it", within=5),
    Control(
        "loads wait for no replica, and somebody is told what was not so",
        breaks.loads_wait_for_no_replica,
        MARKET | REPLICA,
        NOT_BORNE_OUT,
        within=60,
        seen_at=6,
    ),
    Control("unknown append counts as done", breaks.an_unknown_append_counts_as_done, SHARDS, UNDURABLE),
    Control("waiting generation acts", breaks.a_waiting_generation_acts, GENERATIONS, "before anybody asked it to"),
    Control("intent told before durable", baskets.the_intent_is_not_durable, MARKET, UNDURABLE),
    Control("decision told before durable", baskets.a_decision_is_told_before_it_is_durable, MARKET, UNDURABLE),
    Control("deeds tried once", baskets.deeds_are_tried_once, MARKET, "done to a leg otherwise than its desk demanded"),
    Control("counts off by one", breaks.a_count_is_off_by_one, PROJECTORS, "), not ("),
    Control("counts in parts left out", breaks.counts_in_parts_are_left_out, PROJECTORS, "b'', "),
    Control("shown as of no time", breaks.nobody_says_when_rows_were_read, PROJECTORS, "as of 0, "),
    Control("errands of desks never run", breaks.desks_run_no_errands, MARKET, "left to do: "),
    Control("places denied", breaks.places_are_denied, MARKET, NO_ORDER),
    Control("refused, and journaled", breaks.a_refusal_is_journaled, SHARDS, ", and it happened"),
    Control("refused elsewhere, though there was room", breaks.nearly_all_is_refused_elsewhere, MARKET, NOT_BORNE_OUT),
    Control("not served any more", breaks.nobody_is_served_after_an_activation, SHARDS, " does not answer "),
    Control("holds end early", breaks.holds_end_early, SHARDS, " ms early"),
    Control("a decision fails", breaks.a_decision_fails, SHARDS, "decide failed"),
    Control("quarantines stop nobody", withheld.quarantines_stop_nobody, WITHHELD, KNOWN),
    Control(
        "a shard that leaves hears of no quarantine",
        withheld.who_leaves_hears_nothing,
        frozenset((Fault.QUARANTINE, Fault.LEAVING, Fault.CRASH)),
        KNOWN,
        100,
        seen_at=46,
    ),
    Control("by a quarantined block nobody is refused", silent.who_is_quarantined_says_no, WITHHELD, "said no for "),
    Control(
        "quarantines begin when the catalogue says",
        withheld.corrections_believe_the_clock,
        frozenset((Fault.QUARANTINE, Fault.JOURNAL_CLOCK, Fault.CRASH)),
        "ends what has not begun",
        seen_at=0,
    ),
    Control("a hang is nothing", withheld.a_hang_is_nothing, HANGING, ", and it happened", 60, seen_at=1),
    Control("told no at second hand", withheld.who_is_asked_second_says_no, FULL, ", and it happened", 40, seen_at=2),
    Control(
        "open outcomes told as no", withheld.an_open_outcome_is_told_as_no, SHARDS, ", and it happened", 40, seen_at=13
    ),
    *(
        Control(f"{guarantee}, to who asks again", sabotage, SHARDS, ", before it was asked again", 40, seen_at)
        for guarantee, sabotage, seen_at in (
            ("open outcomes told as no", withheld.an_open_outcome_is_told_as_no, 14),
            ("out of time told as no", withheld.who_is_out_of_time_is_told_no, 0),
        )
    ),
    Control("out of time told as no", withheld.who_is_out_of_time_is_told_no, SHARDS, ", and it happened", seen_at=2),
    Control(
        "who leaves leaves others alone",
        withheld.who_leaves_takes_others_along,
        LEAVING,
        ", and it happened",
        40,
        seen_at=2,
        amid=frozenset((Fault.CLIENT_LEAVES,)),
    ),
    Control("deadlines are never over", withheld.no_deadline_is_ever_over, PROJECTORS, "deadlines of "),
    Control("no key check, and gateways that double", breaks.no_key_check, DOUBLED, "got two answers"),
    Control("what is due ends", silent.nothing_expires, SHARDS, " is overdue since "),
    Control("what is due ends in time", silent.holds_end_late, SHARDS, " is overdue since "),
    Control("what is due ends in time", silent.holds_end_late, SHARDS, "not expired long after the deadline"),
    Control(
        "who waits is offered what comes back",
        silent.nobody_is_offered_anything,
        MARKET,
        "nobody was offered ",
        seen_at=2,
    ),
    Control("only nonsense is malformed", silent.holds_are_called_malformed, SHARDS, "refused as malformed"),
    Control("refused, and its copy served", silent.a_copy_is_served_that_was_refused, DOUBLED, ", and it happened"),
    *(
        Control(
            f"nothing had twice{seen}{amid}", silent.units_are_had_twice, faults, caught_by, within, drawn_within=drawn
        )
        for seen, caught_by, within in (("", "unit claimed twice", 5), (", by its order", NO_ORDER, 10))
        for amid, faults, drawn in (("", MARKET, within), (", in spite of excuses", EXCUSED, 0))
    ),
    Control("answers paired wrongly", grouped.answers_are_paired_wrongly, SHARDS, "to another key than journaled"),
    Control("a replay tells its order's lot", retold.a_replay_tells_another_lot, SHARDS, NOT_SO),
    Control("a code is rotated, and told so", retold.a_code_is_not_rotated, SHARDS, NOT_SO),
    Control("who holds a ticket is told", retold.a_holder_is_not_told, SHARDS, NOT_SO),
    Control("a replay tells its hold's deadline", retold.a_replay_tells_another_deadline, SHARDS, "with deadline ms "),
    Control("what is there is not said to be over", retold.a_replay_tells_an_end_early, SHARDS, " before its deadline"),
    Control("organizers are told what they did", organizers.an_edit_is_told_otherwise, SHARDS, "it is there as "),
    Control("organizers get what they asked for", organizers.an_edit_is_another, SHARDS, "asked to be otherwise"),
    Control("what organizers did is kept", organizers.a_status_is_not_kept, SHARDS, "has no effect of it"),
    Control("told as a shard said it", retold.a_gateway_tells_of_another_buyer, SHARDS, "and no shard has said that"),
    Control("positions of another block", grouped.positions_are_of_another_block, MARKET, UNDURABLE),
    Control("positions of another block", grouped.positions_are_of_another_block, MARKET, STALE),
    Control("refusals outlive a lost block", grouped.refusals_outlive_a_lost_block, SHARDS, NO_STATE, seen_at=4),
    Control("forgotten by a clock", forgetful.all_is_forgotten_by_a_clock, SHARDS, "a replay fails at row ", seen_at=1),
    Control("forgotten early", forgetful.all_is_forgotten_early, SHARDS, NO_STATE, seen_at=1),
    Control("no tombstones", baskets.no_tombstones, MARKET, "acknowledged by a leg, but not done"),
    *(
        Control(f"{guarantee}, while clocks jump", sabotage, faults | CLOCKS_JUMP, caught_by, amid=CLOCKS_JUMP)
        for guarantee, sabotage, faults, caught_by in (
            ("held by one at a time", breaks.holds_end_early, MARKET, NO_ORDER),
            ("no head check", breaks.no_head_check, MARKET, NO_ORDER),
            ("no head check", breaks.no_head_check, MARKET, NO_STATE),
            ("no head check", breaks.no_head_check, SHARDS, STALE),
            ("places denied", breaks.places_are_denied, MARKET, "was there all the time"),
            ("no key check", breaks.no_key_check, MARKET, "key used for two effects"),
            ("refused elsewhere", breaks.nearly_all_is_refused_elsewhere, MARKET, NOT_BORNE_OUT),
            ("older generation allowed", breaks.an_older_generation_is_allowed, GENERATIONS, "behind a newer one"),
            ("wall clock in the core", breaks.the_core_reads_a_clock, SHARDS, "differs from the journal"),
            ("counts off by one", breaks.a_count_is_off_by_one, PROJECTORS, "), not ("),
            ("errands of desks never run", breaks.desks_run_no_errands, MARKET, "left to do: "),
        )
    ),
)
"""What single answers, deeds and errands of baskets rest on besides stands in `test_basket_controls`."""


AS_DRAWN = tuple(
    control._replace(
        guarantee=f"{control.guarantee} as in `make sim`",
        faults=None,
        within=control.drawn_within,
        seen_at=control.drawn_at,
    )
    for control in CONTROLS
    if control.drawn_within
)
"""Those that seeds must catch with the faults that they draw."""


def search(control: Control, first: int = 0) -> Caught | None:
    """Seed after seed from this one on until the check notices; None: it does not within the bound."""
    for count, seed in enumerate((*range(first, control.within), *range(first)), 1):
        with pytest.MonkeyPatch.context() as patch:
            control.sabotage(patch)
            run = simulate(seed, faults=control.faults)
        said = next((wrong for wrong in run.wrong if control.caught_by in wrong), None)
        if said is not None and (not control.amid or control.amid & run.effects.keys()):
            return Caught(count, said, _unbroken(seed, control.faults))
    return None


@cache
def _unbroken(seed: int, faults: frozenset[Fault] | None) -> list[str]:
    """What is wrong with the seed as it is."""
    return simulate(seed, faults=faults).wrong


def main(arguments: Sequence[str]) -> int:
    """How the process ends: 0 if each guarantee that these words name was missed in time, and nothing else wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.controls")
    parser.add_argument("words", nargs="*", help="what the names of the guarantees say")
    parser.add_argument(
        "--as-drawn", type=int, default=0, metavar="SEEDS", help="of `make sim` as well, at most so many"
    )
    options = parser.parse_args(arguments)
    console = Console()
    drawn = (f"as drawn, within {options.as_drawn}",) if options.as_drawn else ()
    table = Table("guarantee that is broken", "seeds", "within", *drawn, "what the check says")
    failed = 0
    for control in CONTROLS:
        if all(word in control.guarantee for word in options.words):
            caught = search(control)
            failed += caught is None or bool(caught.unbroken)
            also, is_as_drawn = _drawn(control, options.as_drawn) if options.as_drawn else ("", True)
            failed += not is_as_drawn
            columns = (also,) if options.as_drawn else ()
            of_what = f", of a stand-in (see {control.shipped})" if control.shipped else ""
            what = control.guarantee + of_what
            table.add_row(what, str(caught and caught.seeds), str(control.within), *columns, _said(caught))
    console.print(table)
    return min(failed, 1)


def _said(caught: Caught | None) -> str:
    if caught is None:
        return "NOBODY NOTICED"
    return f"NOT CLEAN WITHOUT THE PATCH: {caught.unbroken[0]}" if caught.unbroken else caught.said


def _drawn(control: Control, within: int) -> tuple[str, bool]:
    """By how many of the seeds that draw their faults it is caught, and whether that is as it should be. Not to be
    caught is no failure where nothing is demanded: some guarantees are only at stake under faults that seldom meet.
    """
    demanded = control.drawn_within
    caught = search(control._replace(faults=None, within=demanded or within))
    if caught is None:
        return (f"NOT WITHIN {demanded}" if demanded else "not"), not demanded
    of = f"{caught.seeds} of {demanded}" if demanded else str(caught.seeds)
    return (f"{of}, but not clean without", False) if caught.unbroken else (of, True)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # of this process alone
    sys.exit(main(sys.argv[1:]))

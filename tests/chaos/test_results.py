"""What the results of a campaign say, in JSON and as a table, and what is late by them."""

import pytest

from tests.chaos import fault, results
from tests.chaos.database_faults import CutDuring, landed_in_words
from tests.chaos.fault import ONE_PROCESS
from tests.chaos.imagined_outcomes import outcome_of
from tests.chaos.organizer import Organized
from tests.chaos.organizer_front import Deed
from tests.chaos.plan import KINDS
from tests.chaos.process_faults import GcsKilled, RayletKilled
from tests.chaos.results import Segment, lates, summary, table, unmet


def check_who_looks_is_shown_something() -> None:
    fine = (
        outcome_of("Redis killed", unread_s=1.9),
        outcome_of("raylet killed", unread_s=27.0),
        outcome_of(unread_s=4.0),
    )
    assert lates(fine, KINDS) == []
    for late in (outcome_of("Redis killed", unread_s=2.1), outcome_of("projector paused for 45 s", unread_s=2.1)):
        assert lates([late], KINDS) == [f"{late.fault}: nothing was shown for 2.1 s, over the bound of 2.0 s"]
    assert len(lates([outcome_of(unread_s=5.1)], KINDS)) == 1
    seen = [outcome_of(unread_s=0.4, stalest_s=2.0, unread={"UNAVAILABLE": 2}), outcome_of(unread_s=0.9, stalest_s=1.0)]
    said = summary(seen, [], KINDS)
    (of_shards,) = (of_kind for of_kind in said["faults"] if of_kind["fault"] == "shard killed")
    assert (of_shards["unread_s"]["max"], of_shards["stalest_s"]["max"]) == (0.9, 2.0)
    assert of_shards["unread"] == {"UNAVAILABLE": 2}
    assert "| 3.0 s | 0.9 s of 4.0 s | 2.0 s | 0.0 s of 8.0 s | 0.0 s of 8.0 s | UNAVAILABLE 6 |" in table(said)


def test_how_long_nothing_was_shown_is_told_and_bounded() -> None:
    check_who_looks_is_shown_something()


def test_control_a_bound_on_sales_alone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "unread_bound_s", lambda _: 1_000.0)
    with pytest.raises(AssertionError):
        check_who_looks_is_shown_something()


def test_availability_is_to_be_shown_whatever_becomes_of_redis_and_the_projector() -> None:
    assert {kind.what for kind in KINDS if kind.is_shown_on} == {
        "Redis killed",
        "Redis paused for 30 s",
        "projector killed",
        "projector paused for 45 s",
    }


def test_only_what_counts_is_in_the_table() -> None:
    outcomes = [outcome_of(), outcome_of(unavailable_s=2.5), outcome_of(counted=False, unavailable_s=99.0, stock=3)]
    segment = Segment(0, 10, 20, [], {"held ok": 900, "held fail": 100}, 3, 0, {"disk full": "not root"}, vague=2)
    said = summary(outcomes, [segment], KINDS)
    assert (said["counted"], said["not_counted"]) == (2, 1)
    text = table(said)
    assert (
        "| shard killed | 2 | 2.0 s / 2.5 s of 4.0 s | 1.6 s | 3.0 s | 0.0 s of 4.0 s | 0.0 s | 0.0 s of 8.0 s "
        "| 0.0 s of 8.0 s | UNAVAILABLE 6 |" in text
    )
    assert "1,000 calls in histories, 0 unchecked, 2 refused for what nobody can judge (0.20%), 0 by other" in text
    assert "3 of unknown outcome (0.30%)" in text
    assert "Calls in histories: held fail 100, held ok 900." in text
    assert said["segments"][0]["vague"] == 2
    assert "at least 150,000 units were left" in text
    assert "99" not in text
    assert "Not on this machine: disk full: not root." in text


def check_what_organizers_have_done_is_told() -> None:
    first = Segment(0, 10, 20, [], organizer=Organized({"edited": 1_200, "paused": 2}, 1))
    other = Segment(1, 10, 20, [], organizer=Organized({"edited": 300, "closed": 1}, 2))
    said = summary([], [first, other], KINDS)
    assert said["segments"][1]["organizer"] == {"acknowledged": {"edited": 300, "closed": 1}, "unknown": 2}
    told = "Organizers: 1,503 writes acknowledged (closed 1, edited 1,500, paused 2), 3 of unknown outcome (0.20%)."
    assert told in table(said)
    lacking = [f"nothing was {deed} by an organizer" for deed in Deed if deed not in ("edited", "paused", "closed")]
    assert [one for one in unmet([], [first, other], ()) if "organizer" in one] == lacking


def test_what_organizers_have_done_is_told_and_what_they_have_not_is_unmet() -> None:
    check_what_organizers_have_done_is_told()


@pytest.mark.parametrize("name", ["_of_organizers", "_organized"])
def test_control_what_organizers_have_done_is_missed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(results, name, lambda _: "" if name == "_of_organizers" else dict.fromkeys(Deed, 1))
    with pytest.raises(AssertionError):
        check_what_organizers_have_done_is_told()


def test_the_longest_unavailability_is_told_of_each_that_can_be_struck() -> None:
    outcomes = [
        outcome_of("shard killed", unavailable_s=1.0),
        outcome_of("HAProxy killed", unavailable_s=3.5),
        outcome_of("shard paused for 90 s", unavailable_s=3.0, shown="0 rows landed"),
        outcome_of("raylet killed", unavailable_s=12.0),
        outcome_of("the whole Ray killed", unavailable_s=13.0),
        outcome_of("Postgres stopped immediately", unavailable_s=0.6),
        outcome_of("Postgres primary killed, its synchronous replica promoted", unavailable_s=0.4),
        outcome_of("commits of 2 s", unavailable_s=4.0),
    ]
    text = table(summary(outcomes, [Segment(0, 10, 20, [])], KINDS))
    for line in (
        "| 3 | 3.5 s | HAProxy killed | 3.2 s |",
        "| raylet | 1 | 12.0 s | raylet killed | 40.0 s |",
        "| the whole Ray | 1 | 13.0 s | the whole Ray killed | 40.0 s |",
        "| Postgres, which is restarted | 1 | 0.6 s | Postgres stopped immediately | 8.0 s |",
        "| Postgres, whose replica is promoted | 1 | 0.4 s | Postgres primary killed, its synchronous replica promoted",
        "shard paused for 90 s: 0 rows landed.",
    ):
        assert line in text


def test_how_long_who_was_paused_stood_still_is_told_and_what_was_seen_of_it() -> None:
    paused = [outcome_of("shard paused for 90 s", stood_still_s=at_s, effect=f"for {at_s} s") for at_s in (90.1, 90.0)]
    short = outcome_of("shard paused for 90 s", stood_still_s=3.0, effect="", counted=False)
    of_kinds = {of_kind["fault"]: of_kind for of_kind in summary([*paused, short, outcome_of()], [], KINDS)["faults"]}
    assert of_kinds["shard paused for 90 s"]["stood_still_s"] == {"min": 90.0, "max": 90.1}
    assert of_kinds["shard paused for 90 s"]["effects"] == ["for 90.1 s", "for 90.0 s"]
    assert of_kinds["shard killed"]["stood_still_s"] is None


def test_how_often_the_rows_of_a_cut_statement_had_landed_is_told() -> None:
    shown = [landed_in_words(landed, 3) for landed in (3, 0, 3)]
    outcomes = [outcome_of(CutDuring.what, shown=one) for one in shown] + [outcome_of(CutDuring.what, counted=False)]
    told = f"{CutDuring.what}: 2 times the rows had landed; the rows had not landed."
    assert told in table(summary(outcomes, [], KINDS))


def check_the_figure_of_one_process() -> None:
    """Of each kind that strikes a single process it is said whether it is in it, and under what bound if it is not."""
    (line,) = (line for line in table(summary([outcome_of()], [], KINDS)).splitlines() if "| one process" in line)
    for kind in (kind for kind in KINDS if kind.is_single):
        is_named = f"{kind.what} ({kind.bound_s:.1f} s)" in line
        assert is_named == (kind.struck != ONE_PROCESS), f"{kind.what} is left out in silence"
        assert is_named or kind.bound_s <= fault.PROMISED_S
    for kind in (GcsKilled, RayletKilled):
        assert kind.what in line, f"{kind.what} is left out in silence"


def test_the_figure_of_one_process_says_which_are_not_in_it_and_their_bounds() -> None:
    check_the_figure_of_one_process()


def test_control_a_figure_that_leaves_some_out_in_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_apart", lambda _: [])
    with pytest.raises(AssertionError, match="in silence"):
        check_the_figure_of_one_process()

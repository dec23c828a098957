"""The main command on a running server: a few seconds of `holdfast onsale`, undisturbed and with kills.

How much a machine sells in so short a time is not judged here, only that all of it is right: the exit code is then 0,
or the one for too few writes.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadtests.changes import FELT_WITHIN_MS
from loadtests.history.calls import READS
from loadtests.onsale import CLEAN, TOO_SLOW
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack

PATIENCE_S = 120.0  # of an event in parts the digests of many blocks are asked for, one a second


def onsale(
    running: RunningStack, file: Path, seconds: int, *options: str, is_split: bool = False, processes: int = 2
) -> Any:
    """Run it from so many processes of buyers; what it kept, after checking what every run must come to."""
    words = ("onsale", "--buyers", "40", "--seconds", str(seconds), "--json", str(file), *options)
    ran = running.command(*words, patience_s=PATIENCE_S)
    assert ran.returncode in (CLEAN, TOO_SLOW), ran.stdout + ran.stderr
    assert (
        "clean: nothing sold twice, nothing acknowledged lost, live digest equal, nothing denied wrongly" in ran.stdout
    )
    report = msgspec.json.decode(file.read_bytes())
    assert (report["processes"], report["kill_faults"], report["change_faults"], report["figures"]["errors"]) == (
        processes,
        [],
        [],
        {},
    )
    assert report["audit"]["finding_count"] == 0
    calls = report["audit"]["history"]["tally"]["calls"]
    assert all(calls.get(f"{kind} ok") for kind in READS), calls
    assert (len(report["audit"]["blocks"]) > 1) is is_split
    assert all(block["digest_compared"] for block in report["audit"]["blocks"])
    assert report["audit"]["reply_count"] > report["figures"]["accepted"]["held"] > 0
    assert set(report["durability"].values()) == {"on"}
    assert report["counters"]["commit_count"] > 0
    return report


def test_a_crowd_buys_and_the_audit_is_clean(running: RunningStack, tmp_path: Path) -> None:
    report = onsale(running, tmp_path / "report.json", 4)
    assert report["kills"] == []
    accepted = report["figures"]["accepted"]
    assert all(accepted.get(told) for told in ("held", "ordered", "confirmed")), accepted


@pytest.mark.long
def test_a_crowd_buys_while_the_shard_is_killed_twice_and_the_audit_is_clean(
    running: RunningStack, tmp_path: Path
) -> None:
    report = onsale(running, tmp_path / "report.json", 8, "--kill-shard", "2")
    first, second = report["kills"]
    assert first["pid"] != second["pid"]
    for kill in (first, second):
        assert kill["in_flight"] > 0, "each of these was answered, or there would be errors"


@pytest.mark.long
def test_seats_are_sold_while_the_event_moves_the_fleet_changes_and_the_shard_is_killed(
    running: RunningStack, tmp_path: Path
) -> None:
    options = ("--house", "seats", "--best-share", "0.6", "--moves", "1", "--resizes", "2", "--kill-shard", "1")
    report = onsale(running, tmp_path / "report.json", 16, *options)
    assert report["figures"]["held_by"].keys() == {"seats by name", "best seats"}
    assert len(report["kills"]) == 1
    assert (report["moves"], report["resizes"]) == (1, 2)
    for change in report["changes"]:
        assert change["gap_ms"] < change["ended_at_ms"] - change["began_at_ms"] + FELT_WITHIN_MS, "somebody was served"


@pytest.mark.parametrize(
    ("house", "moves", "resizes"),
    [
        pytest.param(("--house", "seats"), 0, 0, id="one block", marks=pytest.mark.long),
        pytest.param(("--house", "seats", "--split", "2"), 2, 1, id="in parts"),
        pytest.param(("--house", "area"), 0, 0, id="an area", marks=pytest.mark.long),
    ],
)
def test_it_is_sold_to_the_last_unit_while_it_moves_and_the_fleet_changes(
    running: RunningStack, tmp_path: Path, house: tuple[str, ...], moves: int, resizes: int
) -> None:
    """Of one in parts, a part and a desk move in turn. So few buyers that the rest of the stack has time as well."""
    changes = ("--moves", str(moves), "--resizes", str(resizes)) if moves else ()
    units = 1_100 if "--split" in house else 400
    options = (*house, "--units", str(units), "--until-sold-out", "--buyers", "8", *changes)
    report = onsale(running, tmp_path / "report.json", 90, *options, is_split="--split" in house, processes=1)
    assert report["sold_out"]
    assert report["audit"]["sold_count"] == report["audit"]["capacity"] == units
    assert (report["moves"], report["resizes"]) == (moves, resizes)
    assert report["audit"]["denied_count"] > 0, "who comes last is told no, and the audit looks whether that was so"

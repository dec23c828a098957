"""A run's verdict, its counters, and what a person sees when it cannot be."""

import asyncio
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from actors.audit.audit import BlockSummary
from actors.audit.findings import Fault, Finding
from actors.audit.replies import Told
from actors.core.ids import BlockId
from loadtests import onsale
from loadtests.changes import Change, Kind
from loadtests.crowd import Crowd, CrowdFailed
from loadtests.figures import Figures
from loadtests.history.recorded import Checked
from loadtests.history.tally import Tally
from loadtests.house import HouseKind
from loadtests.kills import Kill
from loadtests.load_process import Task
from loadtests.onsale import CLEAN, TOO_SLOW, WRONG, Options, run_onsale, verdict
from loadtests.report import Audited, Report, save, show
from loadtests.server import Availability, Counters, Server, ShardStatus, Status

BLOCK = BlockId("0" * 16)
SUMMARY = BlockSummary(BLOCK, 3, 30, 10, 5, digest_compared=True)
FINDING = Finding(BLOCK, 7, Fault.UNIT_CLAIMED_TWICE, "seat [1] by hold_y, while SOLD to hold_x")
MORE_SHOWN = (
    "200,000 units (mixed, in 8 blocks)",
    "gap without any accepted write 12 ms, until at 19.0 s nothing was available",
    "3 available, 2 held, 1 sold",
    "best seats    7 holds (0 found again under their key), refused 0",
    "move to shard-2 in 0.4 s: moved; gap 2,899 ms",
    "it has not moved",
    "200,000 calls, 7 of them without an answer, of 0 of which it stays unknown what came",
    "2 times denied units that can be counted; 150 of 160 units sold",
    "moves         1, each seen to have taken effect",
)
CHECKED = Checked(Tally({"held ok": 200_000}, info=7), 0, 0.5)
NOWHERE = Server("http://127.0.0.1:1", "127.0.0.1:1", "postgresql://127.0.0.1:1/none", "key", "operator's key")


def _report(new: int = 5_000, **changes: object) -> Report:
    figures = Figures(accepted={Told.HELD: new - 1, Told.ORDERED: 1, Told.CONFIRMED: 9_999})
    figures.accepted_at = bytearray(20_000)
    report = Report(
        event_id="event_x",
        buyers=64,
        house=HouseKind.MIXED,
        units=200_000,
        split=8,
        best_share=0.3,
        until_sold_out=False,
        processes=2,
        elapsed_s=20.0,
        sold_out=False,
        seen_last=Availability(3, 2, 1),
        figures=figures,
        cpu_shares=[0.2, 0.95],
        longest_gap_ms=12,
        full_at_ms=19_000,
        durability={"fsync": "on"},
        counters=Counters(100, 10, 5, 5, 200),
        kills=[Kill("shard-1", 4_711, 5_000, 61)],
        kill_faults=[],
        changes=[Change(Kind.MOVE, "move to shard-2", "moved", 6_000, 6_400)],
        change_faults=[],
        audit=Audited(9, 2, [SUMMARY], [], 0, 200_000, 200_000, CHECKED),
    )
    return msgspec.structs.replace(report, **changes)


def test_five_thousand_new_holds_and_orders_in_twenty_seconds_are_enough() -> None:
    assert verdict(_report(5_000)) == CLEAN
    assert verdict(_report(4_999)) == TOO_SLOW
    assert verdict(_report(2_500, elapsed_s=10.0)) == CLEAN
    assert verdict(_report(100, sold_out=True)) == CLEAN


def test_what_was_to_sell_out_did_not_however_much_was_sold() -> None:
    assert verdict(_report(100, until_sold_out=True, sold_out=True)) == CLEAN
    assert verdict(_report(99_999, until_sold_out=True)) == TOO_SLOW


@pytest.mark.parametrize(
    "changes",
    [
        {"audit": Audited(9, 2, [SUMMARY], [FINDING], 1)},
        {"audit": Audited(9, 2, [SUMMARY], [], 0, 200_000, 200_000)},
        {"audit": Audited(9, 2, [SUMMARY], [], 0, 200_000, 200_000, msgspec.structs.replace(CHECKED, finding_count=1))},
        {"audit": Audited(9, 2, [SUMMARY], [], 0, 1, 1, Checked(Tally({"held ok": 200_000}, unchecked=1), 0))},
        {"audit": Audited(9, 2, [SUMMARY], [], 0, 1, 1, Checked(Tally({"held ok": 200_000}, unresolved=4_001), 0))},
        {"audit": Audited(9, 2, [SUMMARY], [], 0, 1, 1, Checked(Tally({"held ok": 200_000}, vague=801), 0))},
        {"audit": Audited(9, 2, [msgspec.structs.replace(SUMMARY, digest_compared=False)], [], 0)},
        {"figures": Figures(accepted={Told.HELD: 9_999}, errors={"HTTP held: INTERNAL": 1})},
        {"durability": {"fsync": "off"}},
        {"sold_out": True, "audit": Audited(9, 2, [SUMMARY], [], 0, 199_999, 200_000)},
        {"kill_faults": ["there was nothing to kill"]},
        {"change_faults": ["it has not moved in 30 s"]},
    ],
)
def test_whatever_is_wrong_is_worse_than_too_slow(changes: dict[str, object]) -> None:
    assert verdict(msgspec.structs.replace(_report(), **changes)) == WRONG


def test_a_report_shows_and_keeps_what_counts(tmp_path: Path) -> None:
    report = _report(
        audit=Audited(9, 2, [SUMMARY], [FINDING], 1, 150, 160, CHECKED), change_faults=["it has not moved"]
    )
    report.figures.held_by["best seats"] = 7
    report.figures.accepted_at[6_500] = 1
    console = Console(record=True, width=200, file=(tmp_path / "shown").open("w"))
    show(report, console)
    shown = console.export_text()
    for text in (
        "250/s",
        "10.0 commands per batch, 20.0 per commit",
        "kill -9 4711",
        "61 commands",
        str(FINDING),
        *MORE_SHOWN,
    ):
        assert text in shown
    assert "try --processes" in shown
    save(report, tmp_path / "report.json")
    kept = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    assert (kept["accepted_per_s"], kept["audit"]["finding_count"]) == (250.0, 1)
    assert (kept["moves"], kept["resizes"], kept["split"]) == (1, 0, 8)
    assert [(change["what"], change["gap_ms"]) for change in kept["changes"]] == [("move to shard-2", 2_899)]


def test_counters_of_a_shard_that_started_anew_count_from_its_start() -> None:
    before = Status([_shard("shard-1", 1, 100), _shard("shard-2", 1, 50)])
    after = Status([_shard("shard-1", 2, 30), _shard("shard-2", 1, 70), _shard("shard-3", 1, 5)])
    assert after.since(before).call_count == 30 + 20 + 5


def _shard(name: str, incarnation: int, calls: int) -> ShardStatus:
    return ShardStatus(name, 1, incarnation, Counters(call_count=calls))


def test_a_server_that_is_not_there_is_one_line() -> None:
    console = Console(record=True, quiet=True)
    assert run_onsale(Options(NOWHERE), console) == WRONG


def test_processes_of_buyers_that_cannot_begin_fail_the_run_and_are_gone(tmp_path: Path) -> None:
    task = Task(
        "http://127.0.0.1:1",
        "127.0.0.1:1",
        "key",
        "event_x",
        100,
        HouseKind.MIXED,
        0.3,
        1,
        1,
        1_000,
        0,
        1,
        "run",
        "/nowhere/calls",
        0,
    )

    async def run() -> Crowd:
        crowd = Crowd([task, msgspec.structs.replace(task, calls_file=str(tmp_path / "calls"))])
        try:
            with pytest.raises(CrowdFailed):
                await crowd.start()
        finally:
            await crowd.close()
        return crowd

    crowd = asyncio.run(run())
    assert all(process.returncode is not None for process in crowd._processes)


@pytest.mark.parametrize(("buyers", "wanted", "expected"), [(1, 0, 1), (64, 5, 5), (3, 8, 3)])
def test_no_more_processes_than_buyers(buyers: int, wanted: int, expected: int) -> None:
    assert Options(NOWHERE, buyers=buyers, processes=wanted).process_count() == expected


def test_a_house_that_cannot_be_split_so_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onsale, "_run", lambda *_: pytest.fail("it ran"))
    console = Console(file=StringIO(), width=200)
    assert run_onsale(Options(NOWHERE, units=2_000, house=HouseKind.SEATS, split=3), console) == WRONG
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue() == "onsale: the house has 2 sections of seats and cannot be split into 3\n"


def _onsale(file: Path) -> tuple[int, str]:
    """Exit code and what is printed, of a run whose figures are to go there."""
    console = Console(file=StringIO(), width=200)
    code = run_onsale(Options(server=NOWHERE, json_file=file), console)
    assert isinstance(console.file, StringIO)
    return code, console.file.getvalue()


def test_figures_that_could_not_be_kept_are_noticed_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onsale, "_run", lambda *_: pytest.fail("it ran"))
    said = "onsale: cannot write /no/such/folder/x.json: No such file or directory\n"
    assert _onsale(Path("/no/such/folder/x.json")) == (WRONG, said)


def test_a_run_that_cannot_be_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    old.write_text("{}")
    assert [_onsale(file)[0] for file in (new, old)] == [WRONG, WRONG]
    assert not new.exists()
    assert old.read_text() == "{}"


def test_a_disk_that_fills_up_during_the_run_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(*_: object) -> Report:
        return _report()

    monkeypatch.setattr(onsale, "_run", run)
    code, printed = _onsale(Path("/dev/full"))
    assert code == WRONG
    assert printed.splitlines()[-1] == "onsale: cannot write /dev/full: No space left on device"

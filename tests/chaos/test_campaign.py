"""What counts, what is wrong, and how a campaign goes on after its runner was killed: all without a stack."""

import asyncio
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from loadtests.history.tally import Tally
from tests.chaos import campaign, fault, results
from tests.chaos.campaign import WANTED, Campaign, Kept
from tests.chaos.fault import LEAST_STOCK, LEAST_WRITES, Fault, Outcome
from tests.chaos.imagined_outcomes import outcome_of
from tests.chaos.organizer import Organized
from tests.chaos.organizer_front import Deed
from tests.chaos.plan import ALL_HAD, KINDS, SELDOM, segment_faults
from tests.chaos.process_faults import HaproxyKilled, RedisKilled, ShardKilled
from tests.chaos.results import Segment, lates, unmet, wrongs
from tests.chaos.stage import Audited, Stage
from tests.kept_lines import append

FAULTS = (ShardKilled, RedisKilled, ShardKilled)
FEW = 7  # and so three stacks
CALLS = {"held ok": 50, "held fail": 3, "read hold ok": 2, "held info": 1}
REFUSED = {"UNITS_HELD": 2, "UNITS_SOLD": 3}
ORGANIZED = Organized(dict.fromkeys(map(str, Deed), 4))
AUDITED = Segment(0, 10, 20, [], CALLS, baskets=2, refused=dict(REFUSED), timed=5, organizer=ORGANIZED)


def check_what_counts() -> None:
    assert fault.counts("pid 1 gone", LEAST_WRITES, LEAST_STOCK)
    assert not fault.counts("", LEAST_WRITES, LEAST_STOCK), "nothing was observed"
    assert not fault.counts("pid 1 gone", LEAST_WRITES - 1, LEAST_STOCK), "hardly anybody bought"
    assert not fault.counts("pid 1 gone", LEAST_WRITES, LEAST_STOCK - 1), "hardly anything was left to buy"


def test_a_fault_counts_if_it_was_observed_while_there_was_something_to_buy_and_somebody_did() -> None:
    check_what_counts()


@pytest.mark.parametrize(
    "lax",
    [
        lambda effect, writes, stock: writes >= LEAST_WRITES and stock >= LEAST_STOCK,
        lambda effect, writes, stock: bool(effect) and stock >= LEAST_STOCK,
        lambda effect, writes, stock: bool(effect) and writes >= LEAST_WRITES,
    ],
)
def test_control_each_condition_is_missed(lax: Callable[..., bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault, "counts", lax)
    with pytest.raises(AssertionError):
        check_what_counts()


class Imagined:
    """In place of a stage: all is well on it, unless the test says otherwise."""

    audited = Audited([], 10, 20, Tally(CALLS, timed=5), 2, dict(REFUSED), ORGANIZED)
    dies_at_audit = 0

    def __init__(self, folder: Path, _: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.load = self

    async def start(self) -> None:
        """At once."""

    async def next_turn(self) -> "Imagined":
        return self

    async def end(self) -> None:
        """At once."""

    async def abandon(self) -> None:
        """At once."""

    async def audit(self) -> Audited:
        Imagined.dies_at_audit -= 1
        if Imagined.dies_at_audit == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.audited._replace(findings=list(self.audited.findings))

    async def close(self) -> list[str]:
        return []


class Imaginary:
    """What is undergone on it: it counts or not, and the runner may be killed in the middle of one."""

    def __init__(self, dies_at: int = 0, **changes: object) -> None:
        self._left = dies_at
        self._changes = changes

    async def undergo(
        self, kind: Fault, stage: Imagined, turn: Imagined, segment: int
    ) -> tuple[Outcome, Imagined | None]:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome_of(kind.what, segment=segment, **self._changes), turn


def run(
    folder: Path,
    patch: pytest.MonkeyPatch,
    imaginary: Imaginary,
    *,
    allowed: float = 1.0,
    faults: Sequence[type[Fault]] = FAULTS,
    kinds: Sequence[type[Fault]] = FAULTS,
) -> int:
    """A campaign of few faults, those on each imagined stack, all `kinds` of which it wants; its exit code."""
    patch.setattr(campaign, "Stage", Imagined)
    patch.setattr(campaign, "undergo", imaginary.undergo)
    patch.setattr(campaign, "segment_faults", lambda number: faults)
    patch.setattr(campaign, "KINDS", tuple(dict.fromkeys(kinds)))
    return asyncio.run(Campaign(Kept(folder), Console(quiet=True), wanted=FEW, allowed=allowed).run())


def exit_code_of(target: Callable[[], int]) -> int | None:
    """Of a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=lambda: os._exit(target()))
    process.start()
    process.join()
    return process.exitcode


def dies_in_a_fault(folder: Path, patch: pytest.MonkeyPatch) -> int:
    return run(folder, patch, Imaginary(5))


def dies_in_an_audit(folder: Path, patch: pytest.MonkeyPatch) -> int:
    Imagined.dies_at_audit = 2
    return run(folder, patch, Imaginary())


def dies_while_it_writes(folder: Path, patch: pytest.MonkeyPatch) -> int:
    def half(path: Path, what: msgspec.Struct) -> None:
        append(path, what)
        if isinstance(what, Outcome) and what.segment == 1:
            os.truncate(path, path.stat().st_size - 9)
            os.kill(os.getpid(), signal.SIGKILL)

    patch.setattr(campaign, "append", half)
    return run(folder, patch, Imaginary())


DEATHS = (dies_in_a_fault, dies_in_an_audit, dies_while_it_writes)


def check_it_goes_on(death: Callable[[Path, pytest.MonkeyPatch], int], folder: Path, patch: pytest.MonkeyPatch) -> None:
    assert exit_code_of(lambda: death(folder, patch)) == -signal.SIGKILL
    assert exit_code_of(lambda: run(folder, patch, Imaginary())) == 0
    kept = Kept(folder)
    assert [segment.number for segment in kept.segments] == [0, 1, 2]
    assert Counter(outcome.segment for outcome in kept.outcomes) == Counter({0: 3, 1: 3, 2: 3})
    said = msgspec.json.decode((folder / "results.json").read_bytes())
    assert (said["counted"], len(said["segments"])) == (9, 3)


@pytest.mark.parametrize("death", DEATHS)
def test_a_campaign_whose_runner_was_killed_goes_on(
    death: Callable[[Path, pytest.MonkeyPatch], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_it_goes_on(death, tmp_path, monkeypatch)


@pytest.mark.parametrize("death", DEATHS[:2])
def test_control_outcomes_of_a_stack_that_was_never_audited_would_be_seen(
    death: Callable[[Path, pytest.MonkeyPatch], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Kept.__init__

    def credulous(self: Kept, folder: Path) -> None:
        path = folder / "outcomes.jsonl"
        outcomes = campaign._read(path, Outcome)
        begin(self, folder)
        self.outcomes = outcomes
        campaign._write(path, outcomes)

    monkeypatch.setattr(Kept, "__init__", credulous)
    with pytest.raises(AssertionError):
        check_it_goes_on(death, tmp_path, monkeypatch)


def check_what_was_seen_stays(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Of a stack whose runner was killed before its audit, with what it did next, over two more runs."""
    for name, seen in (("wrong", {"wrong": ["3 rows landed"]}), ("late", {"unavailable_s": 99.0})):
        kept = folder / name
        assert exit_code_of(partial(run, kept, patch, Imaginary(3, **seen))) == -signal.SIGKILL
        (kept / "stack-0" / "log").write_text("what the stack said")
        for _ in range(2):
            assert run(kept, patch, Imaginary()) == 1, f"{name}: it went on as if it had been clean"
        assert Kept(kept).counted == len(FAULTS) * 3, f"{name}: what was not audited counts"
        (aside,) = kept.glob("stack-0-*")
        assert (aside / "log").read_text() == "what the stack said"


def test_what_was_wrong_or_late_on_a_stack_that_was_never_audited_ends_the_campaign_badly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_what_was_seen_stays(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("name", "broken", "said"),
    [
        ("_is_objectionable", lambda _: False, "clean"),
        ("_is_objectionable", lambda outcome: bool(outcome.wrong), "late"),
        ("_put_aside", lambda _: None, "unpack"),
        ("replace", lambda one, *, counted, **changes: msgspec.structs.replace(one, **changes), "counts"),
    ],
)
def test_control_a_run_that_goes_on_as_if_nothing_had_been_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[..., object], said: str
) -> None:
    monkeypatch.setattr(campaign, name, broken)
    with pytest.raises((AssertionError, ValueError), match=said):
        check_what_was_seen_stays(tmp_path, monkeypatch)


def test_what_never_counts_ends_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "MOST_SEGMENTS", 4)
    assert run(tmp_path, monkeypatch, Imaginary(counted=False)) == 1
    assert (Kept(tmp_path).counted, len(Kept(tmp_path).segments)) == (0, 4)


class Impossible(HaproxyKilled):
    """Not on this machine."""

    async def cannot(self) -> str:
        return "not root"


class OneNeverCounts(Imaginary):
    """Of Redis's deaths nothing is observed."""

    async def undergo(
        self, kind: Fault, stage: Imagined, turn: Imagined, segment: int
    ) -> tuple[Outcome, Imagined | None]:
        return outcome_of(kind.what, segment=segment, counted=not isinstance(kind, RedisKilled)), turn


def check_every_kind_is_wanted(folder: Path, patch: pytest.MonkeyPatch) -> None:
    with_impossible = (*FAULTS, Impossible)
    for name, imaginary, kinds, segments, said in (
        ("never", OneNeverCounts(), FAULTS, campaign.MOST_SEGMENTS, "Redis killed: not one counted"),
        ("skip", Imaginary(), with_impossible, 3, "HAProxy killed: was left out: not root"),
    ):
        assert run(folder / name, patch, imaginary, faults=kinds, kinds=kinds) == 1, name
        assert Kept(folder / name).counted >= FEW, "there were enough of the others"
        assert len(Kept(folder / name).segments) == segments, "more was of use, or was not"
        assert msgspec.json.decode((folder / name / "results.json").read_bytes())["unmet"] == [said]
        assert f"NOT PROVEN: {said}." in (folder / name / "results.md").read_text()


def test_a_full_run_fails_if_a_kind_of_fault_never_counted_or_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_every_kind_is_wanted(tmp_path, monkeypatch)


def test_control_a_campaign_that_only_counts_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "unmet", lambda *_: [])
    with pytest.raises(AssertionError, match="never"):
        check_every_kind_is_wanted(tmp_path, monkeypatch)


def check_it_goes_on_until_every_kind_counted(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """One kind is in no segment of its own accord, and one did not count while there were enough of the others."""
    kinds = (*FAULTS, HaproxyKilled)
    with patch.context() as fewer:
        fewer.setattr(campaign, "MOST_SEGMENTS", 4)
        assert run(folder, patch, OneNeverCounts(), kinds=kinds) == 1
    assert Kept(folder).counted >= FEW, "there were enough of the others"
    assert run(folder, patch, Imaginary(), kinds=kinds) == 0, "it was resumed in vain"
    said = msgspec.json.decode((folder / "results.json").read_bytes())
    assert (said["unmet"], len(said["segments"])) == ([], 5)
    assert [one.fault for one in Kept(folder).outcomes if one.segment == 4] == [RedisKilled.what, HaproxyKilled.what]


def test_a_full_run_that_has_enough_goes_on_with_the_kinds_that_never_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_it_goes_on_until_every_kind_counted(tmp_path, monkeypatch)


def test_control_a_campaign_that_has_enough_and_stops_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "uncounted", lambda *_: [])
    with pytest.raises(AssertionError, match="in vain"):
        check_it_goes_on_until_every_kind_counted(tmp_path, monkeypatch)


def test_a_stack_of_which_something_was_wrong_fails_and_is_left_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Imagined, "audited", Imagined.audited._replace(findings=["unit claimed twice"]))
    assert run(tmp_path, monkeypatch, Imaginary()) == 1
    assert (tmp_path / "stack-0").exists()
    monkeypatch.undo()
    assert run(tmp_path / "fault", monkeypatch, Imaginary(wrong=["a shard has logged a bug"])) == 1
    assert (tmp_path / "fault" / "stack-0").exists(), "it was survived, and something was wrong all the same"
    assert run(tmp_path / "good", monkeypatch, Imaginary()) == 0
    assert not (tmp_path / "good" / "stack-0").exists(), "nobody needs to look into it"
    monkeypatch.setattr(Imagined, "audit", Stage.audit)  # which fails on it
    assert run(tmp_path / "other", monkeypatch, Imaginary()) == 1
    assert "could not be used or audited" in Kept(tmp_path / "other").segments[0].findings[0]


def test_what_is_wrong_is_wrong_wherever_it_shows() -> None:
    good = outcome_of()
    assert wrongs([good], [AUDITED]) == []
    assert len(wrongs([outcome_of(wrong=["it could not be ended"])], [AUDITED])) == 1
    assert len(wrongs([good], [msgspec.structs.replace(AUDITED, findings=["unit claimed twice"])])) == 1


def check_who_audits_nothing_fails(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Nothing at all, or none of something; of what is refused or unknown there need be some in the whole run only."""
    assert run(folder / "all", patch, Imaginary()) == 0
    without = {name: {other: number for other, number in CALLS.items() if other != name} for name in CALLS}
    audited = Imagined.audited
    for number, (lacking, what) in enumerate(
        (
            (audited._replace(rows=0), "row was audited"),
            (audited._replace(replies=0), "reply was held against a journal"),
            (audited._replace(baskets=0), "reply was about a basket"),
            (audited._replace(organized=Organized(unknown=4)), "write of an organizer was acknowledged"),
            (audited._replace(tally=Tally(without["held ok"], timed=5)), "write is in the histories"),
            (audited._replace(tally=Tally(without["read hold ok"], timed=5)), "read is in the histories"),
            (
                audited._replace(tally=Tally(without["held info"], timed=5)),
                "call in the histories is of unknown outcome",
            ),
            (audited._replace(tally=Tally(CALLS, untimed=5)), "refusal or read was held against the time"),
            (audited._replace(refused={}), "call in the histories was refused"),
            (audited._replace(refused={"UNITS_SOLD": 3}), "wish was refused with UNITS_HELD"),
            (audited._replace(refused={"UNITS_HELD": 3}), "wish was refused with UNITS_SOLD"),
        )
    ):
        patch.setattr(Imagined, "audited", lacking)
        assert run(folder / str(number), patch, Imaginary()) == 1, what
        kept = Kept(folder / str(number))
        found = wrongs(kept.outcomes, kept.segments) + unmet(kept.outcomes, kept.segments, FAULTS)
        assert any(f"not one {what}" in one for one in found), found


def test_a_run_in_which_nothing_was_audited_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_who_audits_nothing_fails(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["unaudited", "_by_outcome"])
def test_control_a_run_that_is_not_asked_what_it_has_audited_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(results, name, lambda _: {} if name == "_by_outcome" else [])
    with pytest.raises(AssertionError, match=r"not one|row|unknown"):
        check_who_audits_nothing_fails(tmp_path, monkeypatch)


def test_who_sells_nothing_for_longer_than_is_promised_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lates([outcome_of(unavailable_s=4.0), outcome_of("raylet killed", unavailable_s=20.0)], KINDS) == []
    assert lates([outcome_of(unavailable_s=4.1)], KINDS) == [
        "shard killed: nothing was sold for 4.1 s, over the bound of 4.0 s"
    ]
    assert run(tmp_path / "timed", monkeypatch, Imaginary(unavailable_s=4.1)) == 1
    assert run(tmp_path / "full", monkeypatch, Imaginary(unavailable_s=4.1), allowed=3.0) == 0
    assert run(tmp_path / "fuller", monkeypatch, Imaginary(unavailable_s=12.1), allowed=3.0) == 1


def test_every_kind_of_fault_has_its_turn_and_all_together_are_enough() -> None:
    had = {kind for number in range(ALL_HAD) for kind in segment_faults(number)}
    assert had == set(KINDS)
    names = [kind.what for kind in KINDS]
    assert len(set(names)) == len(names)
    whole: Counter[str] = Counter()
    segments = 0
    while whole.total() < WANTED:
        whole.update(kind.what for kind in segment_faults(segments))
        segments += 1
    assert segments <= campaign.MOST_SEGMENTS / 2
    assert min(whole[kind.what] for kind in KINDS) >= 1
    assert min(whole[kind.what] for kind in KINDS if kind not in SELDOM) >= 3

"""Calls are kept in the order in which they were asked, whatever the order of their answers."""

from pathlib import Path

import pytest

from actors.audit.replies import Acknowledged, Told
from loadtests.history.calls import READS, Call, Kind, Outcome, Recorder, Seen, line_of, read_calls


class _Clock:
    def __init__(self) -> None:
        self.now_us = 0

    def __call__(self) -> int:
        self.now_us += 1
        return self.now_us


def test_calls_are_kept_in_the_order_of_asking_and_what_never_returned_at_the_end() -> None:
    kept: list[Call] = []
    recorder = Recorder(_Clock(), kept.append)
    first = recorder.begin("anna", Kind.HOLD, "b", "k1", units=("A/1/1",))
    second = recorder.begin("bert", Kind.RELEASE, "b", "k2", id="hold_x")
    recorder.begin("carl", Kind.READ_ORDER, "b", id="order_x", over_us=99)
    last = recorder.begin("dora", Kind.CANCEL, "b", "k4")
    second.fail("HOLD_EXPIRED")
    assert kept == []
    told = Acknowledged(Told.HELD, "hold_y", ("A/1/1",), (), 9_000)
    first.ok(told, replayed=True)
    last.info("cut")
    assert [call.client for call in kept] == ["anna", "bert"]
    recorder.close()
    assert [(call.client, call.outcome, call.invoked_us, call.returned_us) for call in kept] == [
        ("anna", Outcome.OK, 1, 6),
        ("bert", Outcome.FAIL, 2, 5),
        ("carl", Outcome.INFO, 3, None),
        ("dora", Outcome.INFO, 4, 7),
    ]
    assert (kept[0].told, kept[0].replayed, kept[1].reason, kept[2].over_us) == (told, True, "HOLD_EXPIRED", 99)


def test_a_call_ends_once() -> None:
    begun = Recorder(_Clock(), lambda _: None).begin("anna", Kind.HOLD, "b")
    begun.info()
    with pytest.raises(AssertionError, match="once"):
        begun.fail("UNITS_HELD")


def test_files_are_read_as_one_history(tmp_path: Path) -> None:
    seen = Seen("ACTIVE", ("A/1/1",), (("floor", 2),), 7, "order_x", 3)
    calls = [
        Call("anna", Kind.HOLD, "b", 1, Outcome.OK, 4, "k", areas=(("floor", 2),), told=seen),
        Call("bert", Kind.HOLD, "b", 2, Outcome.FAIL, 3, reason="UNITS_HELD", named=("A/1/1",), best=(2, 1)),
        Call("carl", Kind.EXCHANGE, "b", 5, Outcome.INFO, tickets=(0, 2), units=("A/1/2",)),
    ]
    for name, own in (("one", calls[::2]), ("two", calls[1:2])):
        (tmp_path / name).write_bytes(b"".join(map(line_of, own)))
    assert list(read_calls([tmp_path / "one", tmp_path / "two"])) == calls
    assert [call.quantity for call in calls] == [2, 3, 1]


def test_every_write_has_what_its_acceptance_says() -> None:
    assert {kind.told for kind in Kind if kind not in READS} == set(Told)
    assert [kind.told for kind in READS] == [None, None]

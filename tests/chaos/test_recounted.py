"""What crowds count is compared with what their histories have, and either may lack something."""

from collections import Counter
from pathlib import Path

import pytest

from actors.audit.replies import Told
from loadtests.figures import Figures
from loadtests.history.tally import Tally
from loadtests.server import Server
from tests.chaos import recounted
from tests.chaos.baskets import BasketCrowd
from tests.chaos.load import Load, Turn
from tests.chaos.recounted import unrecorded, unrecorded_baskets

FIGURES = Figures({Told.HELD: 40, Told.ORDERED: 10}, {"UNITS_SOLD": 5}, seen={"ACTIVE": 4}, replayed=3, vanished=2)
CALLS = {"held ok": 42, "ordered ok": 12, "held fail": 6, "read hold ok": 3, "read order ok": 1, "held info": 2}


def check_each_lack_is_found() -> None:
    assert unrecorded(FIGURES, Tally(CALLS)) == []
    for changes, count in (
        ({"held ok": 41}, 0),
        ({"held ok": 43}, 0),
        ({"held ok": 40}, 1),
        ({"held ok": 44}, 1),
        ({"read hold ok": 2}, 1),
        ({"read order ok": 2}, 1),
        ({"held fail": 4}, 1),
    ):
        assert len(unrecorded(FIGURES, Tally(CALLS | changes))) == count, changes
    assert len(unrecorded(FIGURES, Tally())) == 3, "there is no history"


def test_what_was_counted_and_is_in_no_history_is_found_and_what_nobody_counted() -> None:
    check_each_lack_is_found()


def test_control_a_comparison_that_is_left_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounted, "_outside", lambda *_: [])
    with pytest.raises(AssertionError):
        check_each_lack_is_found()


def test_of_baskets_it_is_exact(tmp_path: Path) -> None:
    crowd = BasketCrowd(Server("http://127.0.0.1:1", "", "", "", ""), tmp_path)
    crowd.accepted, crowd.seen = Counter({Told.HELD: 5, Told.EXCHANGED: 1}), Counter({"ACTIVE": 2})
    calls = {"held ok": 5, "exchanged ok": 1, "read hold ok": 2, "held fail": 1}
    assert unrecorded_baskets(crowd, Tally(calls)) == []
    for changes in ({"held ok": 4}, {"held ok": 6}, {"read hold ok": 1}):
        assert len(unrecorded_baskets(crowd, Tally(calls | changes))) == 1, changes


def test_a_load_adds_up_all_turns_that_have_ended(tmp_path: Path) -> None:
    load = Load(Server("http://127.0.0.1:1", "", "", "", ""), tmp_path)
    for figures in (FIGURES, None, FIGURES):
        turn = Turn.__new__(Turn)
        turn.figures = figures
        load._turns.append(turn)
    assert (load.figures.write_count, load.figures.refused) == (100, {"UNITS_SOLD": 10})

"""In some seeds what is kept for minutes or a day is soon forgotten, on both sides, and the checks know when."""

import sys
from collections import Counter
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from actors.audit.ids import HOLD, WAITER
from actors.core import entries as e
from actors.core.ids import BlockId
from actors.core.keys import ENDED_HOLD_KEPT_MS
from actors.core.state import BlockState
from actors.core.wishes import Wish
from actors.journal.codec import encode_entries
from actors.journal.journal import JournalRow
from tests.simulation import folding
from tests.simulation import short_lives as lives
from tests.simulation.buyers import DEADLINE_MS
from tests.simulation.faults import CLASSIC, Fault, drawn
from tests.simulation.runs import simulate
from tests.simulation.short_lives import CLOCKS, FORGOTTEN, KEYS, drawn_lives, short_lives

NAMES = ("HOLD_KEY_KEPT_MS", "ORDER_KEY_KEPT_MS", "ENDED_HOLD_KEPT_MS", "OTHER_KEY_KEPT_MS", "BARRED_MS")


def _lives() -> dict[tuple[str, str], int]:
    """Of every shipped module that knows one, and of the checks."""
    return {
        (module, name): getattr(known, name)
        for module, known in sys.modules.items()
        if module.startswith(("actors.", "loadtests.history.", "serve."))
        for name in NAMES
        if hasattr(known, name)
    }


def test_all_lives_are_short_on_both_sides_and_none_stays_so() -> None:
    shipped = _lives()
    assert len(shipped) >= 16
    with short_lives(is_short=False):
        assert _lives() == shipped
    with short_lives(is_short=True):
        short = _lives()
    assert all(short[which] < shipped[which] for which in shipped), "a module knows one that is not shortened"
    assert len({short[which] for which in short if which[1] != "HOLD_KEY_KEPT_MS"}) == 1
    assert _lives() == shipped


def test_a_key_outlives_every_command_under_it() -> None:
    assert DEADLINE_MS + lives.PATIENCE_MS <= lives.HOLD_KEY_KEPT_MS < lives.KEPT_MS


def test_about_a_quarter_of_the_seeds_have_short_lives_and_no_clock_jumps_in_them() -> None:
    on = [drawn(Random(f"faults {seed}")) for seed in range(400)]
    short = [faults for seed, faults in enumerate(on) if drawn_lives(Random(f"lives {seed}"), faults)]
    assert 60 < len(short) < 140
    assert not any(faults & CLOCKS for faults in short)
    assert not drawn_lives(Random(1), frozenset({Fault.JOURNAL_CLOCK}))


@pytest.mark.long
def test_what_is_forgotten_is_counted() -> None:
    forgotten = Counter[bool]()
    for seed in range(4):
        judged = simulate(seed, faults=frozenset(CLASSIC)).judged
        is_short = drawn_lives(Random(f"lives {seed}"), frozenset(CLASSIC))
        assert is_short or not any(judged[what] for what in FORGOTTEN)
        forgotten[is_short] += judged[KEYS]
    assert forgotten[True] > 100


def test_a_waiter_is_forgotten_before_the_hold_of_the_same_number() -> None:
    block, number, ended_ms = BlockId("b"), 7, 9_000
    entries: list[e.Entry] = [
        e.WaiterJoined(1_000, number, "ana", Wish(("A/1/4",)), b"k" * 16, b"f" * 16),
        e.HoldExpired(ended_ms, number),
    ]
    rows = [cast("JournalRow", SimpleNamespace(entries=encode_entries(entries)))]
    folds = cast("folding.Folds", SimpleNamespace(of=lambda _: BlockState()))
    mentions = lives.Mentions({block: rows}, folds)
    late_ms = 1_000 + ENDED_HOLD_KEPT_MS
    forgotten = {kind: mentions.may_be_forgotten(kind, block, number, late_ms) for kind in (WAITER, HOLD)}
    assert forgotten == {WAITER: True, HOLD: False}
    assert mentions.may_be_forgotten(HOLD, block, number, ended_ms + ENDED_HOLD_KEPT_MS)

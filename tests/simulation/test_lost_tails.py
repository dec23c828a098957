"""What a lost end of the journal excuses between blocks is what its rows were about, and nothing else."""

import pytest

from actors.audit.findings import Fault, Finding
from actors.core import entries as e
from actors.core.baskets import LegPlan
from actors.core.ids import BlockId
from actors.core.wishes import Wish
from actors.journal.codec import encode_entries
from actors.journal.journal import JournalRow
from tests.simulation.lost_tails import Excuses

DESK, HALL, PART = BlockId("desk000000000000"), BlockId("hall000000000000"), BlockId("part000000000000")
BASKET, LEGS, OTHER = 700, (801, 802), 803
KEY = b"a key of 16 byte"
MEANT = e.BasketIntended(
    1, "arena", BASKET, "ana", tuple(LegPlan(HALL, leg, Wish(("A/1/1",))) for leg in LEGS), 1, 1, KEY, KEY
)


def covers(lost: dict[BlockId, e.Entry], fault: Fault, sentence: str, block: str = HALL) -> bool:
    """Whether that is excused, when these entries were lost and the intent was not."""
    kept = {DESK: [_row(DESK, MEANT)]}
    gone = {where: [_row(where, entry)] for where, entry in lost.items()}
    return Excuses(kept, gone).covers(Finding(block, 1, fault, sentence))


def _row(block: BlockId, entry: e.Entry) -> JournalRow:
    return JournalRow(block, 1, 1, 1, 1, encode_entries([entry]), b"")


@pytest.mark.parametrize(
    ("lost", "excused"),
    [
        ({HALL: e.LegReleased(1, LEGS[0], 2, ())}, {LEGS[0]}),
        ({DESK: e.LegAcknowledged(1, LEGS[1], 2)}, {LEGS[1]}),
        ({DESK: MEANT}, set(LEGS)),
        ({DESK: e.BasketDropped(1, BASKET)}, set(LEGS)),
        ({DESK: e.HoldReleased(1, BASKET, KEY, KEY)}, set(LEGS)),
        ({HALL: e.HoldReleased(1, OTHER, KEY, KEY)}, set()),
        ({}, set()),
    ],
)
def test_only_legs_that_a_lost_row_was_about_are_excused(lost: dict[BlockId, e.Entry], excused: set[int]) -> None:
    found = {leg for leg in (*LEGS, OTHER) if covers(lost, Fault.LEG_MISSING, f"leg {leg} in {HALL}")}
    assert found == excused
    excuses = Excuses({DESK: [_row(DESK, MEANT)]}, {where: [_row(where, entry)] for where, entry in lost.items()})
    assert {leg for leg in (*LEGS, OTHER) if excuses.may_have_lost(leg)} == excused


def test_nothing_within_a_block_is_excused_nor_another_part() -> None:
    lost: dict[BlockId, e.Entry] = {HALL: e.LegReleased(1, LEGS[0], 2, ()), PART: e.SaleOpened(1, KEY, KEY)}
    assert covers(lost, Fault.PART_DIFFERS, "at revision 3", PART)
    assert not covers(lost, Fault.PART_DIFFERS, "at revision 3", HALL)
    for fault in (Fault.UNIT_CLAIMED_TWICE, Fault.KEY_USED_TWICE, Fault.LEG_UNKNOWN, Fault.OVER_LIMIT):
        assert not covers(lost, fault, f"leg {LEGS[0]} of {PART}")

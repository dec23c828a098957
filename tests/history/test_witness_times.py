"""What is told of deadlines is held against the time, as long as the clocks have to do with each other."""

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from loadtests.history.calls import Call, Kind
from loadtests.history.tally import Tally
from loadtests.history.timed import Timed
from loadtests.history.witness import Witness
from tests.history.notes import fail, ok
from tests.loadtests.journals import HOLD_TTL_MS, START_MS, Journal, Shop, made_event

A, B = ("A/1/1",), ("A/1/2",)
HELD_ROW, NEXT_ROW = 4, 5
LONG_AFTER_US = (START_MS + 100 * HOLD_TTL_MS) * 1000


def _journal(next_after_ms: int) -> Journal:
    """Of a hold, and of another, so long after the first by its own clock."""
    shop = Shop()
    made_event(shop)
    shop.hold(1, A)
    shop.commit()
    shop.now_ms += next_after_ms
    shop.hold(2, B)
    shop.commit()
    return shop.journal()


def _expired(after_ms: int) -> list[Call]:
    """Somebody is told so long after the hold was placed that it is over; then the other is asked for."""
    at_ms = START_MS + after_ms
    return [
        ok(Kind.HOLD, 1, (START_MS, START_MS + 1), "hold 1", units=A),
        fail(Kind.ORDER, 1, (at_ms, at_ms + 1), "HOLD_EXPIRED"),
        ok(Kind.HOLD, 2, (at_ms + 2, at_ms + 9), "hold 2", units=B),
    ]


def _watched(
    journal: Journal, calls: list[Call], timed: Timed | None, tolerance_ms: int | None = 1_000
) -> tuple[list[Fault], Tally]:
    witness = Witness(journal.block, calls, LONG_AFTER_US, tolerance_ms, timed=timed)
    audit = BlockAudit(journal.block, watcher=witness)
    found = [finding.fault for row in journal.rows() for finding in audit.take(row)]
    return [*found, *(finding.fault for finding in audit.finish())], witness.tally


def _before(after_ms: int, row: int) -> Timed:
    return Timed((START_MS + after_ms) * 1000, row)


def test_what_is_told_of_a_deadline_before_the_clocks_part_is_held_against_the_time() -> None:
    journal, early = _journal(HOLD_TTL_MS + 1), _expired(20_000)
    wrong, none = [Fault.REFUSED_WRONGLY], list[Fault]()
    assert _watched(journal, early, None)[0] == wrong
    assert _watched(journal, early, _before(30_000, HELD_ROW))[0] == wrong
    for timed, tolerance_ms in ((_before(10_000, HELD_ROW), 1_000), (None, None)):
        found, tally = _watched(journal, early, timed, tolerance_ms)
        assert (found, tally.untimed, tally.unchecked) == (none, 1, 0)


def test_control_the_time_of_a_row_of_after_that_says_nothing_of_when_the_state_before_it_ended() -> None:
    journal, right = _journal(HOLD_TTL_MS - 5_000), _expired(HOLD_TTL_MS + 2_000)
    until_ms = HOLD_TTL_MS + 3_000
    assert _watched(journal, right, _before(until_ms, HELD_ROW))[0] == []
    assert _watched(journal, right, _before(until_ms, NEXT_ROW))[0] == [Fault.REFUSED_WRONGLY]

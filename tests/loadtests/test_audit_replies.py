"""The audit holds what clients were told, and what the server says it owes, against the journal."""

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.audit.replies import Acknowledged, Told, by_block
from actors.core import entries as e
from actors.core import lots, tickets
from actors.core.ids import Kind, outside_id
from actors.core.state import Hold
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.basket_shops import DESK
from tests.loadtests.journals import BLOCK, Journal, Spoil, audit, clean_journal, faults, made_journal

DIGEST = Fault.DIGEST_DIFFERS


def _reply(journal: Journal, told: Told, number: int) -> tuple[int, Acknowledged]:
    """Index and text of what was told of the hold or order of this number."""
    kind = Kind.HOLD if told in (Told.HELD, Told.EXTENDED, Told.RELEASED) else Kind.ORDER
    about = told, outside_id(kind, BLOCK, number)
    return next((index, reply) for index, reply in enumerate(journal.replies) if (reply.told, reply.id) == about)


def _change(journal: Journal, told: Told, number: int, **changes: object) -> None:
    index, reply = _reply(journal, told, number)
    journal.replies[index] = msgspec.structs.replace(reply, **changes)


def lost_hold(journal: Journal) -> None:
    """A client holds a reply for which there is no entry."""
    _, reply = _reply(journal, Told.HELD, 1)
    journal.replies.append(msgspec.structs.replace(reply, id=outside_id(Kind.HOLD, BLOCK, 77)))


def lost_cancellation(journal: Journal) -> None:
    """Another order was cancelled than the one that the client was told of."""
    journal.change(e.OrderCancelled, {"order": 108}, order=107)


def reply_before_its_row(journal: Journal) -> None:
    index, reply = _reply(journal, Told.CANCELLED, 108)
    journal.replies[index] = msgspec.structs.replace(reply, position=reply.position - 1)


def other_units(journal: Journal) -> None:
    _change(journal, Told.HELD, 1, units=("A/1/1", "A/1/6"))


def other_units_the_second_time(journal: Journal) -> None:
    """The same hold is acknowledged again, under its own key, with one seat more."""
    _, reply = _reply(journal, Told.HELD, 1)
    journal.replies.append(msgspec.structs.replace(reply, units=(*reply.units, "A/1/6")))


def one_unit_named_twice(journal: Journal) -> None:
    _, reply = _reply(journal, Told.HELD, 1)
    _change(journal, Told.HELD, 1, units=(*reply.units, reply.units[0]))


def other_places(journal: Journal) -> None:
    _change(journal, Told.ORDERED, 107, areas=(("floor", 6),))


def another_price(journal: Journal) -> None:
    _, reply = _reply(journal, Told.CONFIRMED, 101)
    _change(journal, Told.CONFIRMED, 101, total_minor=reply.total_minor + 1)


def another_deadline(journal: Journal) -> None:
    _, reply = _reply(journal, Told.HELD, 1)
    _change(journal, Told.HELD, 1, expires_at_ms=reply.expires_at_ms + 1)


def another_deadline_of_an_extension(journal: Journal) -> None:
    _, reply = _reply(journal, Told.EXTENDED, 4)
    _change(journal, Told.EXTENDED, 4, expires_at_ms=reply.expires_at_ms + 1)


def another_hold_of_an_order(journal: Journal) -> None:
    _change(journal, Told.ORDERED, 101, hold_id=outside_id(Kind.HOLD, BLOCK, 2))


def answers_given_to_each_other(journal: Journal) -> None:
    """Two buyers each get what the other one holds; both holds are in the journal."""
    for number, key in ((3, "hold 5"), (5, "hold 3")):
        _change(journal, Told.HELD, number, key=key)


def one_hold_for_two_buyers(journal: Journal) -> None:
    """Whoever asked under another key is told of a hold that exists, and is somebody else's."""
    _, reply = _reply(journal, Told.HELD, 1)
    journal.replies.append(msgspec.structs.replace(reply, key="somebody else's"))


def cancellation_that_nobody_asked_for(journal: Journal) -> None:
    _change(journal, Told.CANCELLED, 108, key="of another request")


def wrong_digest(journal: Journal) -> None:
    journal.live = msgspec.structs.replace(journal.live, ledger_digest=bytes(32))


def live_ahead(journal: Journal) -> None:
    journal.live = msgspec.structs.replace(journal.live, entries_applied=journal.live.entries_applied + 1)


def live_behind_its_row(journal: Journal) -> None:
    journal.live = msgspec.structs.replace(journal.live, position=journal.live.position - 1)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lost_hold, {Fault.REPLY_NOT_IN_JOURNAL}),
        (lost_cancellation, {Fault.REPLY_NOT_IN_JOURNAL, DIGEST}),
        (reply_before_its_row, {Fault.REPLY_AHEAD_OF_JOURNAL}),
        (other_units, {Fault.REPLY_DIFFERS}),
        (other_units_the_second_time, {Fault.REPLY_DIFFERS}),
        (one_unit_named_twice, {Fault.REPLY_DIFFERS}),
        (other_places, {Fault.REPLY_DIFFERS}),
        (another_price, {Fault.REPLY_DIFFERS}),
        (another_deadline, {Fault.REPLY_DIFFERS}),
        (another_deadline_of_an_extension, {Fault.REPLY_DIFFERS}),
        (another_hold_of_an_order, {Fault.REPLY_DIFFERS}),
        (answers_given_to_each_other, {Fault.REPLY_OF_ANOTHER_KEY}),
        (one_hold_for_two_buyers, {Fault.REPLY_OF_ANOTHER_KEY}),
        (cancellation_that_nobody_asked_for, {Fault.REPLY_OF_ANOTHER_KEY}),
        (wrong_digest, {DIGEST}),
        (live_ahead, {Fault.DIGEST_AHEAD_OF_JOURNAL}),
        (live_behind_its_row, {Fault.DIGEST_AHEAD_OF_JOURNAL}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(spoil: Spoil, expected: set[Fault]) -> None:
    journal = clean_journal()
    spoil(journal)
    assert faults(audit(journal)) == expected


def test_an_extension_told_again_is_known_by_its_key() -> None:
    """A hold is extended twice; a replay tells the deadline as it is by then, which is no fault."""
    journal = clean_journal()
    index, reply = _reply(journal, Told.EXTENDED, 4)
    row, place = journal.find(e.HoldExtended)
    first = journal.drafts[row].entries[place]
    assert isinstance(first, e.HoldExtended)
    again = msgspec.structs.replace(first, key=b"of the second".ljust(16))
    journal.drafts[row].entries.insert(place, again)
    journal.live = msgspec.structs.replace(journal.live, entries_applied=journal.live.entries_applied + 1)
    journal.replies[index] = msgspec.structs.replace(reply, expires_at_ms=0)
    assert audit(journal) == []


@pytest.mark.parametrize("told", [Told.HELD, Told.ORDERED, Told.CONFIRMED, Told.EXCHANGED, Told.CANCELLED])
@pytest.mark.parametrize("changes", [{"units": ("A/1/1",)}, {"areas": (("floor", 9),)}, {"total_minor": 1}])
def test_a_basket_told_otherwise_is_found(told: Told, changes: dict[str, object]) -> None:
    desk, *_ = basket_journals()
    assert audit(desk) == []
    _change_told(desk, told, changes)
    assert faults(audit(desk)) == {Fault.REPLY_DIFFERS}


@pytest.mark.parametrize(
    ("told", "changes", "expected"),
    [
        (Told.HELD, {"expires_at_ms": 1}, Fault.REPLY_DIFFERS),
        (Told.HELD, {"key": "somebody else's"}, Fault.REPLY_OF_ANOTHER_KEY),
        (Told.EXCHANGED, {"key": "somebody else's"}, Fault.REPLY_NOT_IN_JOURNAL),
        (Told.HELD, {"id": outside_id(Kind.HOLD, DESK, 77)}, Fault.REPLY_NOT_IN_JOURNAL),
    ],
)
def test_what_was_told_of_a_basket_is_held_against_its_desk(
    told: Told, changes: dict[str, object], expected: Fault
) -> None:
    desk, *_ = basket_journals()
    _change_told(desk, told, changes)
    assert by_block(desk.replies).keys() == {DESK}
    assert faults(audit(desk)) == {expected}


def _change_told(journal: Journal, told: Told, changes: dict[str, object]) -> None:
    index = next(index for index, reply in enumerate(journal.replies) if reply.told is told)
    journal.replies[index] = msgspec.structs.replace(journal.replies[index], **changes)


def test_tickets_that_are_more_than_the_units_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tickets are in no entry: the server's digest is what gives them away."""
    sound = lots.unit_count

    def one_more(hold: Hold) -> int:
        return sound(hold) + 1

    monkeypatch.setattr(tickets, "unit_count", one_more)
    assert faults(audit(made_journal())) == {DIGEST}


def test_the_digest_tells_when_the_fold_forgets_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the digest: an activation that moves no deadline shows."""
    monkeypatch.setattr("actors.audit.holds.check_outage", lambda *_, **__: None)
    assert DIGEST in faults(audit(clean_journal()))

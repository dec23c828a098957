"""What a desk refuses for a table that would be torn, by what its baskets have of tables: hand-made."""

from collections.abc import Callable, Mapping
from functools import cache

import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.audit.ids import ORDER, id_of
from actors.core import entries as e
from loadtests.history import of_tickets
from loadtests.history.calls import Call, Kind
from loadtests.history.tally import Tally
from loadtests.history.witness import Witness
from tests.history.notes import fail
from tests.loadtests.basket_shops import DESK
from tests.loadtests.split_planting import Journals
from tests.loadtests.test_audit_basket_orders import tickets_of

CANCEL, EXCHANGE = Kind.CANCEL_PARTLY, Kind.EXCHANGE


@cache
def journals() -> Journals:
    """Order 101 is on a basket with a table."""
    return Journals()


def table() -> tuple[int, ...]:
    """The tickets of the table."""
    return tickets_of(journals(), 1, "T/")


def names(tickets: tuple[int, ...]) -> tuple[str, ...]:
    """The units of these tickets."""
    desk = journals().desk
    row, place = desk.find(e.BasketSettled, basket=1)
    settled = desk.drafts[row].entries[place]
    assert isinstance(settled, e.BasketSettled)
    all_names = [name for leg in settled.held for name in leg.ticket_names]
    return tuple(all_names[ticket] for ticket in tickets)


def refused(kind: Kind, tickets: tuple[int, ...], *units: str, named: tuple[str, ...] = ()) -> Call:
    """As if that would tear a table."""
    about = id_of(ORDER, DESK, 101)
    call = fail(kind, 0, (12, 15), "TABLE_NOT_WHOLE", block=DESK, tickets=tickets, units=units, named=named)
    return msgspec.structs.replace(call, id=about)


def watched(call: Call) -> tuple[list[Fault], Tally]:
    """What the desk's journal says of it."""
    witness = Witness(DESK, [call], 10_000_000, tolerance_ms=None)
    audit = BlockAudit(DESK, watcher=witness)
    found = [finding.fault for row in journals().desk.rows() for finding in audit.take(row)]
    return [*found, *(finding.fault for finding in audit.finish())], witness.tally


@pytest.mark.parametrize("kind", [CANCEL, EXCHANGE])
def test_a_part_of_a_table_is_not_given_back(kind: Kind) -> None:
    for named in ((), names(table()[1:])):
        found, tally = watched(refused(kind, table()[:1], named=named))
        assert (found, tally.vague, tally.unchecked) == ([], 0, 0)


def others() -> tuple[int, ...]:
    """The tickets of single seats."""
    return tickets_of(journals(), 1, "A/")


FALSE: Mapping[str, Callable[[Kind], Call]] = {
    "a seat": lambda kind: refused(kind, others()[:1]),
    "the whole table": lambda kind: refused(kind, table()),
    "what is not left": lambda kind: refused(kind, table()[:1], named=names(table()[:1])),
    "for a seat": lambda kind: refused(kind, others()[:1], "A/2/7", named=("T/t2/1",)),
}


@pytest.mark.parametrize("kind", [CANCEL, EXCHANGE])
@pytest.mark.parametrize("name", FALSE)
def test_no_other_ticket_tears_it(name: str, kind: Kind) -> None:
    found, tally = watched(FALSE[name](kind))
    assert (found, tally.vague) == ([Fault.REFUSED_WRONGLY], 0)


def test_what_an_event_may_have_said_of_what_is_wished_for_its_desk_does_not_know() -> None:
    found, tally = watched(refused(EXCHANGE, others()[:1], "T/t2/1", named=("T/t2/2",)))
    assert (found, tally.vague) == ([], 1)


def test_control_with_all_of_it_left_a_false_one_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_tickets, "_left_at_tables", lambda *_: {"T/t2/1"})
    assert watched(FALSE["for a seat"](CANCEL))[0] == []

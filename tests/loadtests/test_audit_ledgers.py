"""The audit finds each planted fault in what ledgers of a split event count, and what is charged once of it."""

from itertools import cycle

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.wishes import AreaPlaces, Wish
from actors.reservations.divisions import Division
from tests.loadtests.journals import audit_together, faults
from tests.loadtests.split_planting import Journals, Plant
from tests.loadtests.split_shops import HOME, LEDGERS, SPLIT_RULES, SplitShops

# Ledgers against baskets. Basket 7 is fay's: leg 72 at the tables, 73 in her ledger.


def nobody_counts(journals: Journals) -> None:
    """Nor is there a leg that would."""
    journals.change_leg(7, 72, {"counted_by": ""}, {"counted_by": ""})


def counted_by_who_is_not_asked(journals: Journals) -> None:
    journals.change_leg(7, 72, {"counted_by": LEDGERS[1]}, {"counted_by": LEDGERS[1]})


def ledger_counts_more(journals: Journals) -> None:
    more = Wish(areas=(AreaPlaces("units", 2),))
    journals.change_leg(7, 73, {"counts": 2, "wish": more}, {"counts": 2})


def ledger_wishes_for_more(journals: Journals) -> None:
    journals.change_leg(7, 73, {"wish": Wish(areas=(AreaPlaces("units", 2),))}, {})


def held_counts_otherwise(journals: Journals) -> None:
    journals.change_leg(7, 73, {}, {"counts": 2})


def held_is_counted_otherwise(journals: Journals) -> None:
    journals.change_leg(7, 72, {}, {"counted_by": ""})


def ledger_has_tickets(journals: Journals) -> None:
    journals.change_leg(7, 73, {}, {"areas": (AreaPlaces("units", 1),)})


def ledger_that_is_counted(journals: Journals) -> None:
    journals.change_leg(7, 73, {"counted_by": LEDGERS[0]}, {"counted_by": LEDGERS[0]})


def held_of_another_event(journals: Journals) -> None:
    journals.change_leg(7, 72, {}, {"home": ""})


def ledger_pinned_more(journals: Journals) -> None:
    journals.first.change(e.LegPinned, {"leg": 73}, areas=((0, 2),), prices=((0, 2, 0),))


def charged_twice(journals: Journals) -> None:
    """Basket 8's first leg is charged what is charged once, and its second as well."""
    at = journals.desk.find(e.BasketSettled, basket=8)
    settled = journals.desk.drafts[at[0]].entries[at[1]]
    assert isinstance(settled, e.BasketSettled)
    assert settled.held[0].once is not None
    journals.change_leg(8, settled.held[1].leg, {}, {"once": settled.held[0].once})


def never_charged(journals: Journals) -> None:
    at = journals.desk.find(e.BasketSettled, basket=8)
    settled = journals.desk.drafts[at[0]].entries[at[1]]
    assert isinstance(settled, e.BasketSettled)
    journals.change_leg(8, settled.held[0].leg, {}, {"once": None})


def lives_for_ever(journals: Journals) -> None:
    journals.desk.change(e.BasketIntended, {"basket": 7}, life_ms=86_400_001)


def lives_for_less(journals: Journals) -> None:
    journals.desk.change(e.BasketIntended, {"basket": 7}, life_ms=30_000)


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (nobody_counts, Fault.COUNTED_WRONGLY),
        (counted_by_who_is_not_asked, Fault.BASKET_MALFORMED),
        (ledger_counts_more, Fault.COUNTED_WRONGLY),
        (ledger_wishes_for_more, Fault.BASKET_MALFORMED),
        (held_counts_otherwise, Fault.BASKET_MALFORMED),
        (held_is_counted_otherwise, Fault.BASKET_MALFORMED),
        (ledger_has_tickets, Fault.BASKET_MALFORMED),
        (ledger_that_is_counted, Fault.BASKET_MALFORMED),
        (held_of_another_event, Fault.LEG_DIFFERS),
        (ledger_pinned_more, Fault.COUNTED_WRONGLY),
        (charged_twice, Fault.BASKET_MALFORMED),
        (never_charged, Fault.LEG_DIFFERS),
        (lives_for_ever, Fault.BASKET_MALFORMED),
        (lives_for_less, Fault.DEADLINE_WRONG),
    ],
)
def test_what_is_counted_or_charged_otherwise_is_found(plant: Plant, expected: Fault) -> None:
    journals = Journals()
    plant(journals)
    journals.desk.replies.clear()
    assert expected in journals.found()


# What a buyer has of all parts.


def _held_twice(limit: int) -> set[Fault]:
    """What is found where ana has two seats twice."""
    shops = SplitShops(msgspec.structs.replace(SPLIT_RULES, max_per_buyer=limit))
    shops.open()
    shops.hold(1, {HOME: Wish(("A/1/1", "A/1/2"))})
    shops.hold(2, {HOME: Wish(("A/1/3", "T/t1/1"))})
    shops.commit()
    return faults(audit_together(shops.journals()))


def test_what_a_buyer_may_have_is_not_found() -> None:
    assert _held_twice(4) == set()


def test_what_a_buyer_has_in_all_parts_together_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ledger counts as it should, but the buyer has two."""
    ledgers = cycle(LEDGERS)
    monkeypatch.setattr(Division, "_ledger_of", lambda *_: next(ledgers))
    assert _held_twice(3) == {Fault.OVER_LIMIT}

"""The audit finds each planted fault in an event that is split, and in its parts."""

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.core import commands as c
from actors.core import entries as e
from actors.core.parts import Part
from actors.core.replies import EventStatus
from actors.core.rules import WaitingList
from actors.core.wishes import Wish
from tests.loadtests.journals import KEY, PRINT, Journal, audit_together, faults
from tests.loadtests.split_planting import LAST, Journals, Plant
from tests.loadtests.split_shops import HOME, LEDGERS, PARTS, PLAIN, SPLIT_RULES, STALLS, TABLES, SplitShops


def test_what_is_right_is_not_found() -> None:
    journals = Journals()
    journals.follow(journals.tables)
    assert journals.found() == set()
    for journal in journals.all:
        assert audit_together([journal], whole=False) == []


# The event itself.


def split(**changes: object) -> Plant:
    def plant(journals: Journals) -> None:
        journals.home.change(e.EventCreated, {}, **changes)

    return plant


def section_in_two_parts(journals: Journals) -> None:
    split(parts=(*PARTS[:2], Part("elsewhere", ("A",)), *PARTS[2:]))(journals)


def part_of_an_unknown_section(journals: Journals) -> None:
    split(parts=(*PARTS, Part("elsewhere", ("Z",))))(journals)


def two_parts_in_one_block(journals: Journals) -> None:
    split(parts=(*PARTS, PARTS[-1]))(journals)


def seats_of_a_part_edited(journals: Journals) -> None:
    sections = (
        msgspec.structs.replace(section, rows=section.rows[1:]) if section.name == "T" else section
        for section in LAST.sections
    )
    journals.edit(layout=msgspec.structs.replace(LAST, sections=tuple(sections)))


def waiting_list_for_a_split_event(journals: Journals) -> None:
    journals.edit(rules=msgspec.structs.replace(SPLIT_RULES, waiting_list=WaitingList(60_000)))


def limit_that_nobody_counted(journals: Journals) -> None:
    journals.edit(rules=msgspec.structs.replace(SPLIT_RULES, max_per_buyer=0), key=bytes(16))
    journals.edit(rules=SPLIT_RULES)


def held_by_itself(journals: Journals) -> None:
    """Without its fee, for brevity."""
    at_ms = journals.now_ms
    entry = e.HoldPlaced(
        at_ms, 99, "zoe", (), ((0, 1),), ((0, 1, 2_007),), at_ms + 60_000, at_ms + 1_800_000, KEY, PRINT
    )
    journals.home.add(entry)


def waited_for(journals: Journals) -> None:
    journals.stalls.add(e.WaiterJoined(journals.now_ms, 99, "zoe", Wish(("A/1/1",)), KEY, PRINT))


def part_opened_by_itself(journals: Journals) -> None:
    journals.stalls.add(e.SaleOpened(journals.now_ms, KEY, PRINT))


def part_cancelled_by_itself(journals: Journals) -> None:
    journals.tables.add(e.StatusChanged(journals.now_ms, EventStatus.CANCELLED, KEY, PRINT))


def plain_event_becomes_a_part(journals: Journals) -> None:
    at = journals.stalls.find(e.EventFollowed)
    entry = journals.stalls.drafts[at[0]].entries[at[1]]
    assert isinstance(entry, e.EventFollowed)
    journals.plain.add(msgspec.structs.replace(entry, at_ms=journals.now_ms))


def desk_becomes_a_part(journals: Journals) -> None:
    at = journals.stalls.find(e.EventFollowed)
    entry = journals.stalls.drafts[at[0]].entries[at[1]]
    assert isinstance(entry, e.EventFollowed)
    journals.desk.add(msgspec.structs.replace(entry, at_ms=journals.now_ms))


def part_of_another_event(journals: Journals) -> None:
    journals.follow(journals.tables, home=PLAIN)


def part_of_another_tenants_event(journals: Journals) -> None:
    journals.follow(journals.tables, tenant="somebody else")


def part_begins_without_rules(journals: Journals) -> None:
    journals.second.change(e.EventFollowed, {}, rules=None)


def followed_an_older_revision(journals: Journals) -> None:
    journals.follow(journals.tables, revision=4, layout=None)


def unknown_part_followed(journals: Journals) -> None:
    journals.home.add(e.PartFollowed(journals.now_ms, PLAIN, journals.revision))


def acknowledged_twice(journals: Journals) -> None:
    journals.home.add(e.PartFollowed(journals.now_ms, TABLES, journals.revision - 1))


def acknowledged_what_is_yet_to_be(journals: Journals) -> None:
    journals.home.add(e.PartFollowed(journals.now_ms, STALLS, journals.revision + 1))


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (section_in_two_parts, {Fault.SPLIT_WRONG}),
        (part_of_an_unknown_section, {Fault.SPLIT_WRONG}),
        (two_parts_in_one_block, {Fault.SPLIT_WRONG}),
        (seats_of_a_part_edited, {Fault.SPLIT_WRONG, Fault.UNIT_ASTRAY}),
        (waiting_list_for_a_split_event, {Fault.SPLIT_WRONG}),
        (limit_that_nobody_counted, {Fault.SPLIT_WRONG}),
        (held_by_itself, {Fault.HELD_ALONE, Fault.PRICE_WRONG}),
        (waited_for, {Fault.HELD_ALONE, Fault.WAITER_MALFORMED}),
        (part_opened_by_itself, {Fault.EVENT_ILLEGAL}),
        (part_cancelled_by_itself, {Fault.EVENT_ILLEGAL}),
        (plain_event_becomes_a_part, {Fault.EVENT_ILLEGAL}),
        (desk_becomes_a_part, {Fault.EVENT_ILLEGAL}),
        (part_of_another_tenants_event, {Fault.EVENT_ILLEGAL}),
        (followed_an_older_revision, {Fault.REVISION_WRONG, Fault.PART_DIFFERS, Fault.PART_BEHIND}),
        (unknown_part_followed, {Fault.PART_ASTRAY}),
        (acknowledged_twice, {Fault.REVISION_WRONG}),
        (acknowledged_what_is_yet_to_be, {Fault.REVISION_WRONG, Fault.PART_BEHIND}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(plant: Plant, expected: set[Fault]) -> None:
    journals = Journals()
    plant(journals)
    assert journals.found() == expected


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (part_of_another_event, Fault.EVENT_ILLEGAL),
        (part_begins_without_rules, Fault.EVENT_ILLEGAL),
    ],
)
def test_a_planted_fault_is_found_among_what_follows_from_it(plant: Plant, expected: Fault) -> None:
    journals = Journals()
    plant(journals)
    assert expected in journals.found()


# Parts against their event.


def follows(**changes: object) -> Plant:
    def plant(journals: Journals) -> None:
        journals.follow(journals.tables, **changes)

    return plant


def follows_what_is_yet_to_be(journals: Journals) -> None:
    journals.follow(journals.tables, revision=journals.revision + 2)


def follows_with_another_layout(journals: Journals) -> None:
    categories = LAST.categories[:-1]
    section = tuple(one for one in LAST.sections if one.name == "T")
    layout = msgspec.structs.replace(LAST, sections=section, categories=categories, areas=(), resources=())
    journals.follow(journals.tables, layout=msgspec.structs.replace(layout, calendars=()))


def follows_with_what_is_anothers(journals: Journals) -> None:
    sections = tuple(one for one in LAST.sections if one.name in ("T", "H"))
    layout = msgspec.structs.replace(LAST, sections=sections, areas=(), resources=(), calendars=())
    journals.follow(journals.tables, layout=layout)


def ledger_of_too_few(journals: Journals) -> None:
    at = journals.first.find(e.EventFollowed)
    entry = journals.first.drafts[at[0]].entries[at[1]]
    assert isinstance(entry, e.EventFollowed)
    assert entry.layout is not None
    areas = (msgspec.structs.replace(entry.layout.areas[0], capacity=30),)
    journals.first.change(e.EventFollowed, {}, layout=msgspec.structs.replace(entry.layout, areas=areas))


def acknowledged_and_not_followed(journals: Journals) -> None:
    journals.home.add(e.PartFollowed(journals.now_ms, TABLES, journals.revision))


def part_that_the_event_has_not(journals: Journals) -> None:
    split(parts=tuple(part for part in PARTS if part.block != LEDGERS[0]))(journals)


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (follows(), set()),
        (follows(name="A match"), {Fault.PART_DIFFERS}),
        (follows(status=EventStatus.PAUSED), {Fault.PART_DIFFERS}),
        (follows(was_cancelled=True), {Fault.PART_DIFFERS}),
        (follows(hold_ttl_ms=60_000), {Fault.PART_DIFFERS}),
        (follows(rules=SPLIT_RULES), {Fault.PART_DIFFERS}),
        (follows(layout=None), {Fault.PART_DIFFERS}),
        (follows_what_is_yet_to_be, {Fault.PART_DIFFERS}),
        (follows_with_another_layout, {Fault.PART_DIFFERS}),
        (follows_with_what_is_anothers, {Fault.PART_DIFFERS, Fault.UNIT_ASTRAY}),
        (ledger_of_too_few, {Fault.PART_DIFFERS}),
        (acknowledged_and_not_followed, {Fault.PART_BEHIND}),
        (
            part_that_the_event_has_not,
            {Fault.PART_ASTRAY, Fault.COUNTED_WRONGLY},
        ),
    ],
)
def test_a_part_that_is_otherwise_is_found(plant: Plant, expected: set[Fault]) -> None:
    journals = Journals()
    plant(journals)
    assert journals.found() == expected


def cancelled_and_archived() -> tuple[Journal, ...]:
    """A paid basket over all parts, of which two first hear of the cancelled event when it is archived."""
    shops = SplitShops()
    shops.open()
    shops.hold(1, {HOME: Wish(("A/1/1", "T/t2", "H/2/1"))})
    shops.pay(1)
    shops.carry_out()
    home = shops.home
    home.ask(c.ChangeStatus(home.stamp("cancel"), EventStatus.CANCELLED))
    shops.tell(next(part for part in PARTS if part.block == TABLES))
    home.ask(c.ChangeStatus(home.stamp("archive"), EventStatus.ARCHIVED))
    shops.follow()
    for block, shop in shops.events.items():
        for number in list(shop.state.asking):
            shops.ask_desk(block, number)
    shops.carry_out()
    shops.commit()
    assert not any(any(shop.state.inventory.owners) for shop in shops.events.values())
    return shops.journals()


def test_a_part_may_hear_late_that_its_event_was_cancelled() -> None:
    assert audit_together(cancelled_and_archived()) == []


def test_a_part_that_does_not_hear_that_its_event_was_cancelled_is_found() -> None:
    journals = cancelled_and_archived()
    stalls = next(journal for journal in journals if journal.block == STALLS)
    stalls.change(e.EventFollowed, {"status": EventStatus.ARCHIVED}, was_cancelled=False)
    assert Fault.PART_DIFFERS in faults(audit_together(journals))


def test_what_needs_the_event_is_judged_of_both_alone() -> None:
    journals = Journals()
    journals.follow(journals.tables, name="A match")
    assert faults(audit_together([journals.home, journals.tables], whole=False)) == {Fault.PART_DIFFERS}
    assert audit_together([journals.tables], whole=False) == []
    assert Fault.PART_ASTRAY in faults(audit_together([journals.tables]))
    assert Fault.PART_BEHIND in faults(audit_together([journals.home]))

"""Outside ids: round trips, and garbage refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.ids import (
    BLOCK_ID_LENGTH,
    DESKS,
    BlockId,
    Kind,
    TenantId,
    desk_block,
    desks_of,
    event_block,
    event_id,
    outside_id,
    parse_event_id,
    parse_id,
    parse_ticket_id,
    ticket_id,
)

BLOCK = event_block(TenantId("acme"), "k1")
_numbers = st.integers(1, 2**63 - 1)
_blocks = st.builds(event_block, st.text(max_size=9).map(TenantId), st.text(max_size=9))


@given(_blocks, _numbers, st.sampled_from((Kind.HOLD, Kind.ORDER, Kind.WAITER)))
def test_ids_come_back_as_they_went(block: BlockId, number: int, kind: Kind) -> None:
    text = outside_id(kind, block, number)
    assert parse_id(kind, text) == (block, number)
    assert parse_event_id(event_id(block)) == block
    assert len(text) == len(kind) + 1 + 29


@given(st.sets(_numbers, min_size=2, max_size=2))
def test_different_numbers_have_different_ids(numbers: set[int]) -> None:
    first, second = numbers
    assert outside_id(Kind.HOLD, BLOCK, first) != outside_id(Kind.HOLD, BLOCK, second)


@given(_numbers)
def test_ids_are_read_in_one_spelling_only(number: int) -> None:
    text = outside_id(Kind.HOLD, BLOCK, number)
    body = text.removeprefix("hold_")
    variants = (f"hold_{body.upper()}", f" {text}", f"{text}\n", f"{text}0", f"{text}-1", f"hold__{body}", text[:-1])
    assert [variant for variant in variants if variant != text and parse_id(Kind.HOLD, variant)] == []


@given(_blocks, _numbers, st.integers(0, 999_998))
def test_ticket_ids_come_back_as_they_went(block: BlockId, order: int, index: int) -> None:
    assert parse_ticket_id(ticket_id(block, order, index)) == (block, order, index)


@pytest.mark.parametrize("ending", ["", "-", "-0", "-01", "--1", "-1-1", "-1 ", "-\N{FULLWIDTH DIGIT ONE}", "-1000000"])
def test_tickets_are_counted_from_one_in_one_spelling(ending: str) -> None:
    text = ticket_id(BLOCK, 32, 0).removesuffix("-1")
    assert parse_ticket_id(f"{text}-1") == (BLOCK, 32, 0)
    assert parse_ticket_id(f"{text}{ending}") is None
    assert parse_ticket_id(f"{outside_id(Kind.ORDER, BLOCK, 32)}-1") is None


@given(st.text(max_size=60))
def test_garbage_is_no_id(text: str) -> None:
    assert parse_id(Kind.HOLD, text) is None
    assert parse_event_id(text) is None
    assert parse_ticket_id(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "hold_",
        f"hold_{BLOCK}",
        event_id(BLOCK),
        outside_id(Kind.ORDER, BLOCK, 1),
        ticket_id(BLOCK, 1, 0),
        f"hold_{BLOCK}{'z' * 13}",  # over 63 bits
        f"hold_{BLOCK}8{'0' * 12}",  # 2**63
        f"hold_{BLOCK}{'0' * 12}l",  # no letter of the alphabet
        f"hold_{BLOCK}{'0' * 12}\N{FULLWIDTH DIGIT ONE}",
    ],
)
def test_other_texts_are_no_hold_ids(text: str) -> None:
    assert parse_id(Kind.HOLD, text) is None


def test_an_event_id_is_no_hold_id_and_the_other_way_round() -> None:
    assert parse_event_id(outside_id(Kind.HOLD, BLOCK, 1)) is None
    assert parse_event_id(f"event_{BLOCK}0") is None
    assert parse_event_id(f"event_{BLOCK[:-1]}u") is None
    assert parse_id(Kind.HOLD, outside_id(Kind.HOLD, BLOCK, 2**63 - 1)) == (BLOCK, 2**63 - 1)


def test_no_number_is_cut_to_fit() -> None:
    for number in (0, -1, 2**63, 2**65 + 1):
        with pytest.raises(AssertionError):
            outside_id(Kind.HOLD, BLOCK, number)
    assert parse_id(Kind.HOLD, f"hold_{BLOCK}{'0' * 13}") is None
    assert parse_id(Kind.HOLD, f"hold_{BLOCK}{'z' * 13}") is None


def test_an_events_block_derives_from_tenant_and_key() -> None:
    assert event_block(TenantId("acme"), "k1") == BLOCK
    assert len(BLOCK) == BLOCK_ID_LENGTH
    others = {event_block(TenantId(tenant), key) for tenant, key in (("acme", "k2"), ("evil", "k1"), ("acmek", "1"))}
    assert event_block(TenantId("a"), "b\0c") != event_block(TenantId("a\0b"), "c")
    assert len(others | {BLOCK}) == 4


def test_ids_stay_what_they_were() -> None:
    assert event_id(BLOCK) == "event_t3aj435sx3rk7zjx"
    assert outside_id(Kind.HOLD, BLOCK, 1) == f"hold_{BLOCK}0000000000001"
    assert ticket_id(BLOCK, 32, 2) == f"ticket_{BLOCK}0000000000010-3"


def test_a_desk_is_one_of_its_tenants_and_of_nobody_else() -> None:
    desks = desks_of(TenantId("acme"))
    assert len(desks) == DESKS
    assert {desk_block(TenantId("acme"), number.to_bytes(4) + bytes(12)) for number in range(1_000)} == desks
    assert not desks & desks_of(TenantId("acme1"))

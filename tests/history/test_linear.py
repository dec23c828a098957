"""Hand-made histories are judged rightly: those that some order explains, and those that none does."""

from itertools import chain, combinations, permutations
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.history import linear
from loadtests.history.calls import Call, Kind, Outcome, Seen
from loadtests.history.linear import check
from loadtests.history.model import Model
from tests.history.notes import fail, info, ok, order_id, read

A, B = ("A/1/1",), ("A/1/2",)
FLOOR = (("floor", 3),)
MODEL = Model({"floor": 5})
HOLD, RELEASE, ORDER, CONFIRM, CANCEL = Kind.HOLD, Kind.RELEASE, Kind.ORDER, Kind.CONFIRM, Kind.CANCEL
EXTEND, SEE, SEE_ORDER = Kind.EXTEND, Kind.READ_HOLD, Kind.READ_ORDER
FIRST = ok(HOLD, 1, (0, 10), units=A, expires_at_ms=1_000)
BOUGHT = order_id(101)
SOLD = [FIRST, ok(ORDER, 1, (11, 20)), ok(CONFIRM, 101, (21, 30))]

GOOD: dict[str, list[Call]] = {
    "nothing": [],
    "a hold, its release, another hold": [FIRST, ok(RELEASE, 1, (11, 20)), ok(HOLD, 2, (21, 30), units=A)],
    "the release comes first, though it is answered last": [
        FIRST, ok(RELEASE, 1, (11, 50)), ok(HOLD, 2, (12, 20), units=A),
    ],
    "refused in its window": [FIRST, fail(HOLD, 0, (5, 30), "UNITS_HELD", units=A), ok(RELEASE, 1, (11, 20))],
    "refused beside the hold that is answered later": [
        ok(HOLD, 1, (0, 100), units=A), fail(HOLD, 0, (5, 20), "UNITS_HELD", units=A, named=A),
    ],
    "sold": [*SOLD, fail(HOLD, 0, (31, 40), "UNITS_SOLD", units=(*A, *B), named=A)],
    "an answer that was lost, and the units are held": [
        info(HOLD, 0, 0, "lost", units=A, ttl_ms=1_000), fail(HOLD, 0, (50, 60), "UNITS_HELD", units=A),
    ],
    "an answer that was lost, and nothing happened": [
        info(HOLD, 0, 0, "lost", units=A, ttl_ms=1_000), ok(HOLD, 1, (50, 60), units=A),
    ],
    "a lost answer found again under its key": [
        info(HOLD, 0, 0, "k", units=A, ttl_ms=1_000), fail(HOLD, 0, (5, 9), "UNITS_HELD", units=A),
        ok(HOLD, 1, (20, 30), "k", units=A, replayed=True),
    ],
    "what a replayed exchange got is not known": [
        *SOLD, ok(Kind.EXCHANGE, 101, (31, 40), units=B, tickets=(0,), replayed=True),
        fail(HOLD, 0, (41, 50), "UNITS_SOLD", units=B), ok(HOLD, 2, (51, 60), units=A),
    ],
    "tickets given back, and what came instead": [
        *SOLD, ok(Kind.EXCHANGE, 101, (31, 40), units=B, tickets=(0,)), ok(HOLD, 2, (41, 50), units=A),
        fail(HOLD, 0, (51, 60), "UNITS_SOLD", units=B), ok(Kind.CLOSE, 101, (61, 70)),
        read(SEE_ORDER, 101, (71, 80), "COMPLETED"), fail(CANCEL, 101, (81, 90), "ORDER_CLOSED"),
    ],
    "it lives from its first try on": [
        info(HOLD, 0, 0, "k", units=A, ttl_ms=1_000), ok(HOLD, 1, (20, 30), "k", units=A, ttl_ms=1_000, replayed=True),
        read(SEE, 1, (31, 40), "ACTIVE", expires_at_ms=1_005),
    ],
    "it lives by a clock that is a little behind": [
        ok(HOLD, 1, (5_000, 5_010), units=A, ttl_ms=1_000, replayed=True),
        read(SEE, 1, (5_020, 5_030), "ACTIVE", expires_at_ms=5_999),
    ],
    "it takes effect long after it was cut": [
        info(HOLD, 0, 0, "late", units=A, ttl_ms=1_000), ok(HOLD, 1, (10, 20), units=A), ok(RELEASE, 1, (21, 30)),
        fail(HOLD, 0, (40, 50), "UNITS_HELD", units=A),
    ],
    "expired at the edge": [FIRST, read(SEE, 1, (990, 1_000), "EXPIRED")],
    "active at the edge": [FIRST, read(SEE, 1, (1_000, 1_010), "ACTIVE")],
    "held by another when time is up": [
        FIRST, ok(HOLD, 2, (995, 1_001), units=A), read(SEE, 1, (1_002, 1_003), "EXPIRED"),
    ],
    "an unpaid order ends with its hold": [
        *SOLD[:2], ok(HOLD, 2, (1_001, 1_002), units=A), read(SEE_ORDER, 101, (1_003, 1_004), "EXPIRED"),
    ],
    "places": [
        ok(HOLD, 1, (0, 10), areas=FLOOR, expires_at_ms=1_000),
        fail(HOLD, 0, (11, 20), "NOT_ENOUGH_AVAILABLE", areas=FLOOR),
        ok(HOLD, 2, (1_005, 1_010), areas=FLOOR),
    ],
    "turned away": [FIRST, fail(RELEASE, 1, (11, 20), "OVERLOADED"), read(SEE, 1, (21, 30), "ACTIVE")],
    "no longer": [FIRST, ok(RELEASE, 1, (11, 20)), fail(ORDER, 1, (21, 30), "HOLD_RELEASED")],
    "extended": [
        FIRST, ok(EXTEND, 1, (11, 20), expires_at_ms=2_000),
        read(SEE, 1, (1_500, 1_600), "ACTIVE", expires_at_ms=2_000),
    ],
    "refused, and done by the next try": [
        FIRST, fail(HOLD, 0, (11, 15), "UNITS_HELD", "k", units=A), ok(RELEASE, 1, (16, 20)),
        ok(HOLD, 2, (21, 30), "k", units=A),
    ],
    "refused beside the try that is done": [
        info(HOLD, 0, 0, "k", units=A, ttl_ms=1_000), ok(HOLD, 1, (1, 9), units=A),
        fail(HOLD, 0, (10, 20), "UNITS_HELD", "k", units=A), ok(RELEASE, 1, (15, 30)),
        ok(HOLD, 2, (31, 40), "k", units=A),
    ],
    "refused when its key is forgotten": [
        FIRST, ok(RELEASE, 1, (11, 20)), ok(HOLD, 2, (600_010, 600_020), units=A, expires_at_ms=700_000),
        fail(HOLD, 0, (600_030, 600_040), "UNITS_HELD", FIRST.key, units=A),
    ],
    "what was seen": [
        *SOLD, read(SEE, 1, (31, 40), "CONFIRMED", units=A, order_id=BOUGHT),
        read(SEE_ORDER, 101, (31, 40), "CONFIRMED", units=A),
        ok(HOLD, 2, (31, 40), areas=FLOOR, expires_at_ms=900), read(SEE, 2, (41, 50), "ACTIVE", units=(), areas=FLOOR),
    ],
    "what was seen of an exchange": [
        *SOLD, ok(Kind.EXCHANGE, 101, (31, 40), units=B, tickets=(0,)),
        read(SEE, 1, (41, 50), "CONFIRMED", units=A, order_id=BOUGHT),
        read(SEE_ORDER, 101, (41, 50), "CONFIRMED", units=B),
    ],
    "not found under its own key": [FIRST, fail(RELEASE, 2, (11, 20), "HOLD_NOT_FOUND", FIRST.key)],
    "cancelled and sold again": [*SOLD, ok(CANCEL, 101, (31, 40)), ok(HOLD, 2, (41, 50), units=A)],
}  # fmt: skip

BAD: dict[str, list[Call]] = {
    "sold twice": [FIRST, ok(HOLD, 2, (11, 20), units=A)],
    "exchanged for what another holds": [
        *SOLD, ok(HOLD, 2, (31, 40), units=B, expires_at_ms=1_000),
        ok(Kind.EXCHANGE, 101, (41, 50), units=B, tickets=(0,)),
    ],
    "tickets given back by nobody": [
        *SOLD, ok(Kind.CANCEL_PARTLY, 101, (31, 40), units=A, tickets=(1,)), ok(HOLD, 2, (41, 50), units=A),
    ],
    "paid when it was closed": [*SOLD, ok(Kind.CLOSE, 101, (31, 40)), ok(CANCEL, 101, (41, 50))],
    "sold twice at once": [FIRST, ok(HOLD, 2, (5, 20), units=(*A, *B), expires_at_ms=1_000)],
    "a lost acknowledgement": [FIRST, read(SEE, 1, (11, 20), "NOT_FOUND")],
    "a stale read": [FIRST, ok(RELEASE, 1, (11, 20)), read(SEE, 1, (21, 30), "ACTIVE")],
    "a read of what is yet to come": [FIRST, read(SEE, 1, (11, 20), "RELEASED"), ok(RELEASE, 1, (21, 30))],
    "refused though nobody had it": [fail(HOLD, 0, (0, 10), "UNITS_HELD", units=A), ok(HOLD, 1, (20, 30), units=A)],
    "refused after the release": [FIRST, ok(RELEASE, 1, (11, 20)), fail(HOLD, 0, (21, 30), "UNITS_HELD", units=A)],
    "refused as held when it is sold": [*SOLD, fail(HOLD, 0, (31, 40), "UNITS_HELD", units=A)],
    "refused as sold when it is held": [FIRST, fail(HOLD, 0, (11, 20), "UNITS_SOLD", units=A)],
    "two reads against each other": [
        FIRST, ok(RELEASE, 1, (11, 100)), read(SEE, 1, (20, 30), "RELEASED"), read(SEE, 1, (31, 40), "ACTIVE"),
    ],
    "a deadline that is too early": [
        ok(HOLD, 1, (5_000, 5_010), units=A, ttl_ms=1_000, replayed=True),
        read(SEE, 1, (5_020, 5_030), "ACTIVE", expires_at_ms=3_999),
    ],
    "expired too early": [FIRST, read(SEE, 1, (990, 999), "EXPIRED")],
    "held by another before time is up": [FIRST, ok(HOLD, 2, (990, 999), units=A)],
    "an effect before it was asked for": [
        fail(HOLD, 0, (0, 10), "UNITS_HELD", units=A), info(HOLD, 0, 11, "late", units=A, ttl_ms=1_000),
    ],
    "one lost answer cannot be two holds": [
        info(HOLD, 0, 0, "lost", units=A, ttl_ms=1_000), fail(HOLD, 0, (50, 60), "UNITS_HELD", units=A),
        ok(HOLD, 1, (61, 70), units=A),
    ],
    "refused, and it happened": [
        fail(HOLD, 0, (0, 10), "OVERLOADED", units=A), fail(HOLD, 0, (11, 20), "UNITS_HELD", units=A),
    ],
    "too many places": [
        ok(HOLD, 1, (0, 10), areas=FLOOR, expires_at_ms=900), ok(HOLD, 2, (5, 20), areas=FLOOR, expires_at_ms=900),
    ],
    "places denied that are there": [fail(HOLD, 0, (11, 20), "NOT_ENOUGH_AVAILABLE", areas=FLOOR)],
    "refused for what its own key holds": [
        info(HOLD, 0, 0, "k", units=A, ttl_ms=1_000), fail(HOLD, 0, (50, 60), "UNITS_HELD", "k", units=A),
    ],
    "refused for what its own key holds, which was told later": [
        info(HOLD, 0, 0, "k", units=A, ttl_ms=1_000), fail(HOLD, 0, (50, 60), "UNITS_HELD", "k", units=A),
        ok(HOLD, 1, (70, 80), "k", units=A, replayed=True),
    ],
    "refused for its own release": [
        FIRST, ok(RELEASE, 1, (11, 20), "k"), fail(RELEASE, 1, (21, 30), "HOLD_RELEASED", "k"),
    ],
    "other seats": [FIRST, read(SEE, 1, (11, 20), "ACTIVE", units=B)],
    "fewer places": [
        ok(HOLD, 1, (0, 10), areas=FLOOR, expires_at_ms=900),
        read(SEE, 1, (11, 20), "ACTIVE", units=(), areas=(("floor", 2),)),
    ],
    "another order": [*SOLD, read(SEE, 1, (31, 40), "CONFIRMED", units=A, order_id=order_id(102))],
    "an order with other seats": [*SOLD, read(SEE_ORDER, 101, (31, 40), "CONFIRMED", units=B)],
    "an order with what it has exchanged": [
        *SOLD, ok(Kind.EXCHANGE, 101, (31, 40), units=B, tickets=(0,)),
        read(SEE_ORDER, 101, (41, 50), "CONFIRMED", units=A),
    ],
    "an order that is lost": [*SOLD, read(SEE_ORDER, 101, (31, 40), "PENDING")],
    "a key with two effects": [FIRST, ok(HOLD, 2, (11, 20), FIRST.key, units=B)],
    "released twice": [FIRST, ok(RELEASE, 1, (11, 20)), ok(RELEASE, 1, (21, 30), "again")],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_history_that_some_order_explains_is_linearizable(name: str) -> None:
    found = check(sorted(GOOD[name], key=lambda call: call.invoked_us), MODEL)
    assert (found.wrong, found.unchecked) == ([], 0)


@pytest.mark.parametrize("name", BAD)
def test_a_history_that_no_order_explains_is_not(name: str) -> None:
    found = check(sorted(BAD[name], key=lambda call: call.invoked_us), MODEL)
    assert found.wrong, name
    assert found.unchecked == 0


def test_a_search_that_is_given_up_is_unchecked_and_never_passes() -> None:
    found = check(GOOD["places"], MODEL, max_states=1)
    assert (found.wrong, found.checked, found.unchecked) == ([], 0, 3)


def test_what_the_model_does_not_know_is_unchecked() -> None:
    found = check(
        [FIRST, fail(HOLD, 0, (11, 20), "BUYER_LIMIT_EXCEEDED", units=A), ok(HOLD, 2, (0, 5), units=B)], MODEL
    )
    assert (found.wrong, found.checked, found.unchecked) == ([], 1, 2)


@pytest.mark.parametrize(
    ("owner", "rule", "by", "passes"),
    [
        (linear, "_returned_us", lambda _: (1 << 62) - 1, "a stale read"),
        (linear, "_returned_us", lambda _: (1 << 62) - 1, "refused after the release"),
        (linear, "denies_its_key", lambda _: False, "refused for what its own key holds"),
        (linear, "denies_its_key", lambda _: False, "refused for what its own key holds, which was told later"),
        (linear, "denies_its_key", lambda _: False, "refused for its own release"),
        (linear, "id_of", lambda _: "any", "a key with two effects"),
        (Model, "_expire", lambda *_: True, "sold twice"),
        (Model, "_expire", lambda *_: True, "held by another before time is up"),
        (Model, "_make_room", lambda *_: True, "too many places"),
        (Model, "_refused", lambda _, state, *__: state, "refused though nobody had it"),
        (Model, "_refused", lambda _, state, *__: state, "places denied that are there"),
        (Model, "_seen", lambda _, state, *__: state, "a lost acknowledgement"),
        (Model, "_seen", lambda _, state, *__: state, "expired too early"),
        (Model, "_shows", lambda *_: True, "other seats"),
        (Model, "_shows", lambda *_: True, "fewer places"),
        (Model, "_shows", lambda *_: True, "another order"),
        (Model, "_shows", lambda *_: True, "an order with other seats"),
        (Model, "_of_hold", lambda _, state, *__: state, "released twice"),
    ],
)
def test_without_a_rule_a_bad_history_passes(
    monkeypatch: pytest.MonkeyPatch, owner: object, rule: str, by: object, passes: str
) -> None:
    assert _wrong(BAD[passes])
    monkeypatch.setattr(owner, rule, by)
    assert not _wrong(BAD[passes]), f"{passes} is noticed by something else too"


VOIDS_A = Model({"floor": 5}, voids=lambda _, lot, __: A[0] in lot.units)
HELD_B = ok(HOLD, 1, (0, 10), units=B, expires_at_ms=1_000)


@pytest.mark.parametrize(
    "calls",
    [
        [*SOLD, ok(HOLD, 2, (31, 40), units=A)],
        [*SOLD, ok(HOLD, 2, (31, 40), units=A), read(SEE_ORDER, 101, (41, 50), "CANCELLED")],
        [FIRST, ok(HOLD, 2, (11, 20), units=A), read(SEE, 1, (21, 30), "RELEASED")],
        [FIRST, ok(ORDER, 1, (11, 20)), ok(HOLD, 2, (1_005_000, 1_006_000), units=A),
         read(SEE_ORDER, 101, (1_007_000, 1_008_000), "CANCELLED")],
    ],
)  # fmt: skip
def test_what_was_of_a_cancelled_event_is_somebody_elses_and_only_that(calls: list[Call]) -> None:
    assert check(calls, VOIDS_A).wrong == []
    assert _wrong(calls), "without a cancelled event"
    twice = [HELD_B, ok(HOLD, 2, (11, 20), units=B)]
    assert check(twice, VOIDS_A).wrong
    assert check([*calls, read(SEE, 2, (1_009_000, 1_010_000), "NOT_FOUND")], VOIDS_A).wrong


def test_an_order_of_which_the_answer_does_not_count_may_be_spoken_of() -> None:
    answered = msgspec.structs.replace(ok(ORDER, 1, (21, 30), "an order"), outcome=Outcome.INFO)
    calls = [FIRST, info(ORDER, 1, 11, "an order"), answered, ok(CANCEL, 101, (31, 40))]
    assert check(calls, MODEL).wrong == []
    assert check([*calls, ok(HOLD, 2, (41, 50), units=A)], MODEL).wrong == []
    assert check([*calls[:2], ok(CANCEL, 101, (31, 40))], MODEL).wrong, "nobody was told its name"
    assert check(calls[1:], MODEL).wrong, "there was no hold"


SPOT = (("Floor", 1),)


@pytest.mark.parametrize(
    ("untold", "told"),
    [
        ([ok(HOLD, 1, (0, 10), areas=SPOT, replayed=True)], [ok(HOLD, 1, (0, 10), areas=SPOT, expires_at_ms=10)]),
        (
            [ok(HOLD, 1, (0, 10), areas=SPOT, expires_at_ms=10), info(EXTEND, 1, 5, "lost")],
            [ok(HOLD, 1, (0, 10), areas=SPOT, expires_at_ms=10), ok(EXTEND, 1, (5, 9), "lost", expires_at_ms=20)],
        ),
    ],
    ids=["a replayed hold", "an extension whose answer was lost"],
)
def test_who_was_not_told_when_it_is_due_may_outlive_those_that_were(untold: list[Call], told: list[Call]) -> None:
    """The last hold is there, so one of the others had ended, and it was not the one that seemed due first."""
    behind = [
        ok(HOLD, 2, (20, 30), areas=SPOT, expires_at_ms=2_000),
        ok(HOLD, 3, (3_000, 3_010), areas=SPOT, expires_at_ms=9_000),
        read(SEE, 1, (3_020, 3_030), "ACTIVE"),
        read(SEE, 2, (3_040, 3_050), "EXPIRED"),
    ]
    assert check([*untold, *behind], Model({"Floor": 2})).wrong == []
    assert check([*told, *behind], Model({"Floor": 2})).wrong


def _wrong(calls: list[Call]) -> list[str]:
    return check(sorted(calls, key=lambda call: call.invoked_us), MODEL).wrong


def _played(random: Random, count: int, slack: int, units: int) -> list[Call]:
    """Calls that happened one after the other, each somewhere within its time."""
    owners: dict[str, int] = {}
    statuses: dict[int, str] = {}
    calls: list[Call] = []
    for number in range(1, count + 1):
        span = number * 10 - random.randint(0, slack), number * 10 + random.randint(0, slack)
        unit = f"A/1/{random.randint(1, units)}"
        owner = owners.get(unit)
        dice = random.random()
        if dice < 0.5 and owner is not None:
            calls.append(fail(HOLD, 0, span, "UNITS_HELD", f"k{number}", units=(unit,), named=(unit,)))
        elif dice < 0.5:
            owners[unit], statuses[number] = number, "ACTIVE"
            held = ok(HOLD, number, span, f"k{number}", units=(unit,), expires_at_ms=1 << 40)
            lost = info(HOLD, 0, span[0], f"k{number}", units=(unit,), ttl_ms=1 << 40)
            calls.append(held if random.random() < 0.8 else lost)
        elif statuses:
            chosen = random.choice(list(statuses))
            if dice < 0.75:
                told = any(call.told is not None and call.key == f"k{chosen}" for call in calls)
                calls += [read(SEE, chosen, span, statuses[chosen])] if told else []
            elif statuses[chosen] == "ACTIVE" and any(call.told and call.key == f"k{chosen}" for call in calls):
                statuses[chosen] = "RELEASED"
                owners = {name: own for name, own in owners.items() if own != chosen}
                calls.append(ok(RELEASE, chosen, span, f"k{number}"))
    return sorted(calls, key=lambda call: call.invoked_us)


@given(st.integers(0, 1 << 32), st.integers(1, 120), st.integers(0, 45))
@settings(max_examples=60)
def test_what_was_played_is_linearizable_however_much_of_it_overlaps(seed: int, count: int, slack: int) -> None:
    found = check(_played(Random(seed), count, slack, 4), MODEL)
    assert (found.wrong, found.unchecked) == ([], 0)


@given(st.integers(0, 1 << 32), st.integers(0, 25))
@settings(max_examples=60)
def test_a_spoilt_history_is_judged_as_by_trying_all_orders(seed: int, slack: int) -> None:
    random = Random(seed)
    calls = _played(random, 9, slack, 1)[:6]
    for number in random.sample(range(len(calls)), min(2, len(calls))):
        call = calls[number]
        match call.outcome, call.kind:
            case Outcome.FAIL, _:
                calls[number] = msgspec.structs.replace(
                    call, invoked_us=call.invoked_us + 15_000, returned_us=call.invoked_us + 16_000
                )
            case Outcome.OK, Kind.READ_HOLD:
                status = random.choice(("ACTIVE", "RELEASED", "EXPIRED"))
                calls[number] = msgspec.structs.replace(call, told=Seen(status))
            case Outcome.OK, Kind.RELEASE:
                calls[number] = msgspec.structs.replace(call, outcome=Outcome.INFO, returned_us=None, told=None)
            case _:
                pass
    calls.sort(key=lambda call: call.invoked_us)
    assert bool(check(calls, MODEL).wrong) is not _some_order_fits(calls)


def _some_order_fits(calls: list[Call]) -> bool:
    must = [call for call in calls if call.outcome is not Outcome.INFO]
    lost = [call for call in calls if call.outcome is Outcome.INFO]
    subsets = chain.from_iterable(combinations(lost, count) for count in range(len(lost) + 1))
    return any(_fits(order) for subset in subsets for order in permutations([*must, *subset]))


def _fits(order: tuple[Call, ...]) -> bool:
    state: dict[str, tuple[object, ...]] = {}
    ends_us = [1 << 62 if call.returned_us is None else call.returned_us for call in order]
    for place, call in enumerate(order):
        until_us = min(ends_us[place:])
        if call.invoked_us > until_us:
            return False
        after = MODEL.after(state, call, until_us // 1000)
        if after is None:
            return False
        state = after
    return True

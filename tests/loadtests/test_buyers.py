"""Buyers against the real core: what they were told stands in the journal; each promise that is broken shows."""

import asyncio
import itertools
from random import Random

import pytest

from loadtests.audit.findings import Fault
from loadtests.audit.replies import Answered
from loadtests.buyers import EXPLAINED, Buyer, Notebook
from loadtests.calls import Answer, Ask, Insistent
from loadtests.figures import Figures
from loadtests.house import Belief, House
from tests.loadtests.core_shop import (
    CoreShop,
    CrossedShop,
    DoubleSellingShop,
    ForgetfulShop,
    KeylessShop,
    UnsteadyShop,
)
from tests.loadtests.journals import BLOCK, audit, faults

EVENT = f"event_{BLOCK}"
LONGEST_RUN_MS = 60_000
CALLS = 3_000
BUYERS = 16


class _Closing:
    """A shop that closes after so many calls."""

    def __init__(self, shop: CoreShop, over: asyncio.Event) -> None:
        self.protocol = shop.protocol
        self._shop = shop
        self._over = over
        self._calls_left = CALLS

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        self._calls_left -= 1
        if self._calls_left == 0:
            self._over.set()
        return await self._shop.ask(ask, key)


def _sell(shop: CoreShop, house: House) -> tuple[Figures, list[Answered]]:
    """The figures of some thousand calls, and what the buyers were told."""
    figures = Figures(accepted_at=bytearray(LONGEST_RUN_MS))
    told: list[Answered] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        notebook = Notebook(EVENT, figures, told.append, loop.time())
        random = Random(1)
        belief = Belief(house, 0, 1, random)
        keys = (f"key-{number}" for number in itertools.count())
        over = asyncio.Event()
        insistent = Insistent(_Closing(shop, over), random)
        buyers = [Buyer(insistent, belief, notebook, random, keys) for _ in range(BUYERS)]
        await asyncio.gather(*(buyer.visit_until(over) for buyer in buyers))
        assert notebook.in_flight == 0

    asyncio.run(run())
    return figures, told


def test_what_buyers_were_told_is_in_the_journal() -> None:
    house = House(100_000)
    shop = CoreShop(house)
    figures, told = _sell(shop, house)
    assert audit(shop.journal(told)) == []
    assert figures.errors == {}
    assert figures.accepted.keys() == EXPLAINED.keys(), "buyers do all that buyers can do"
    assert figures.replayed > 0
    assert figures.vanished > 0
    assert figures.write_count + figures.replayed <= len(told)
    assert figures.write_count > 100


def test_buyers_insist_under_the_same_key() -> None:
    house = House(100_000)
    shop = UnsteadyShop(house)
    figures, told = _sell(shop, house)
    assert audit(shop.journal(told)) == []
    assert figures.errors == {}
    assert set(figures.asked_again) == {"UNAVAILABLE", "OUTCOME_UNKNOWN"}


def test_a_full_house_refuses_and_nothing_is_wrong() -> None:
    house = House(100)
    shop = CoreShop(house)
    figures, told = _sell(shop, house)
    assert audit(shop.journal(told)) == []
    assert figures.errors == {}
    assert figures.refused.keys() >= {"UNITS_SOLD", "UNITS_HELD", "NOT_ENOUGH_AVAILABLE"}


def test_control_a_lost_commit_shows() -> None:
    house = House(100_000)
    shop = ForgetfulShop(house)
    _, told = _sell(shop, house)
    assert faults(audit(shop.journal(told))) >= {Fault.REPLY_NOT_IN_JOURNAL, Fault.DIGEST_AHEAD_OF_JOURNAL}


def test_control_a_shop_that_ignores_keys_shows() -> None:
    house = House(100_000)
    figures, _ = _sell(KeylessShop(house), house)
    assert any("asked again, got" in sentence for sentence in figures.errors)


def test_control_answers_out_of_step_show() -> None:
    house = House(100_000)
    shop = CrossedShop(house)
    figures, told = _sell(shop, house)
    assert Fault.REPLY_OF_ANOTHER_KEY in faults(audit(shop.journal(told)))
    assert figures.errors["core held: asked for something else"] > 0


def test_control_two_owners_at_once_show() -> None:
    house = House(100)
    shop = DoubleSellingShop(house)
    _, told = _sell(shop, house)
    assert Fault.UNIT_CLAIMED_TWICE in faults(audit(shop.journal(told)))


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "IDEMPOTENCY_KEY_REUSED", "HOLD_NOT_FOUND"])
def test_a_refusal_that_nothing_explains_is_an_error(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from loadtests.calls import Refused

    house = House(1_000)
    shop = CoreShop(house)
    monkeypatch.setattr(shop, "answer_of", lambda *_: Refused(code))
    figures, _ = _sell(shop, house)
    assert figures.errors == {f"core held: refused with {code}": figures.refused[code]}

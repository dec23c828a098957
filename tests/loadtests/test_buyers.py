"""Buyers against the real core: what they were told stands in the journal; each promise that is broken shows."""

import asyncio
import itertools
import time
from random import Random

import pytest

from actors.audit.audit import BlockAudit
from actors.audit.denials import Denied
from actors.audit.findings import Fault
from actors.audit.replies import Answered
from actors.core.inventory import UnitStatus
from loadtests import buyers as buyers_module
from loadtests import house as house_module
from loadtests.buyers import EXPLAINED, LOOKING, Buyer, Notebook
from loadtests.calls import Answer, Ask, Insistent, Refused, Sight
from loadtests.figures import Figures
from loadtests.history.calls import READS, Call, Kind, Recorder
from loadtests.history.recorded import RecordedShop, answers_of
from loadtests.history.tally import Tally
from loadtests.history.witness import Witness
from loadtests.house import BEST_SHARE, Belief, House, HouseKind, Way
from tests.loadtests import core_shop
from tests.loadtests.core_shop import (
    AmnesiacShop,
    CoreShop,
    CrossedShop,
    DenyingShop,
    DoubleSellingShop,
    ForgetfulShop,
    KeylessShop,
    StaleShop,
    UnsteadyShop,
)
from tests.loadtests.journals import BLOCK, audit, faults

EVENT = f"event_{BLOCK}"
LONGEST_RUN_MS = 60_000
CALLS = 3_000
BUYERS = 16
PARTS = 2  # as if they came from so many processes


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who believes that all is sold out asks again at once."""
    for module in (house_module, buyers_module):
        monkeypatch.setattr(module, "MOMENT_S", 0.02)


class _Closing:
    """A shop that closes after so many calls, or when all is sold."""

    def __init__(self, shop: CoreShop, over: asyncio.Event, calls: int) -> None:
        self.protocol = shop.protocol
        self._shop = shop
        self._over = over
        self._calls_left = calls

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        self._calls_left -= 1
        answer = await self._shop.ask(ask, key)
        if self._calls_left <= 0 or _units_left(self._shop) == 0:
            self._over.set()
        return answer

    async def look(self, kind: Kind, own: str) -> Sight:
        """See `Shop.look`."""
        return await self._shop.look(kind, own)


def _units_left(shop: CoreShop) -> int:
    """How many are not sold."""
    inventory = shop.state.inventory
    places = sum(area.capacity for area in shop.state.index.layout.areas) - sum(inventory.area_sold)
    return places + len(inventory.statuses) - inventory.statuses.count(UnitStatus.SOLD)


def _sell(
    shop: CoreShop, house: House, best_share: float = BEST_SHARE, calls: int = CALLS
) -> tuple[Figures, list[Answered]]:
    """The figures of some thousand calls, and what the buyers were told."""
    figures, history = _sell_and_record(shop, house, best_share, calls)
    return figures, list(answers_of(history))


def _sell_and_record(
    shop: CoreShop, house: House, best_share: float = BEST_SHARE, calls: int = CALLS
) -> tuple[Figures, list[Call]]:
    """The figures of some thousand calls, and their history."""
    figures = Figures(accepted_at=bytearray(LONGEST_RUN_MS))
    calls_made: list[Call] = []
    recorder = Recorder(lambda: time.time_ns() // 1000, calls_made.append)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        notebook = Notebook(figures, loop.time())
        random = Random(1)
        beliefs = [Belief(house, part, PARTS, random) for part in range(PARTS)]
        keys = (f"key-{number}" for number in itertools.count())
        over = asyncio.Event()
        insistent = Insistent(RecordedShop(_Closing(shop, over, calls), recorder, EVENT, "all"), random)
        buyers = [
            Buyer(insistent, beliefs[number % PARTS], notebook, random, keys, best_share) for number in range(BUYERS)
        ]
        await asyncio.gather(*(buyer.visit_until(over) for buyer in buyers))
        assert notebook.in_flight == 0

    asyncio.run(run())
    recorder.close()
    return figures, calls_made


def _witnessed(shop: CoreShop, history: list[Call]) -> tuple[set[Fault], Tally]:
    """What the journal says of the history."""
    journal = shop.journal([])
    witness = Witness(BLOCK, history, time.time_ns() // 1000, tolerance_ms=None)
    block_audit = BlockAudit(BLOCK, live=journal.live, watcher=witness)
    found = [finding for row in journal.rows() for finding in block_audit.take(row)]
    return faults([*found, *block_audit.finish()]), witness.tally


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


@pytest.fixture
def answered_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """As is told when each row is there, a row has only what was answered at once."""
    monkeypatch.setattr(core_shop, "ENTRIES_PER_ROW", 1)


@pytest.mark.usefixtures("answered_row_by_row")
def test_buyers_see_what_the_journal_says() -> None:
    house = House(100_000)
    shop = CoreShop(house)
    figures, history = _sell_and_record(shop, house, calls=1_000)
    found, tally = _witnessed(shop, history)
    assert (found, tally.suffices) == (set(), True)
    assert figures.seen.keys() >= {"ACTIVE", "PENDING", "CONFIRMED"}
    reads = sum(tally.calls.get(f"{kind} ok", 0) for kind in READS)
    assert reads == sum(figures.seen.values()) > figures.write_count * LOOKING / 2


@pytest.mark.usefixtures("answered_row_by_row")
def test_control_holds_and_orders_that_are_shown_as_they_were_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buyers_module, "LOOKING", 1.0)
    house = House(100_000)
    shop = StaleShop(house)
    assert _witnessed(shop, _sell_and_record(shop, house, calls=1_000)[1])[0] == {Fault.READ_WRONGLY}


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


@pytest.mark.parametrize("kind", HouseKind)
def test_a_house_is_sold_to_the_last_unit(kind: HouseKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buyers_module, "EXTENSION_S", 1)
    house = House(300, kind)
    shop = CoreShop(house, hold_ttl_ms=1_000)
    figures, told = _sell(shop, house, calls=30_000)
    assert _units_left(shop) == 0
    assert audit(shop.journal(told)) == []
    assert figures.errors == {}
    assert figures.held_by.keys() == {way for way in Way if house.has(way)}
    assert any(isinstance(answer, Denied) for answer in told), "the last unit was asked for when it was held"


def test_control_buyers_who_take_sold_out_for_an_answer_leave_units_unsold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buyers_module, "EXTENSION_S", 1)
    house = House(300, HouseKind.AREA)
    shop = CoreShop(house, hold_ttl_ms=1_000)
    monkeypatch.setattr(house_module, "MOMENT_S", 60.0)
    monkeypatch.setattr(Buyer, "visit_until", _leaving_when_nothing_seems_left)
    _sell(shop, house)
    assert _units_left(shop) > 0


async def _leaving_when_nothing_seems_left(buyer: Buyer, over: asyncio.Event) -> None:
    while not over.is_set() and (way := buyer._way()) is not None:
        await buyer._visit(way, over)


def test_a_key_for_best_seats_makes_one_hold_however_often_it_is_sent() -> None:
    house = House(100_000, HouseKind.SEATS)
    shop = UnsteadyShop(house)
    figures, told = _sell(shop, house, best_share=1.0)
    assert audit(shop.journal(told)) == []
    assert figures.errors == {}
    assert figures.found_again[Way.BEST] > 0, "an answer was lost and asked for again"
    assert figures.held_by.keys() == {Way.BEST}


def test_control_two_holds_for_one_key_show() -> None:
    house = House(100_000, HouseKind.SEATS)
    shop = AmnesiacShop(house)
    _, told = _sell(shop, house, best_share=1.0)
    assert Fault.KEY_USED_TWICE in faults(audit(shop.journal(told)))


@pytest.mark.parametrize("kind", [HouseKind.SEATS, HouseKind.AREA])
def test_control_a_unit_that_is_denied_although_there_are_some_shows(kind: HouseKind) -> None:
    house = House(100_000, kind)
    shop = DenyingShop(house)
    figures, told = _sell(shop, house)
    denied = [answer for answer in told if isinstance(answer, Denied)]
    found = audit(shop.journal(told))
    assert [finding.fault for finding in found] == [Fault.DENIED_WRONGLY] * len(denied)
    assert len(denied) >= figures.refused["NOT_ENOUGH_AVAILABLE"] > 0, (
        "and those who left but were quicker than their feet"
    )


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

    house = House(1_000)
    shop = CoreShop(house)
    monkeypatch.setattr(shop, "answer_of", lambda *_: Refused(code))
    figures, _ = _sell(shop, house)
    assert figures.errors == {f"core held: refused with {code}": figures.refused[code]}

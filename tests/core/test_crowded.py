"""Of a tenant that is to have no more holds only what would make one is put off, and strangers learn nothing of it."""

import pytest
from msgspec.structs import replace

from actors.core import block as core
from actors.core.baskets import LegPlan
from actors.core.block import decide
from actors.core.commands import Command, IntendBasket, PinLeg, PlaceHold, ReadRoom, ReleaseHold, Stamp
from actors.core.layout import Area, Category, Layout
from actors.core.outcomes import Accepted, Outcome, Reason, Rejected
from actors.core.state import BlockState
from tests.core.bare_block import BareBlock, places

FLOOR = Layout("EUR", (Category("standing", 2000),), (), (Area("floor", 0, 100),))


def why(outcome: Outcome) -> Reason | None:
    return outcome.reason if isinstance(outcome, Rejected) else None


def check() -> None:
    floor = BareBlock(FLOOR)
    held = floor.placing(places(1))
    floor.say(held)

    def asked(command: Command, state: BlockState = floor.state) -> Outcome:
        return decide(state, command, floor.now_ms, crowded=True)

    placing = floor.placing(places(1))
    plan = LegPlan("block", 77, places(1))
    intent = IntendBasket(Stamp("acme", "", bytes(range(16)), bytes(16), 1 << 60), 9, (plan, plan), 60_000, 0)
    assert why(asked(placing)) is Reason.OVERLOADED, "a hold"
    assert why(asked(ReadRoom("acme", "", places(1)))) is Reason.OVERLOADED, "a look before a basket is meant"
    desk = BlockState()
    desk.tenant = "acme"
    two = replace(intent, legs=(plan, replace(plan, leg=78, block="other")))
    assert why(asked(two, desk)) is Reason.OVERLOADED, "a basket"

    again = asked(held)
    assert isinstance(again, Accepted), "a hold that there is"
    assert again.replayed
    assert isinstance(asked(ReleaseHold(floor.stamp(""), held.hold)), Accepted), "a release"
    assert isinstance(asked(PinLeg("acme", "desk", 9, "", plan, 1, 1 << 60)), Accepted), "a leg of what was meant"
    assert why(asked(replace(placing, wish=places(0)))) is Reason.INVALID_ARGUMENT
    assert why(asked(replace(placing, stamp=replace(placing.stamp, tenant="other")))) is Reason.EVENT_NOT_FOUND
    assert why(asked(ReadRoom("other", "", places(1)))) is Reason.EVENT_NOT_FOUND


def test_only_new_holds_are_put_off() -> None:
    check()


@pytest.mark.parametrize(
    ("refused", "fails"),
    [((), "a hold"), ((PlaceHold,), "a basket"), ((PlaceHold, IntendBasket, ReleaseHold), "a release")],
)
def test_controls(monkeypatch: pytest.MonkeyPatch, refused: tuple[type, ...], fails: str) -> None:
    monkeypatch.setattr(core, "_NEW_HOLDS", refused)
    with pytest.raises(AssertionError, match=fails):
        check()

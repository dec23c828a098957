"""Guarantees of parts that follow their event, each taken away: the unchanged check of `test_following` notices."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from actors.core import block, following, legs
from actors.core.commands import AcknowledgePart, FollowEvent, PinLeg
from actors.core.entries import PartFollowed
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import RevisionReply
from actors.core.snapshot import freeze, restore
from actors.core.state import BlockState
from tests.core.test_following import (
    test_a_leg_that_nobody_counts_is_not_pinned_under_a_limit as check_uncounted,
)
from tests.core.test_following import (
    test_a_part_that_hears_late_hears_the_last_word as check_late,
)
from tests.core.test_following import (
    test_a_part_that_was_told_of_what_was_is_still_behind as check_still_behind,
)
from tests.core.test_following import (
    test_an_errand_comes_out_as_written as check_errand,
)


def older_revisions_overwrite(state: BlockState, command: FollowEvent, now_ms: int) -> Outcome:
    """A part becomes what it hears, however old that is."""
    restored = restore(freeze(state))
    restored.revision = 0
    return following.decide_follow_event(restored, command, now_ms)


def other_events_are_followed(state: BlockState, command: FollowEvent, now_ms: int) -> Outcome:
    """A part follows whoever tells it something."""
    command = msgspec.structs.replace(command, home=state.home or command.home)
    return following.decide_follow_event(state, command, now_ms)


def any_word_of_a_part_is_the_last(state: BlockState, command: AcknowledgePart, now_ms: int) -> Outcome:
    """The event believes that a part knows everything as soon as it knows something."""
    known = any(part.block == command.part for part in state.parts)
    entry = PartFollowed(now_ms, command.part, state.revision)
    return Accepted((entry,) if known else (), RevisionReply(command.revision))


def uncounted_legs_are_pinned(state: BlockState, command: PinLeg, now_ms: int) -> Outcome:
    """Though the event limits what a buyer has."""
    plan = msgspec.structs.replace(command.plan, counted_by=command.plan.counted_by or "nobody")
    return legs.decide_pin_leg(state, msgspec.structs.replace(command, plan=plan), now_ms)


@pytest.mark.parametrize(
    ("kind", "sabotage", "check"),
    [
        (FollowEvent, older_revisions_overwrite, check_late),
        (FollowEvent, other_events_are_followed, partial(check_errand, "told by another event")),
        (AcknowledgePart, any_word_of_a_part_is_the_last, check_still_behind),
        (PinLeg, uncounted_legs_are_pinned, check_uncounted),
    ],
)
def test_control_a_guarantee_less_is_noticed(
    kind: type, sabotage: Callable[..., Outcome], check: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    check()
    monkeypatch.setitem(block._DECIDE_ERRAND, kind, sabotage)
    with pytest.raises(AssertionError):
        check()

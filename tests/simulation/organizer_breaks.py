"""Ways to break what organizers are told of their events (see `controls`)."""

from typing import Any

import msgspec
import pytest

from actors.core import block as core
from actors.core.commands import ChangeStatus, EditEvent
from actors.core.entries import EventEdited
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import EventReply
from actors.core.state import BlockState


def an_edit_is_told_otherwise(patch: pytest.MonkeyPatch) -> None:
    """Who has edited an event is told of another price than it has."""

    def otherwise(outcome: Accepted) -> Accepted:
        reply = outcome.reply
        assert isinstance(reply, EventReply)
        first, *others = reply.layout.categories
        dearer = (msgspec.structs.replace(first, price=first.price + 100), *others)
        layout = msgspec.structs.replace(reply.layout, categories=dearer)
        return msgspec.structs.replace(outcome, reply=msgspec.structs.replace(reply, layout=layout))

    _change(patch, EditEvent, otherwise)


def an_edit_is_another(patch: pytest.MonkeyPatch) -> None:
    """An event that is given a name gets another, and so its organizer is told."""

    def otherwise(outcome: Accepted) -> Accepted:
        (entry,), reply = outcome.entries, outcome.reply
        assert isinstance(entry, EventEdited)
        assert isinstance(reply, EventReply)
        if entry.name is None:
            return outcome
        entries = (msgspec.structs.replace(entry, name="another"),)
        return msgspec.structs.replace(outcome, entries=entries, reply=msgspec.structs.replace(reply, name="another"))

    _change(patch, EditEvent, otherwise)


def a_status_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    """Who pauses an event or ends it is told that this was done, and it was not."""
    _change(patch, ChangeStatus, lambda outcome: msgspec.structs.replace(outcome, entries=()))


def _change(patch: pytest.MonkeyPatch, kind: type, change: Any) -> None:
    decide = core._DECIDE[kind]

    def decide_otherwise(state: BlockState, command: Any, now_ms: int) -> Outcome:
        outcome = decide(state, command, now_ms)
        return change(outcome) if isinstance(outcome, Accepted) and outcome.entries else outcome

    patch.setitem(core._DECIDE, kind, decide_otherwise)

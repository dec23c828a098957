"""Ways to break what is told of holds and orders, while what is so stays as it is (see `controls`)."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from actors.core import block as core
from actors.core import orders
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import HoldReply, HoldStatus, OrderReply, Reply, TicketReply
from actors.core.state import BlockState, Memo
from actors.core.tickets import ticket_replies
from actors.link.batch import reply_decoder
from actors.reservations import asks

LONGER_MS = 1_000


def a_replay_tells_another_lot(patch: pytest.MonkeyPatch) -> None:
    """Who asks again is told of an order without the first of its units."""
    replay = core._replay

    def otherwise(state: BlockState, memo: Memo, key: bytes, at_ms: int) -> Outcome:
        outcome = replay(state, memo, key, at_ms)
        if not isinstance(outcome, Accepted) or not isinstance(outcome.reply, OrderReply):
            return outcome
        return msgspec.structs.replace(
            outcome, reply=msgspec.structs.replace(outcome.reply, seats=outcome.reply.seats[1:])
        )

    patch.setattr(core, "_replay", otherwise)


def a_replay_tells_another_deadline(patch: pytest.MonkeyPatch) -> None:
    """Who asks again is told that what he holds lives for longer than it does."""
    _replay_holds(patch, lambda hold: msgspec.structs.replace(hold, expires_at_ms=hold.expires_at_ms + LONGER_MS))


def a_replay_tells_an_end_early(patch: pytest.MonkeyPatch) -> None:
    """Who asks again is told that what he holds is over."""
    _replay_holds(patch, lambda hold: msgspec.structs.replace(hold, status=HoldStatus.EXPIRED))


def _replay_holds(patch: pytest.MonkeyPatch, change: Callable[[HoldReply], HoldReply]) -> None:
    """Of those that are there yet."""
    replay = core._replay

    def otherwise(state: BlockState, memo: Memo, key: bytes, at_ms: int) -> Outcome:
        outcome = replay(state, memo, key, at_ms)
        if not isinstance(outcome, Accepted) or not isinstance(outcome.reply, HoldReply):
            return outcome
        hold = outcome.reply
        return msgspec.structs.replace(outcome, reply=change(hold)) if hold.status is HoldStatus.ACTIVE else outcome

    patch.setattr(core, "_replay", otherwise)


def a_code_is_not_rotated(patch: pytest.MonkeyPatch) -> None:
    """A ticket that is another's by now is told with the code that it had first: both are let in."""

    def first(*order: Any) -> tuple[TicketReply, ...]:
        return tuple(msgspec.structs.replace(ticket, code_revision=1) for ticket in ticket_replies(*order))

    patch.setattr(orders, "ticket_replies", first)


def a_holder_is_not_told(patch: pytest.MonkeyPatch) -> None:
    """A ticket that is another's by now is told as the buyer's."""

    def the_buyers(*order: Any) -> tuple[TicketReply, ...]:
        return tuple(msgspec.structs.replace(ticket, holder="") for ticket in ticket_replies(*order))

    patch.setattr(orders, "ticket_replies", the_buyers)


def a_gateway_tells_of_another_buyer(patch: pytest.MonkeyPatch) -> None:
    """What a shard has said of a hold reaches who asked with another name in it."""

    class Decoder:
        def decode(self, encoded: bytes) -> Reply:
            reply = reply_decoder.decode(encoded)
            return msgspec.structs.replace(reply, buyer="eve") if isinstance(reply, HoldReply) else reply

    patch.setattr(asks, "reply_decoder", Decoder())

"""What a batch looks like on the wire: many commands in, as many answers out, in the same order.

Commands and replies travel as byte strings that hold their own encoding, so one that does not decode spoils only
itself, however broken it is. The answers of a batch travel in one frame. To a command that came alone there is always
room to answer: the largest reply, an event with its layout, is smaller than the command that brought the layout.
"""

from enum import IntEnum
from typing import TypeAlias

import msgspec

from actors.core.commands import Command
from actors.core.ids import BlockId
from actors.core.outcomes import Details, Reason
from actors.core.replies import Reply
from actors.link.frames import HEADER_BYTES, MAX_FRAME_BYTES

MAX_ANSWERS_BYTES = MAX_FRAME_BYTES - HEADER_BYTES
ANSWER_OVERHEAD_BYTES = 20  # at most: what encodes an answer beside its reply, and its part of what encodes a batch


class Fault(IntEnum):
    """Why a shard gave no outcome. All are safe to repeat under the same key."""

    NOT_READY = 1  # the block is being activated
    NOT_OWNER = 2  # another shard serves the block; `note` names it if known
    FENCED = 3  # another shard has taken the block over, or the journal refuses it; outcome unknown
    UNAVAILABLE = 4  # the journal cannot be reached; nothing was decided
    OVERLOADED = 5  # the shard's queue is full; nothing was decided
    BUG = 6  # this command cannot be served; do not repeat
    QUARANTINED = 7  # the block was stopped because its state cannot be trusted
    DEFERRED = 8  # the answer had no room beside the others of its batch; outcome unknown: ask again, alone


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One command for one block; `command` is an encoded `Command`."""

    block: BlockId
    command: bytes


class Replied(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The command was accepted; `reply` is an encoded `Reply`. `position`: of the row that made it durable."""

    reply: bytes
    replayed: bool = False
    position: int = 0


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The command was rejected: nothing has changed."""

    reason: Reason
    details: Details


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """There is no outcome. `note` names the owner for NOT_OWNER, else says what is wrong."""

    fault: Fault
    note: str = ""


Answer: TypeAlias = Replied | Refused | Failed


encoder = msgspec.msgpack.Encoder()
command_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
calls_decoder: msgspec.msgpack.Decoder[list[Call]] = msgspec.msgpack.Decoder(list[Call])
answers_decoder: msgspec.msgpack.Decoder[list[Answer]] = msgspec.msgpack.Decoder(list[Answer])

"""What a shard that was replaced while it hung has done and said since it woke up, and what of that is harm."""

from collections.abc import Sequence
from typing import NamedTuple

from actors.core.replies import HoldReply, HoldStatus
from actors.link.batch import Answer, Failed, Fault, Replied, reply_decoder

_HARMLESS = (Fault.FENCED, Fault.NOT_OWNER, Fault.NOT_READY, Fault.UNAVAILABLE)


class Awakening(NamedTuple):
    """All there is to judge. What was asked: places, and how a hold stands that the successor has released.

    `position`: the last row of the block when the old shard's commit began to stand still; `rows`: position and epoch
    of all later ones. `queued`: the answers to what waited in the shard when it was stopped, of which nothing was
    sent to the journal; `direct`: to what it was asked afterwards. None: it left without a word.
    """

    epoch: int
    position: int
    rows: Sequence[tuple[int, int]]
    queued: Sequence[Answer | None]
    direct: Sequence[Answer | None]


def harm(awakening: Awakening) -> list[str]:
    """Each row of its own that landed, each answer that is stale or tells of a write."""
    found = [f"row {position} landed" for position, epoch in awakening.rows if epoch <= awakening.epoch]
    for answers in (awakening.queued, awakening.direct):
        found += [f"stale, or a write that was told: {answer}" for answer in answers if not _is_harmless(answer)]
    return found


def _is_harmless(answer: Answer | None) -> bool:
    """Not to answer, to say that it is not the owner, or how the hold stands now; nothing else."""
    if answer is None:
        return True
    if isinstance(answer, Failed):
        return answer.fault in _HARMLESS
    if not isinstance(answer, Replied):
        return False
    reply = reply_decoder.decode(answer.reply)
    return isinstance(reply, HoldReply) and reply.status is HoldStatus.RELEASED

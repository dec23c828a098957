"""Guarantees of what goes together, each broken by a patch of the shipped code; it shows where there are several."""

import pytest

from actors.core.replies import HoldReply
from actors.engine import block_host
from actors.engine.group_commit import Cycle
from actors.link import coalescer
from actors.link.batch import Answer, Refused, Replied, answers_decoder, reply_decoder


class _Mixed:
    """A decoder of answers that gives the first two that tell of holds to each other's callers."""

    def decode(self, payload: bytes) -> list[Answer]:
        """The answers of a batch."""
        answers = answers_decoder.decode(payload)
        first, second, *_ = *(place for place, answer in enumerate(answers) if _tells_of_a_hold(answer)), None, None
        if first is not None and second is not None:
            answers[first], answers[second] = answers[second], answers[first]
        return answers


def _tells_of_a_hold(answer: Answer) -> bool:
    return isinstance(answer, Replied) and isinstance(reply_decoder.decode(answer.reply), HoldReply)


def answers_are_paired_wrongly(patch: pytest.MonkeyPatch) -> None:
    """Of a batch with two answers that tell of holds, each is given to the other's caller."""
    patch.setattr(coalescer, "answers_decoder", _Mixed())


def positions_are_of_another_block(patch: pytest.MonkeyPatch) -> None:
    """Of a cycle with several blocks, each is said to be as of the row of the next."""
    finish = Cycle.finish

    def mixed(self: Cycle) -> None:
        blocks = sorted(self.positions, key=lambda hosted: hosted.block)
        positions = [self.positions[hosted] for hosted in blocks]
        self.positions = dict(zip(blocks, positions[1:] + positions[:1], strict=True))
        finish(self)

    patch.setattr(Cycle, "finish", mixed)


def refusals_outlive_a_lost_block(patch: pytest.MonkeyPatch) -> None:
    """Who is refused is told so also where the block was lost meanwhile, and with it what stood in the way."""
    as_of = block_host._as_of

    def told(position: int | None, answer: Answer) -> Answer:
        return answer if isinstance(answer, Refused) else as_of(position, answer)

    patch.setattr(block_host, "_as_of", told)

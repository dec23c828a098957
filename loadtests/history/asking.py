"""What is asked of a block and not settled yet, as its witness keeps it."""

import msgspec

from loadtests.history.calls import READS, Call, Outcome
from loadtests.history.elsewhere import Asked
from loadtests.history.standing import TURNED_AWAY


class Tries(msgspec.Struct, gc=False):
    """What is asked for under a key: since when, and behind which row. `low`: the last that had been answered then.

    `refused`: the last that was refused before that, when nothing else had been heard of the key. `under_way`: how many
    tries are. `info_count`: of how many it is not known what came of them; `over_us`: when they are over; 0: unknown.
    """

    first: Call
    low: int
    refused: Call | None = None
    under_way: int = 0
    info_count: int = 0
    over_us: int = 1


class Question(msgspec.Struct, gc=False):
    """A refusal or a read that no state has agreed with so far. `may_be_older`: it may answer a try before.

    `since_us`: from when on it may tell of the state, by the clock of the run. `low`: the last row that had been
    answered when it was asked, or its key was asked for first.
    `is_elsewhere`: nothing is asked of a state but whether its key stands for something. `is_vague`: there was a state
    of which nobody can judge whether it agrees. `asked`: it is another block's, which has it borne out here.
    """

    call: Call
    key: bytes
    since_us: int
    low: int
    may_be_older: bool
    is_elsewhere: bool
    is_vague: bool = False
    asked: Asked | None = None


def tells_of_the_state(call: Call) -> bool:
    """Whether it is a refusal or a read that a state must agree with."""
    if call.outcome is Outcome.FAIL:
        return call.reason not in TURNED_AWAY
    return call.kind in READS and call.outcome is Outcome.OK

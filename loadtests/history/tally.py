"""What was checked of histories, in numbers."""

from collections.abc import Iterable

import msgspec

from loadtests.history.calls import Call, Outcome

INFO_ALLOWED = 0.02
"""The share of calls of which it may stay unknown what came of them."""

VAGUE_ALLOWED = 0.004
"""The share of calls that may be refused for what nobody can judge: as in the simulation; of these crowds none was."""


class Tally(msgspec.Struct):
    """`calls`: by kind and outcome. `unresolved`: INFO, and neither its effect nor that it is over is known by its key.

    `unchecked`: refusals and reads that nobody knows how to hold against anything. `vague`: refusals that nobody could
    judge: not among what was checked, nor surely wrong. `elsewhere`: refusals for what is in other blocks than their
    home, such as of baskets; `held` of those were held against these blocks, and `borne_out` by one of them; of the
    others some are `vague`, and the rest is wrong. `untimed`: held against the journal's times alone;
    `timed`: against the time of the call as well.
    """

    calls: dict[str, int] = {}
    info: int = 0
    unresolved: int = 0
    unchecked: int = 0
    vague: int = 0
    elsewhere: int = 0
    held: int = 0
    borne_out: int = 0
    untimed: int = 0
    timed: int = 0

    def count(self, call: Call) -> None:
        """One more call."""
        name = f"{call.kind} {call.outcome}"
        self.calls[name] = self.calls.get(name, 0) + 1
        self.info += call.outcome is Outcome.INFO

    def count_question(self, *, is_timed: bool) -> None:
        """One more of those that are refusals or reads and are held against states."""
        self.timed += is_timed
        self.untimed += not is_timed

    @property
    def call_count(self) -> int:
        """All of them."""
        return sum(self.calls.values())

    @property
    def suffices(self) -> bool:
        """Whether all was checked and little enough is unknown or vague."""
        return self.is_known and self.vague <= VAGUE_ALLOWED * self.call_count

    @property
    def is_known(self) -> bool:
        """Whether all was checked and little enough is unknown, however much is vague."""
        is_all = not self.unchecked and self.held >= self.elsewhere
        return is_all and self.unresolved <= INFO_ALLOWED * self.call_count


def together(tallies: Iterable[Tally]) -> Tally:
    """Several as one."""
    total = Tally()
    for tally in tallies:
        for name, number in tally.calls.items():
            total.calls[name] = total.calls.get(name, 0) + number
        total.info += tally.info
        total.unresolved += tally.unresolved
        total.unchecked += tally.unchecked
        total.vague += tally.vague
        total.elsewhere += tally.elsewhere
        total.held += tally.held
        total.borne_out += tally.borne_out
        total.untimed += tally.untimed
        total.timed += tally.timed
    return total

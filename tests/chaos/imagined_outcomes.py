"""Outcomes that nobody had, of faults that nobody underwent."""

import msgspec

from tests.chaos.fault import Outcome


def outcome_of(what: str = "shard killed", **changes: object) -> Outcome:
    """One that counts, with nothing wrong."""
    good = Outcome(what, 0, "pid 1 gone", True, 150, 900, 1.5, 1.6, 3.0, {"UNAVAILABLE": 3}, 0, [], 150_000, 5.0)
    return msgspec.structs.replace(good, **changes)

"""What is made of looks at the event on sale: how long there was no answer, how old one was, and what cannot be so."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.chaos.silences import longest_silence

STATUSES = frozenset(("AVAILABLE", "HELD", "SOLD", "BLOCKED"))
CLOCKS_MS = 250
"""So far the clock of who looks and the journal's may be apart, on one machine where all take turns."""

BACK_S = 2.0
"""So far `as_of` may go back: that a row is the last is known to Redis alone for a second, and may be lost with it."""


class Look(NamedTuple):
    """One answer, or none: then `why_not` says why, and `is_passing` whether to ask again is all there is to do.

    `ahead_ms`: so far what shards write may have been ahead of the time.
    `event_id`, `at`: what was looked at, the counts or a page of units. `asked_s`, `answered_s`: by `time.monotonic`;
    `now_ms`: the latter since 1970. `sequence`, `as_of_ms`: as told. `odd`: what such an answer never has.
    `counts`: how many units are available, held and sold, as told; none of a page.
    """

    event_id: str
    at: str
    asked_s: float
    answered_s: float
    now_ms: int
    sequence: int = 0
    as_of_ms: int = 0
    odd: str = ""
    why_not: str = ""
    is_passing: bool = False
    ahead_ms: int = 0
    counts: tuple[int, ...] = ()


class Regarded(NamedTuple):
    """Looks in some time: how many were `answered`, and why others were not, by code.

    `unread_s`: the longest time without an answer; `stalest_s`: the longest that `as_of` was ago in one; `back_s`: the
    longest way that it went back. `wrong`: what must not be.
    """

    answered: int
    unread_s: float
    stalest_s: float
    back_s: float
    why_not: dict[str, int]
    wrong: list[str]


def regarded(looks: Sequence[Look], began_s: float, ended_s: float, *, is_promised: bool = False) -> Regarded:
    """What is made of those between the two.

    `is_promised`: all are to be answered, and by the same gateway, so that nothing goes back. What has never been shown
    yet need not be: of an event that was created a moment ago nothing is.
    """
    within = [look for look in _once_shown(looks) if look.answered_s > began_s and look.asked_s < ended_s]
    answered = [look for look in within if not look.why_not]
    back_s = max((sooner.as_of_ms - later.as_of_ms for sooner, later in _in_turn(answered)), default=0) / 1000
    back_s = max(back_s, 0.0)
    why_not = Counter(look.why_not for look in within if look.why_not)
    wrong = [f"{number} times {why} instead of an answer" for why, number in _never(within).items()]
    wrong += [look.odd for look in answered if look.odd][:1]
    early_ms = max((look.as_of_ms - look.now_ms for look in answered if _is_early(look)), default=0)
    wrong += [f"availability as of {early_ms / 1000:.1f} s after it was told"] if early_ms else []
    if is_promised:
        wrong += [f"no availability, {number} times {why}" for why, number in why_not.items()]
        wrong += [f"row {later.sequence} shown behind row {sooner.sequence}" for sooner, later in _falls(answered)][:1]
        wrong += [f"what was shown went back by {back_s:.1f} s"] if back_s > BACK_S else []
        wrong += [] if answered else ["nobody was shown any availability"]
    return Regarded(
        len(answered),
        longest_silence((look.answered_s for look in answered), began_s, ended_s),
        max((look.now_ms - look.as_of_ms for look in answered), default=0) / 1000,
        back_s,
        dict(why_not.most_common()),
        wrong,
    )


def _is_early(look: Look) -> bool:
    return look.as_of_ms > look.now_ms + CLOCKS_MS + look.ahead_ms


def _once_shown(looks: Iterable[Look]) -> list[Look]:
    """But those at what was not shown yet."""
    shown: set[tuple[str, str]] = set()
    found = []
    for look in looks:
        if not look.why_not:
            shown.add((look.event_id, look.at))
        if look.why_not != "UNAVAILABLE" or (look.event_id, look.at) in shown:
            found.append(look)
    return found


def _never(looks: Iterable[Look]) -> Counter[str]:
    return Counter(look.why_not for look in looks if look.why_not and not look.is_passing)


def _in_turn(looks: Iterable[Look]) -> list[tuple[Look, Look]]:
    """Each with the next at the same."""
    last: dict[tuple[str, str], Look] = {}
    pairs = []
    for look in looks:
        of = look.event_id, look.at
        if of in last:
            pairs.append((last[of], look))
        last[of] = look
    return pairs


def _falls(looks: Iterable[Look]) -> list[tuple[Look, Look]]:
    return [(sooner, later) for sooner, later in _in_turn(looks) if later.sequence < sooner.sequence]


def ran_ahead(looks: Iterable[Look], told: Iterable[tuple[int, int]]) -> list[str]:
    """Where something that had been acknowledged before `as_of` was not in what was shown.

    Of one event; `told`: of each write, when that was, in µs since 1970, and the row that it is in.
    """
    moments_us: list[int] = []
    rows: list[int] = []  # the last that had been acknowledged by then
    for told_us, row in sorted(told):
        moments_us.append(told_us)
        rows.append(max(row, rows[-1]) if rows else row)
    wrong = []
    for look in looks:
        before = bisect_left(moments_us, (look.as_of_ms - look.ahead_ms - CLOCKS_MS) * 1000)
        if not look.why_not and before and rows[before - 1] > look.sequence:
            sentence = f"as of {look.as_of_ms} it was shown up to row {look.sequence}"
            wrong.append(f"{look.event_id}: {sentence}, and row {rows[before - 1]} had been acknowledged")
    return wrong

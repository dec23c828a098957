"""What a campaign came to, as JSON and as a table.

`results.json`: `counted`: faults that count; `not_counted`: those without an effect or with too few writes before;
`segments`: see `Segment`; `longest`: for each of whose death or pause there is a figure, the longest time without a
sale after it (`struck`, `count`, `unavailable_s`, `fault`: after which kind, `bound_s`);
`apart`: the kinds that strike one process alone and are no part of the figure of one process, as they have another
bound (`fault`, `struck`, `bound_s`);
`faults`: for each kind of fault `fault`, `inflicted`, `observed`, `ended`, `effects` (what was observed, each time),
`stood_still_s` (`min` and `max`, of who was paused), `count`, `told_s` and `bound_s` (of unavailability),
`unavailable_s` and `recovered_s` and `restored_s` and `took_s`, of who looks at the event `unread_s`, `stalest_s` and
`back_s`, and of who buys baskets `baskets_s` and `split_s` (each `median` and `max`, in seconds; see `fault.Outcome`),
`unread_bound_s`, `baskets_bound_s`, `unread` (codes in place of an answer to who looked), `least_stock` (units left),
`seen` (codes after which clients asked again, with how often), `impatient` (clients that gave up after 20 s), `shown`
(by the journal), `wrong`; `late`: see `lates`;
`unmet`: see `unmet`, of a full run; `untimed`: see `untimed`, of a full run and the short one; `skipped`: faults that
this machine does not allow, with the reason; `code`: see `code_version`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from loadtests.history.calls import Outcome as CallOutcome
from tests.chaos.fault import ONE_PROCESS, SHOWN_WITHIN_S, UNNOTICED_ASKED, Fault, Outcome
from tests.chaos.organizer import Organized
from tests.chaos.organizer_front import Deed
from tests.chaos.recounted import ending, reads

SEEN_SHOWN = 4
UNTIMED_ALLOWED = 0.3  # of a stack's refusals and reads: clocks are moved last, after five faults or twenty
FIGURES = (
    "unavailable_s",
    "recovered_s",
    "restored_s",
    "took_s",
    "unread_s",
    "stalest_s",
    "back_s",
    "baskets_s",
    "split_s",
)
COMPETING = ("UNITS_HELD", "UNITS_SOLD")  # the refusals of buyers who want the same seats
SHOWN_FIGURES = ("unavailable_s", "recovered_s", "restored_s", "unread_s", "stalest_s", "baskets_s", "split_s")
BOUNDS = {
    "unavailable_s": "bound_s",
    "unread_s": "unread_bound_s",
    "baskets_s": "baskets_bound_s",
    "split_s": "baskets_bound_s",
}


class Segment(msgspec.Struct, frozen=True):
    """A stack that has had its faults and was audited.

    `rows`: those audited. `replies`: what clients were told and was held against them. `calls`: all in the histories,
    by kind and outcome, `unresolved` those of which nobody knows what came, `unchecked` those that could not be
    checked, `vague` those refused for what nobody can judge, `elsewhere` by what is in other blocks. `skipped`: faults
    that this machine does not allow, with the reason. `baskets`: those of the replies that were about baskets.
    `refused`: buyers, by code. `untimed`: refusals and reads held against the journal's times alone, as a shard's clock
    was moved, and `timed` those held against the time of the call as well. `organizer`: what became of its writes.
    """

    number: int
    rows: int
    replies: int
    findings: list[str]
    calls: dict[str, int] = {}
    unresolved: int = 0
    unchecked: int = 0
    skipped: dict[str, str] = {}
    baskets: int = 0
    elsewhere: int = 0
    vague: int = 0
    refused: dict[str, int] = {}
    untimed: int = 0
    timed: int = 0
    organizer: Organized = Organized()


def summary(
    outcomes: Sequence[Outcome],
    segments: Sequence[Segment],
    kinds: Sequence[type[Fault]],
    *,
    is_full: bool = False,
    is_planned: bool = False,
) -> dict[str, Any]:
    """What `results.json` says. `is_full`: whether every kind is wanted. `is_planned`: full, or the short one."""
    counted = [outcome for outcome in outcomes if outcome.counted]
    return {
        "counted": len(counted),
        "not_counted": len(outcomes) - len(counted),
        "segments": msgspec.to_builtins(segments),
        "longest": _longest(counted, kinds),
        "apart": _apart(kinds),
        "late": lates(outcomes, kinds),
        "unmet": unmet(outcomes, segments, kinds) if is_full else [],
        "untimed": untimed(outcomes, segments, kinds) if is_planned else [],
        "faults": [_of_kind(kind, [one for one in outcomes if one.fault == kind.what]) for kind in kinds],
        "skipped": _skipped(segments),
    }


def uncounted(outcomes: Sequence[Outcome], kinds: Sequence[type[Fault]]) -> list[type[Fault]]:
    """The kinds of which no fault counted."""
    counted = {outcome.fault for outcome in outcomes if outcome.counted}
    return [kind for kind in kinds if kind.what not in counted]


def unmet(outcomes: Sequence[Outcome], segments: Sequence[Segment], kinds: Sequence[type[Fault]]) -> list[str]:
    """Of which kinds of faults nothing is proven, as none counted or this machine does not allow it; and which of the
    outcomes that a call can have nobody had, and what no organizer has done.
    """
    skipped = _skipped(segments)
    missing = [kind.what for kind in uncounted(outcomes, kinds)]
    return (
        [f"{what}: not one counted" for what in missing if what not in skipped]
        + [f"{what}: was left out: {why}" for what, why in skipped.items() if what in missing]
        + [f"not one call in the histories {what}" for what, number in _by_outcome(segments).items() if not number]
        + [f"nothing was {deed} by an organizer" for deed in Deed if not _organized(segments)[deed]]
    )


def _by_outcome(segments: Sequence[Segment]) -> dict[str, int]:
    calls = _sums(segment.calls for segment in segments)
    return {
        "wrote something": ending(calls, CallOutcome.OK),
        "was refused": _sums(segment.refused for segment in segments).total(),
        "read something": reads(calls),
        "is of unknown outcome": ending(calls, CallOutcome.INFO),
    }


def _organized(segments: Sequence[Segment]) -> Counter[str]:
    return _sums(segment.organizer.acknowledged for segment in segments)


def unaudited(segment: Segment) -> list[str]:
    """What there is nothing of, though crowds bought from the stack all the time: then nothing was checked."""
    had = {
        "row was audited": segment.rows,
        "reply was held against a journal": segment.replies,
        "reply was about a basket": segment.baskets,
        "write is in the histories": ending(segment.calls, CallOutcome.OK),
        "read is in the histories": reads(segment.calls),
        "refusal or read was held against the time": segment.timed,
        **{f"wish was refused with {code}": segment.refused.get(code, 0) for code in COMPETING},
        "write of an organizer was acknowledged": sum(segment.organizer.acknowledged.values()),
    }
    return [f"not one {what}" for what, number in had.items() if not number]


def untimed(outcomes: Sequence[Outcome], segments: Sequence[Segment], kinds: Sequence[type[Fault]]) -> list[str]:
    """On which stacks too many refusals and reads were not held against the time; where clocks alone were moved, some
    are (see `unaudited`).
    """
    of_clocks = {kind.what for kind in kinds if kind.moves_a_clock}
    with_others = {outcome.segment for outcome in outcomes if outcome.fault not in of_clocks}
    return [
        f"segment {segment.number}: {segment.untimed:,} of {total:,} refusals and reads were not held against the time"
        f", over the bound of {UNTIMED_ALLOWED:.0%}"
        for segment in segments
        for total in [segment.untimed + segment.timed]
        if segment.number in with_others and segment.untimed > UNTIMED_ALLOWED * total
    ]


def _skipped(segments: Sequence[Segment]) -> dict[str, str]:
    return {what: why for segment in segments for what, why in segment.skipped.items()}


def _longest(counted: Sequence[Outcome], kinds: Sequence[type[Fault]]) -> list[dict[str, Any]]:
    longest = []
    for struck in dict.fromkeys(kind.struck for kind in kinds if kind.struck):
        of_these = {kind.what: kind for kind in kinds if kind.struck == struck}
        outcomes = [outcome for outcome in counted if outcome.fault in of_these]
        if outcomes:
            worst = max(outcomes, key=lambda outcome: outcome.unavailable_s)
            longest.append(
                {
                    "struck": struck,
                    "count": len(outcomes),
                    "unavailable_s": worst.unavailable_s,
                    "fault": worst.fault,
                    "bound_s": of_these[worst.fault].bound_s,
                }
            )
    return longest


def _apart(kinds: Sequence[type[Fault]]) -> list[dict[str, Any]]:
    return [
        {"fault": kind.what, "struck": kind.struck, "bound_s": kind.bound_s}
        for kind in kinds
        if kind.is_single and kind.struck != ONE_PROCESS
    ]


def _of_kind(kind: type[Fault], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    counted = [outcome for outcome in outcomes if outcome.counted]
    still_s = [outcome.stood_still_s for outcome in counted if outcome.stood_still_s]
    seen: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    for outcome in counted:
        seen.update(outcome.seen)
        unread.update(outcome.unread)
    return {
        "fault": kind.what,
        "inflicted": kind.inflicted,
        "observed": kind.observed,
        "ended": kind.ended,
        "effects": [outcome.effect for outcome in counted],
        "stood_still_s": {"min": min(still_s), "max": max(still_s)} if still_s else None,
        "count": len(counted),
        "told_s": kind.told_s,
        "bound_s": kind.bound_s,
        "unread_bound_s": unread_bound_s(kind),
        "baskets_bound_s": baskets_bound_s(kind),
        **{
            name: {"median": median(values), "max": max(values)} if values else None
            for name in FIGURES
            for values in [[getattr(outcome, name) for outcome in counted]]
        },
        "seen": dict(seen.most_common()),
        "unread": dict(unread.most_common()),
        "impatient": sum(outcome.impatient for outcome in counted),
        "least_stock": min((outcome.stock for outcome in counted), default=None),
        "shown": [outcome.shown for outcome in counted if outcome.shown],
        "wrong": [wrong for outcome in outcomes for wrong in outcome.wrong],
    }


def wrongs(outcomes: Sequence[Outcome], segments: Sequence[Segment]) -> list[str]:
    """All that must not be."""
    return [f"{one.fault}: {wrong}" for one in outcomes for wrong in one.wrong] + [
        f"segment {segment.number}: {finding}"
        for segment in segments
        for finding in (*segment.findings, *unaudited(segment))
    ]


def lates(outcomes: Sequence[Outcome], kinds: Sequence[type[Fault]], allowed: float = 1.0) -> list[str]:
    """After which faults nothing was sold or shown for longer than is promised, or somebody had to ask again although
    nothing is to be noticed: on a machine that does nothing else.

    `allowed`: so many times the bounds, on one that does; then anybody may ask again.
    """
    by_name = {kind.what: kind for kind in kinds}
    unnoticed = [one for one in outcomes if not by_name[one.fault].told_s] if allowed == 1.0 else []
    asked = [(one.fault, sum(one.seen.values())) for one in unnoticed]
    noticed = [f"{fault}: {number} calls were asked again" for fault, number in asked if number > UNNOTICED_ASKED]
    return noticed + [
        f"{one.fault}: nothing was {what} for {took_s:.1f} s, over the bound of {bound_s:.1f} s"
        for one in outcomes
        for kind in [by_name[one.fault]]
        for what, took_s, promised_s in (
            ("sold", one.unavailable_s, kind.bound_s),
            ("shown", one.unread_s, unread_bound_s(kind)),
            ("sold of baskets", one.baskets_s, baskets_bound_s(kind)),
            ("sold of a split event", one.split_s, baskets_bound_s(kind)),
        )
        for bound_s in [promised_s * allowed]
        if took_s > bound_s
    ]


def unread_bound_s(kind: type[Fault]) -> float:
    """The longest time without an answer to who looks at the event."""
    return max(kind.bound_s, SHOWN_WITHIN_S) if kind.unread_bound_s is None else kind.unread_bound_s


def baskets_bound_s(kind: type[Fault]) -> float:
    """The longest time in which nothing is accepted of baskets, or of the split event, where that is timed."""
    return kind.bound_s + kind.baskets_later_s


def write(folder: Path, said: dict[str, Any]) -> None:
    """Keep it in both forms."""
    (folder / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(said)) + b"\n")
    (folder / "results.md").write_text(table(said))


def table(said: dict[str, Any]) -> str:
    """A table in Markdown."""
    lines = [
        "| fault | count | unavailable, median / max, of at most | recovered, max | all restored, max "
        "| nothing shown, max, of at most | shown as of, oldest | no basket, max, of at most "
        "| nothing of a split event, max, of at most | what clients saw |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for of_kind in said["faults"]:
        if not of_kind["count"]:
            continue
        often = list(of_kind["seen"].items())[:SEEN_SHOWN]
        seen = ", ".join(f"{code} {number:,}" for code, number in often) or "nothing"
        gave_up = f"; {of_kind['impatient']} gave up" if of_kind["impatient"] else ""
        most = {name: f"{of_kind[name]['max']:.1f} s" for name in FIGURES}
        most |= {name: f"{most[name]} of {of_kind[bound]:.1f} s" for name, bound in BOUNDS.items()}
        lines.append(
            f"| {of_kind['fault']} | {of_kind['count']} | {of_kind['unavailable_s']['median']:.1f} s / "
            f"{' | '.join(most[name] for name in SHOWN_FIGURES)} | {seen}{gave_up} |"
        )
    lines += [
        "",
        "| death or pause of | count | longest time without a sale | after | bound |",
        "|---|---|---|---|---|",
    ]
    lines += [_longest_line(longest, said["apart"]) for longest in said["longest"]]
    segments = said["segments"]
    rows, replies, baskets, unresolved, unchecked, vague, elsewhere, not_timed, timed = (
        sum(segment[name] for segment in segments)
        for name in ("rows", "replies", "baskets", "unresolved", "unchecked", "vague", "elsewhere", "untimed", "timed")
    )
    by_kind = _sums(segment["calls"] for segment in segments)
    calls = by_kind.total()
    findings = sum(len(segment["findings"]) for segment in segments)
    stocks = [of_kind["least_stock"] for of_kind in said["faults"] if of_kind["count"]]
    lines += [
        "",
        f"{said['counted']} faults counted, {said['not_counted']} not, on {len(segments)} stacks; {rows:,} rows and "
        f"{replies:,} replies audited, {baskets:,} of them about baskets, {findings} findings; "
        f"{calls:,} calls in histories, {unchecked} unchecked, {vague} refused for what nobody can judge "
        f"({vague / max(calls, 1):.2%}), {elsewhere} by other blocks; "
        f"{timed:,} refusals and reads held against the time, {not_timed:,} not; "
        f"{unresolved} of unknown outcome ({unresolved / max(calls, 1):.2%}); when a fault was over, at least "
        f"{min(stocks, default=0):,} units were left.",
        f"Buyers refused: {_in_words(_sums(segment['refused'] for segment in segments))}.",
        f"Calls in histories: {_in_words(by_kind)}.",
        _of_organizers([segment["organizer"] for segment in segments]),
        *(f"{of_kind['fault']}: {_all_shown(of_kind['shown'])}." for of_kind in said["faults"] if of_kind["shown"]),
        *(f"Not on this machine: {what}: {why}." for what, why in said["skipped"].items()),
        *(f"NOT PROVEN: {unmet_one}." for unmet_one in said["unmet"]),
    ]
    return "\n".join(lines) + "\n"


def _of_organizers(organized: Sequence[Mapping[str, Any]]) -> str:
    acknowledged = _sums(one["acknowledged"] for one in organized)
    total, unknown = acknowledged.total(), sum(one["unknown"] for one in organized)
    return (
        f"Organizers: {total:,} writes acknowledged ({_in_words(acknowledged)}), {unknown:,} of unknown outcome "
        f"({unknown / max(total + unknown, 1):.2%})."
    )


def _sums(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {number:,}" for what, number in sorted(counts.items())) or "none"


def _all_shown(shown: Sequence[str]) -> str:
    """What was shown several times, once, with how often."""
    return "; ".join(f"{count} times {one}" if count > 1 else one for one, count in Counter(shown).items())


def _longest_line(longest: dict[str, Any], apart: Sequence[dict[str, Any]]) -> str:
    """That of one process says for which single processes it does not speak, and their bounds."""
    struck = longest["struck"]
    if struck == ONE_PROCESS and apart:
        others = ", ".join(f"{one['fault']} ({one['bound_s']:.1f} s)" for one in apart)
        struck += f"; not in it, each with a bound of its own: {others}"
    return (
        f"| {struck} | {longest['count']} | {longest['unavailable_s']:.1f} s | {longest['fault']} "
        f"| {longest['bound_s']:.1f} s |"
    )

"""What a campaign came to, as JSON and as a table.

`results.json`: `counted`: faults that count; `not_counted`: those without an effect or with too few writes before;
`segments`: for each stack `number`, `rows` and `replies` (audited rows, and replies held against them), `findings`;
`faults`: for each kind of fault `fault`, `inflicted`, `observed`, `ended`, `count`, `bound_s` (of unavailability),
`unavailable_s` and `recovered_s` and `restored_s` (each `median` and `max`, in seconds; see `fault.Outcome`), `seen`
(codes after which clients asked again, with how often), `impatient` (clients that gave up after 20 s), `wrong`;
`skipped`: faults that this machine does not allow, with the reason.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from tests.chaos.fault import Fault, Outcome

SEEN_SHOWN = 4


class Segment(msgspec.Struct, frozen=True):
    """A stack that has had its faults and was audited. `replies`: what clients were told and was held against it."""

    number: int
    rows: int
    replies: int
    findings: list[str]


def summary(
    outcomes: Sequence[Outcome], segments: Sequence[Segment], kinds: Sequence[type[Fault]], skipped: dict[str, str]
) -> dict[str, Any]:
    """What `results.json` says."""
    return {
        "counted": sum(outcome.counted for outcome in outcomes),
        "not_counted": sum(not outcome.counted for outcome in outcomes),
        "segments": msgspec.to_builtins(segments),
        "faults": [_of_kind(kind, [one for one in outcomes if one.fault == kind.what]) for kind in kinds],
        "skipped": skipped,
    }


def _of_kind(kind: type[Fault], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    counted = [outcome for outcome in outcomes if outcome.counted]
    seen: Counter[str] = Counter()
    for outcome in counted:
        seen.update(outcome.seen)
    return {
        "fault": kind.what,
        "inflicted": kind.inflicted,
        "observed": kind.observed,
        "ended": kind.ended,
        "count": len(counted),
        "bound_s": kind.bound_s,
        **{
            name: {"median": median(values), "max": max(values)} if values else None
            for name in ("unavailable_s", "recovered_s", "restored_s")
            for values in [[getattr(outcome, name) for outcome in counted]]
        },
        "seen": dict(seen.most_common()),
        "impatient": sum(outcome.impatient for outcome in counted),
        "wrong": [wrong for outcome in outcomes for wrong in outcome.wrong],
    }


def wrongs(outcomes: Sequence[Outcome], segments: Sequence[Segment]) -> list[str]:
    """All that must not be."""
    return [f"{one.fault}: {wrong}" for one in outcomes for wrong in one.wrong] + [
        f"segment {segment.number}: {finding}" for segment in segments for finding in segment.findings
    ]


def write(folder: Path, said: dict[str, Any]) -> None:
    """Keep it in both forms."""
    (folder / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(said)) + b"\n")
    (folder / "results.md").write_text(table(said))


def table(said: dict[str, Any]) -> str:
    """A table in Markdown."""
    lines = [
        "| fault | count | unavailable, median / max | recovered, max | all restored, max | what clients saw |",
        "|---|---|---|---|---|---|",
    ]
    for of_kind in said["faults"]:
        if not of_kind["count"]:
            continue
        most = list(of_kind["seen"].items())[:SEEN_SHOWN]
        seen = ", ".join(f"{code} {number:,}" for code, number in most) or "nothing"
        gave_up = f"; {of_kind['impatient']} gave up" if of_kind["impatient"] else ""
        unavailable, recovered, restored = (of_kind[name] for name in ("unavailable_s", "recovered_s", "restored_s"))
        lines.append(
            f"| {of_kind['fault']} | {of_kind['count']} | {unavailable['median']:.1f} s / {unavailable['max']:.1f} s "
            f"| {recovered['max']:.1f} s | {restored['max']:.1f} s | {seen}{gave_up} |"
        )
    segments = said["segments"]
    rows, replies, findings = (
        sum(part) for part in zip(*((s["rows"], s["replies"], len(s["findings"])) for s in segments), strict=True)
    ) if segments else (0, 0, 0)  # fmt: skip
    lines += [
        "",
        f"{said['counted']} faults counted, {said['not_counted']} not, on {len(segments)} stacks; {rows:,} rows and "
        f"{replies:,} replies audited, {findings} findings.",
        *(f"Not on this machine: {what}: {why}." for what, why in said["skipped"].items()),
    ]
    return "\n".join(lines) + "\n"

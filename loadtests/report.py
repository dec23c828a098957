"""What a run prints and keeps: the figures, the server's counters, and the audit's verdict."""

from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from actors.audit.audit import BlockSummary
from actors.audit.findings import Finding
from loadtests.changes import Change, Kind
from loadtests.figures import Figures
from loadtests.history.recorded import Checked
from loadtests.history.tally import Tally
from loadtests.house import HouseKind, Way
from loadtests.kills import Kill, felt_until
from loadtests.server import Availability, Counters

FINDINGS_SHOWN = 20
BUSY = 0.9  # a process that uses more of a core than this may be what limits the run


class Audited(msgspec.Struct, frozen=True):
    """What the audit says; `findings` has the first few. `denied_count`: who was told that there is not enough left.

    `sold_count`, `capacity`: units of the event, by its journals.
    """

    reply_count: int
    denied_count: int
    blocks: list[BlockSummary]
    findings: list[Finding]
    finding_count: int
    sold_count: int = 0
    capacity: int = 0
    history: Checked = Checked(Tally(), 0)

    @property
    def clean(self) -> bool:
        """Whether all was audited, the live state and the history too, and nothing is wrong."""
        return self.is_whole and not self.finding_count and self.history.clean

    @property
    def is_whole(self) -> bool:
        """Whether the server told the digest of each block."""
        return all(block.digest_compared for block in self.blocks)


class Report(msgspec.Struct, frozen=True):
    """A run. `cpu_shares`: of a core, by process of buyers. `counters` is None if the server does not tell.

    `seen_last`: what was left when that was last asked, in the time of the sale. `full_at_ms`: when it was first seen
    that nothing is available; from then on who buys waits for what others give up, so the longest gap is one before it.
    """

    event_id: str
    buyers: int
    house: HouseKind
    units: int
    split: int
    best_share: float
    until_sold_out: bool
    processes: int
    elapsed_s: float
    sold_out: bool
    seen_last: Availability | None
    figures: Figures
    cpu_shares: list[float]
    longest_gap_ms: int
    full_at_ms: int | None
    durability: dict[str, str]
    counters: Counters | None
    kills: list[Kill]
    kill_faults: list[str]
    changes: list[Change]
    change_faults: list[str]
    audit: Audited

    @property
    def unexplained(self) -> int:
        """How many answers nothing explains."""
        return sum(self.figures.errors.values()) + len(self.kill_faults) + len(self.change_faults)


def show(report: Report, console: Console) -> None:
    """Print it."""
    figures = report.figures
    rate = figures.new_count / report.elapsed_s
    console.print(
        f"\n[bold]{report.event_id}[/]: {_house(report)}; {report.buyers} buyers for {report.elapsed_s:.1f} s"
    )
    _line(console, "left", _left(report))
    _line(console, "accepted", f"[bold]{rate:,.0f}/s[/] new holds and orders ({figures.new_count:,})")
    _line(console, "", f"{_counts(figures.accepted)}; replays {figures.replayed:,}, vanished {figures.vanished:,}")
    _line(console, "seen", _counts(figures.seen) or "nothing")
    _line(console, "refused", _counts(figures.refused) or "nothing")
    for way in Way:
        if way in figures.held_by or way in figures.refused_by:
            _line(console, way, _asked_for(figures, way))
    _line(console, "asked again", _counts(figures.asked_again) or "never")
    _line(console, "errors", _counts(figures.errors) or "none")
    for protocol in sorted(figures.waits):
        p50, p99 = (figures.wait_ms(share, protocol) for share in (0.5, 0.99))
        _line(console, protocol, f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {sum(figures.waits[protocol].values()):,} calls")
    longest_call_ms = figures.longest_wait_us / 1000
    _line(
        console,
        "longest",
        f"call {longest_call_ms:,.0f} ms; gap without any accepted write {report.longest_gap_ms:,} ms"
        f"{_until_full(report)}",
    )
    _line(console, "batching", _batching(report.counters) + (", since the last kill" if report.kills else ""))
    _line(console, "durability", ", ".join(f"{name} {value}" for name, value in sorted(report.durability.items())))
    _line(console, "loader", _loader(report.cpu_shares))
    for kill, felt_until_ms in zip(report.kills, felt_until(report.kills), strict=True):
        gap_ms = figures.longest_gap_ms(kill.at_ms, felt_until_ms)
        when_s = kill.at_ms / 1000
        _line(
            console,
            f"at {when_s:.1f} s",
            f"kill -9 {kill.pid}, {kill.shard}, which had the block of {report.event_id}, "
            f"{kill.in_flight} commands in flight; gap {gap_ms:,} ms",
        )
    for kind in Kind:
        made = sum(change.kind is kind for change in report.changes)
        if made:
            _line(console, f"{kind}s", f"{made}, each seen to have taken effect")
    for change in report.changes:
        gap_ms = figures.longest_gap_ms(change.began_at_ms, change.felt_until_ms)
        took_s = (change.ended_at_ms - change.began_at_ms) / 1000
        _line(
            console,
            f"at {change.began_at_ms / 1000:.1f} s",
            f"{escape(change.what)} in {took_s:.1f} s: {escape(change.said)}; gap {gap_ms:,} ms",
        )
    for fault in report.change_faults:
        _line(console, "not changed", f"[red]{escape(fault)}[/]")
    for fault in report.kill_faults:
        _line(console, "not killed", f"[red]{escape(fault)}[/]")
    _show_audit(report.audit, console)


def _house(report: Report) -> str:
    split = f", in {report.split} blocks" if report.split else ""
    return f"{report.units:,} units ({report.house}{split})"


def _left(report: Report) -> str:
    if report.sold_out:
        return "nothing: sold out"
    units = report.seen_last
    return "unknown" if units is None else f"{units.available:,} available, {units.held:,} held, {units.sold:,} sold"


def _until_full(report: Report) -> str:
    return "" if report.full_at_ms is None else f", until at {report.full_at_ms / 1000:.1f} s nothing was available"


def _asked_for(figures: Figures, way: Way) -> str:
    held, refused, again = (counts.get(way, 0) for counts in (figures.held_by, figures.refused_by, figures.found_again))
    return f"{held:,} holds ({again:,} found again under their key), refused {refused:,}"


def save(report: Report, file: Path) -> None:
    """Keep it as JSON. Raises OSError."""
    figures = msgspec.structs.replace(report.figures, accepted_at=bytearray(), accepted_over={}, waits={})
    summary = {
        **msgspec.to_builtins(msgspec.structs.replace(report, figures=figures)),
        "changes": [
            {
                **msgspec.to_builtins(change),
                "gap_ms": report.figures.longest_gap_ms(change.began_at_ms, change.felt_until_ms),
            }
            for change in report.changes
        ],
        **{f"{kind}s": sum(change.kind is kind for change in report.changes) for kind in Kind},
        "accepted_per_s": report.figures.new_count / report.elapsed_s,
        "p50_ms": report.figures.wait_ms(0.5),
        "p99_ms": report.figures.wait_ms(0.99),
    }
    file.write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")


def _show_audit(audit: Audited, console: Console) -> None:
    rows = sum(block.row_count for block in audit.blocks)
    entries = sum(block.entry_count for block in audit.blocks)
    _line(
        console,
        "audit",
        f"{rows:,} rows, {entries:,} entries, {audit.reply_count:,} acknowledged replies, "
        f"{audit.denied_count:,} times denied units that can be counted; "
        f"{audit.sold_count:,} of {audit.capacity:,} units sold",
    )
    _show_history(audit.history, console)
    if audit.clean:
        _line(
            console,
            "",
            "[green]clean[/]: nothing sold twice, nothing acknowledged lost, live digest equal, nothing denied wrongly",
        )
        return
    if not audit.is_whole:
        _line(console, "", "[red]incomplete[/]: the server did not tell its digest")
    _line(console, "", f"[red]{audit.finding_count:,} findings[/]")
    for finding in audit.findings:
        console.print(f"    {finding}", style="red", markup=False)


def _show_history(history: Checked, console: Console) -> None:
    tally = history.tally
    _line(
        console,
        "history",
        f"{tally.call_count:,} calls, {tally.info:,} of them without an answer, of {tally.unresolved:,} of which it "
        f"stays unknown what came; {tally.elsewhere:,} refused for what is in other blocks, {tally.borne_out:,} of "
        f"them borne out there; {tally.vague:,} for what nobody can judge; "
        f"checked with the audit in {history.cpu_s:.1f} s of CPU",
    )
    _line(console, "", _counts(tally.calls))
    if not tally.suffices:
        unchecked = tally.unchecked + max(tally.elsewhere - tally.held, 0)
        less = f"{unchecked:,} calls unchecked, {tally.vague:,} vague, {tally.unresolved:,} unknown"
        _line(console, "", f"[red]incomplete[/]: {less}")
    if history.finding_count:
        _line(console, "", f"[red]{history.finding_count:,} calls that the journal does not bear out[/]")


def _line(console: Console, title: str, text: str) -> None:
    console.print(f"  {title:14}{text}")


def _counts(counts: dict[str, int]) -> str:
    most = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{escape(name)} {number:,}" for name, number in most)


def _batching(counters: Counters | None) -> str:
    if counters is None or not counters.batch_count or not counters.commit_count:
        return "the server does not tell"
    return (
        f"{counters.call_count / counters.batch_count:.1f} commands per batch, "
        f"{counters.call_count / counters.commit_count:.1f} per commit "
        f"({counters.commit_count:,} commits, {counters.row_count:,} rows, {counters.entry_count:,} entries)"
    )


def _loader(cpu_shares: list[float]) -> str:
    shares = " + ".join(f"{share:.2f}" for share in cpu_shares)
    limit = "; [yellow]one of them was busy all the time: try --processes[/]" if max(cpu_shares) > BUSY else ""
    return f"{shares} of a core, by process{limit}"

"""What the auditor tells of itself."""

import msgspec


class BlockLag(msgspec.Struct, frozen=True):
    """A block that is not audited to its end. `seconds`: since when that has been so; `trouble`: why it stays so."""

    block: str
    rows: int
    seconds: float
    trouble: str = ""


class AuditorFigures(msgspec.Struct, frozen=True):
    """Since the auditor's process began, but for what is there now: blocks, lag, blocks that cannot be audited.

    `finding_count`: different ones, but for a block that has a great many (see `told`). `stopped_count`: blocks
    quarantined by it. `begun_anew_count`: blocks whose last audited row was not there any more. `kept_bytes`: about the
    memory of audits that are kept, no more than `max_kept_bytes` and the largest of them. `again_count`: blocks that
    are read again from the first row, or wait for that, as there was no room for their audits. `waiting_seconds`: for
    how long a block that is behind was not read on. `lagging`: the worst first. `crossed_count`: how often blocks were
    held against each other; `crossed_ago_s`: when last; `uncrossed_seconds`: for how long that has been due.
    `alarm_count`: told by this process, as are kept until somebody acknowledges them, but for `unkept_count`, for which
    there was no room, or which Postgres refuses.

    `crossing_block_count`: blocks that have anything to do with others. What they show each other is always kept,
    beside `kept_bytes` and without a bound: of `crossing_leg_count` legs of baskets, each at its desk and at the block
    with its units, about `crossing_bytes`.

    `looked_ago_s`: when it last saw where journals end, or began. While something keeps it from looking, as
    `waits_because` says in words, `lag_seconds` is so much at least.
    """

    told_at_ms: int = 0
    block_count: int = 0
    kept_count: int = 0
    kept_bytes: int = 0
    row_count: int = 0
    entry_count: int = 0
    finding_count: int = 0
    alarm_count: int = 0
    stopped_count: int = 0
    begun_anew_count: int = 0
    unaudited_count: int = 0
    lag_rows: int = 0
    lag_seconds: float = 0.0
    lagging: tuple[BlockLag, ...] = ()
    crossed_count: int = 0
    crossed_ago_s: float | None = None
    looked_ago_s: float = 0.0
    waits_because: str = ""
    uncrossed_seconds: float = 0.0
    unkept_count: int = 0
    crossing_block_count: int = 0
    crossing_leg_count: int = 0
    crossing_bytes: int = 0
    max_kept_bytes: int = 0
    again_count: int = 0
    waiting_seconds: float = 0.0

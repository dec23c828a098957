"""Which faults a campaign consists of, and in what order."""

from collections.abc import Sequence
from random import Random

from tests.chaos.database_faults import (
    AllCut,
    CutAfter,
    CutBefore,
    CutDuring,
    PostgresKilled,
    PostgresStopped,
    SlowCommits,
)
from tests.chaos.disk_faults import JournalDiskFull, LogDiskFull
from tests.chaos.fault import Fault
from tests.chaos.inner_faults import ClockAhead, ClockBack, ClockSwings, SentTwice
from tests.chaos.process_faults import (
    DirectoryKilled,
    GatewayKilled,
    GatewayPaused,
    HaproxyKilled,
    ProjectorKilled,
    RayKilled,
    RayletKilled,
    RedisKilled,
    ShardKilled,
    ShardPaused,
)
from tests.chaos.succession_faults import Failover, TwoStacks

Faults = Sequence[type[Fault]]

SHORT: Faults = (ShardKilled, GatewayKilled, CutAfter, PostgresKilled, SentTwice, ClockAhead)
"""One stack, a few minutes."""

ALWAYS: Faults = (
    *(ShardKilled,) * 3,
    *(GatewayKilled,) * 2,
    GatewayPaused,
    HaproxyKilled,
    ProjectorKilled,
    DirectoryKilled,
    RedisKilled,
    PostgresKilled,
    PostgresStopped,
    CutBefore,
    CutDuring,
    CutAfter,
    AllCut,
    SentTwice,
)
"""In every segment."""

IN_TURN: Sequence[Faults] = (
    (ShardPaused, RayletKilled, ClockAhead, ClockBack, JournalDiskFull),
    (SlowCommits, RayKilled, ClockSwings, LogDiskFull, Failover),
    (TwoStacks, ClockAhead, ClockBack, SlowCommits, Failover),
)
"""In every segment, one after the other of these."""

KINDS: Faults = tuple(dict.fromkeys((*ALWAYS, *(fault for faults in IN_TURN for fault in faults))))


def segment_faults(number: int) -> list[type[Fault]]:
    """Those of the segment of a full run that has this number, counted from 0; the order is another each time."""
    faults = [*ALWAYS, *IN_TURN[number % len(IN_TURN)]]
    Random(number).shuffle(faults)
    return faults

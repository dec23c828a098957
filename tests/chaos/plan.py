"""Which faults a campaign consists of, and in what order."""

from collections.abc import Iterable, Sequence
from random import Random

from tests.chaos.backend_faults import (
    CheckpointerKilled,
    CommitBackendKilled,
    CommitBackendPaused,
    CommitBackendPausedCommitting,
    PostmasterPaused,
    WalwriterKilled,
    WalwriterPaused,
)
from tests.chaos.database_faults import (
    AllCut,
    CutAfter,
    CutBefore,
    CutDuring,
    PostgresKilled,
    PostgresStopped,
    SlowAnswers,
    SlowCommits,
)
from tests.chaos.disk_faults import JournalDiskFull, LogDiskFull
from tests.chaos.fault import Fault
from tests.chaos.inner_faults import ClockAhead, ClockBack, ClockSwings, SentTwice
from tests.chaos.pause_faults import (
    AuditorPaused,
    ControllerPaused,
    DirectoryPaused,
    GatewayPaused,
    GcsPaused,
    HaproxyManagerPaused,
    HaproxyPaused,
    ProjectorPaused,
    RayletPaused,
    RedisPaused,
)
from tests.chaos.process_faults import (
    AuditorKilled,
    ControllerKilled,
    DirectoryKilled,
    GatewayAndShardKilled,
    GatewayKilled,
    GcsKilled,
    HaproxyKilled,
    HaproxyManagerKilled,
    ProjectorKilled,
    ProxyActorKilled,
    RayKilled,
    RayletKilled,
    RedisKilled,
    ShardKilled,
    ShardPaused,
)
from tests.chaos.stop_faults import ShardsStopped, ShardStopped
from tests.chaos.succession_faults import Failover, TwoStacks

Faults = Sequence[type[Fault]]

SHORT: Faults = (ShardKilled, GatewayKilled, CutAfter, PostgresKilled, SentTwice, ClockAhead)
"""One stack, a few minutes."""

ALWAYS: Faults = (
    *(ShardKilled,) * 3,
    *(GatewayKilled,) * 2,
    GatewayAndShardKilled,
    HaproxyKilled,
    PostgresKilled,
    CutBefore,
    *(CutDuring,) * 2,
    CutAfter,
    AllCut,
    SentTwice,
)
"""In every segment."""

IN_TURN: Sequence[Faults] = (
    (
        ShardPaused,
        RayletKilled,
        ClockAhead,
        JournalDiskFull,
        RedisKilled,
        HaproxyPaused,
        CommitBackendKilled,
        ShardStopped,
    ),
    (
        SlowCommits,
        RayKilled,
        ClockBack,
        LogDiskFull,
        Failover,
        ProjectorKilled,
        CommitBackendPaused,
        GatewayPaused,
        ShardStopped,
    ),
    (
        TwoStacks,
        Failover,
        ClockSwings,
        PostgresStopped,
        DirectoryKilled,
        HaproxyManagerKilled,
        HaproxyManagerPaused,
        ShardsStopped,
    ),
)
"""In every segment, one after the other of these."""

SELDOM: Faults = (
    SlowAnswers,
    WalwriterKilled,
    CheckpointerKilled,
    ProxyActorKilled,
    ControllerKilled,
    AuditorKilled,
    GcsKilled,
    RayletPaused,
    GcsPaused,
    ControllerPaused,
    DirectoryPaused,
    ProjectorPaused,
    AuditorPaused,
    RedisPaused,
    PostmasterPaused,
    WalwriterPaused,
    CommitBackendPausedCommitting,
)
"""Each in one of nine segments: most of these nobody should notice, and a pause takes half a minute."""

ALL_HAD = 9
"""So many segments have every kind of fault."""

KINDS: Faults = tuple(dict.fromkeys((*ALWAYS, *(fault for faults in IN_TURN for fault in faults), *SELDOM)))


def segment_faults(number: int) -> list[type[Fault]]:
    """Those of the segment of a full run that has this number, counted from 0; the order is another each time."""
    faults = [*ALWAYS, *IN_TURN[number % len(IN_TURN)], *SELDOM[number % ALL_HAD :: ALL_HAD]]
    Random(number).shuffle(faults)
    return clocks_last(faults)


def clocks_last(faults: Iterable[type[Fault]]) -> list[type[Fault]]:
    """So ordered that what comes before a clock is moved is held against the time, as nothing behind it is."""
    return sorted(faults, key=lambda kind: kind.moves_a_clock)

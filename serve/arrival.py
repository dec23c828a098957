"""When a request arrived, so that its limit counts from there and not from when a replica comes to read it.

HAProxy stamps each request once, before a replica sees it, and puts its own stamp in place of a client's. A replica
that hangs is given up after 3 s and another is asked; when it wakes up, what still lies in its sockets is as old as it
is. What is older than its limit is refused undecided; of what is younger see `wakefulness`. Without HAProxy nothing is
stamped, and limits count from when a request is read.

The stamp is by the clock of HAProxy's machine and is compared with this machine's. Where HAProxy's is behind, limits
are shorter by as much, down to nothing: a clock that is behind by a whole limit has everything refused, which says no
and keeps it. There is no age from which a stamp is not believed, as a replica may wake up after any time. Where it is
ahead, limits are longer by as much, but no longer than from when the request was read: late copies may then be served
for as long as the clocks differ. So all machines need synchronised clocks; `holdfast doctor` compares its own with the
database's.
"""

import time
from collections.abc import Sequence

ARRIVED_HEADER = "x-holdfast-arrived-ms"
"""Header over HTTP, metadata over gRPC: milliseconds since 1970 in decimal digits; from HAProxy to replicas only."""

MAX_DIGITS = 15


def wall_ms() -> int:
    """This machine's clock, in milliseconds since 1970."""
    return int(time.time() * 1000)


def arrived_ms(stamps: Sequence[str | bytes]) -> int:
    """When a request arrived that bears these stamps, by this machine's clock: never later than now.

    Now, if there is not exactly one stamp or it is not well formed.
    """
    now_ms = wall_ms()
    if len(stamps) != 1:
        return now_ms
    stamp = stamps[0]
    if not isinstance(stamp, str) or len(stamp) > MAX_DIGITS or not (stamp.isascii() and stamp.isdecimal()):
        return now_ms
    return min(now_ms, int(stamp))

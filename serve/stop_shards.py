"""`holdfast shards stop`: tells shards of this machine to stop, and waits until they have handed over and ended.

What an orchestrator runs before it ends a machine (preStop): Ray itself gives its actors a tenth of a second. They are
told one after the other, each when the one before has its successor, as there is one spare: the successors of many that
leave together would all start at once, for one to two seconds of CPU each, and who has none in time goes without. So
whoever could not wait for one any more is told with all others.
"""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from actors.catalogue.fleet import Fleet, ShardLine
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.journal.journal import Epoch
from actors.link.address import TcpAddress, UnixAddress, parse_address
from serve.local.open_sockets import net_table, opened, socket_of, unix_listeners
from serve.local.processes import is_living

DONE, NOT_DONE = 0, 1
LOOK_S = 0.1
AT_ONCE = 1  # told, and without a successor yet: so many spares there are
LEAVES_WITHIN_S = 20.0  # a shard that is told, at most
_TCP_LISTENS = "0A"  # the kernel's mark of a socket that listens
_SHARD = re.compile(rb"ray::(?:[\w-]+:)?Shard\b")


def run_stop(database_url: str, names: Sequence[str], bound_s: float, console: Console, errors: Console) -> int:
    """Stop these shards, or all of this machine; print how each went. 1: one is not here, or lives when time is up."""
    try:
        return asyncio.run(_stop(database_url, names, bound_s, console, errors))
    except CatalogueUnavailable as fault:
        errors.print(f"shards: {fault}", markup=False)
        return NOT_DONE


async def _stop(database_url: str, names: Sequence[str], bound_s: float, console: Console, errors: Console) -> int:
    fleet = Fleet(database_url, application_name="holdfast shards stop")
    try:
        here = {line.shard: line for line in await fleet.shards() if _is_here(line)}
        for name in names:
            if name not in here:
                errors.print(f"shards: {name} does not run on this machine", markup=False)
                return NOT_DONE
        stopping = {name: line for name, line in here.items() if not names or name in names}
        if not stopping:
            console.print("no shard runs on this machine", markup=False)
        await _stop_in_turn(fleet, stopping, bound_s, console)
    finally:
        await fleet.close()
    for line in stopping.values():
        errors.print(f"shards: {line.shard} (process {line.pid}) has not ended in {bound_s:.0f} s", markup=False)
    return NOT_DONE if stopping else DONE


async def _stop_in_turn(fleet: Fleet, stopping: dict[str, ShardLine], bound_s: float, console: Console) -> None:
    """Until all have ended, or time is up; whoever ends is taken out."""
    began_s = time.monotonic()
    told_s: dict[str, float] = {}
    untold, handing_over = list(stopping.values()), list[ShardLine]()
    while stopping and (now_s := time.monotonic()) - began_s < bound_s:
        if untold:
            handing_over = await _unsucceeded(fleet, handing_over)
        while untold and (len(handing_over) < AT_ONCE or now_s - began_s >= bound_s - LEAVES_WITHIN_S):
            line = untold.pop(0)
            handing_over.append(line)
            told_s[line.shard] = time.monotonic()
            with suppress(ProcessLookupError):
                os.kill(line.pid or 0, signal.SIGTERM)
        await asyncio.sleep(LOOK_S)
        for name, line in list(stopping.items()):
            if name in told_s and not is_living(line.pid or 0):
                del stopping[name]
                console.print(await _told(fleet, line, time.monotonic() - told_s[name]), markup=False)


async def _unsucceeded(fleet: Fleet, lines: list[ShardLine]) -> list[ShardLine]:
    """Those that have no successor, as far as that is known. One to whom nobody is connected may end before it has."""
    if not lines:
        return []
    try:
        newest = {line.shard: line.epoch for line in await fleet.shards()}
    except CatalogueUnavailable:
        return lines
    return [line for line in lines if newest.get(line.shard) == line.epoch]


def _is_here(line: ShardLine) -> bool:
    """Whether its process is here, and is that very shard: numbers and titles are the same in many containers."""
    if not line.pid or not line.address:
        return False
    try:
        is_shard = _SHARD.match(Path(f"/proc/{line.pid}/cmdline").read_bytes())
        return bool(is_shard) and not _listening(line.pid, line.address).isdisjoint(opened(line.pid))
    except (OSError, ValueError):  # it is gone, or another user's; or the address is not one of this machine
        return False


def _listening(pid: int, address: str) -> set[str]:
    """What listens at the address where the process is, in the kernel's words. Raises OSError, ValueError."""
    match parse_address(address):
        case UnixAddress(path=path):
            return {socket for name, socket in unix_listeners(pid) if name == path}
        case TcpAddress(host=host, port=port):
            family, table = (socket.AF_INET6, "tcp6") if ":" in host else (socket.AF_INET, "tcp")
            packed = socket.inet_pton(family, host)
            words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
            at = f"{''.join(f'{word:08X}' for word in words)}:{port:04X}"
            columns = (row.split() for row in net_table(table, pid))
            return {socket_of(row[9]) for row in columns if (row[1], row[3]) == (at, _TCP_LISTENS)}


async def _told(fleet: Fleet, old: ShardLine, seconds: float) -> str:
    try:
        newest = next((line.epoch for line in await fleet.shards() if line.shard == old.shard), None)
    except CatalogueUnavailable as fault:
        return f"{old.shard} has ended after {seconds:.1f} s, and nobody says whether it has a successor: {fault}"
    if newest is None or newest == old.epoch:
        return f"{old.shard} has ended after {seconds:.1f} s, without a successor yet"
    return f"{old.shard} has handed over to incarnation {Epoch.unpacked(newest).incarnation} in {seconds:.1f} s"

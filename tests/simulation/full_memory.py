"""Shards of a simulated run that have memory for two blocks or three, so that some go and come all the time."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from actors.engine import eviction
from actors.engine.hosted import HostedBlock
from actors.engine.residence import Residence
from tests.simulation.faults import Fault, Faults

MAX_BYTES = 60_000
IDLE_S = 0.2
DUE_SOON_MS = 1
LOOKED_EVERY_S = 0.1


@contextmanager
def full_memory(faults: Faults) -> Iterator[None]:
    """It takes effect whenever a block is let go. If it is not switched on, there is memory for all."""
    if not faults.on(Fault.FULL_MEMORY):
        yield
        return
    evict = Residence.evict

    def counted(residence: Residence, hosted: HostedBlock) -> None:
        evict(residence, hosted)
        faults.took_effect(Fault.FULL_MEMORY)

    small = patch.multiple(
        eviction, MAX_BYTES=MAX_BYTES, IDLE_S=IDLE_S, DUE_SOON_MS=DUE_SOON_MS, LOOKED_EVERY_S=LOOKED_EVERY_S
    )
    with small, patch.object(Residence, "evict", counted):
        yield

"""Every fault either stops a block or raises an alarm, and it is said why."""

from actors.audit.findings import Fault
from actors.auditor.dangers import DANGERS


def test_every_fault_is_judged_with_a_reason() -> None:
    assert DANGERS.keys() == set(Fault)
    assert all(danger.because for danger in DANGERS.values())


def test_what_sells_a_unit_twice_stops_and_what_sells_too_little_does_not() -> None:
    assert DANGERS[Fault.UNIT_CLAIMED_TWICE].stops
    assert DANGERS[Fault.CHAIN_BROKEN].stops
    assert not DANGERS[Fault.NEVER_EXPIRED].stops

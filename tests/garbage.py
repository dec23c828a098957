"""How often tests and simulated runs look for garbage that refers to itself: there is little, and it costs a tenth."""

import gc

_ALLOCATIONS = 100_000  # 700 if nothing is said


def look_for_it_seldom() -> None:
    """From now on, in this process: it is some 20 MiB larger then."""
    gc.set_threshold(_ALLOCATIONS, 20, 100)

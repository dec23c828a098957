"""How long things are remembered, broken by a patch of the shipped code; it shows where lives are short."""

import pytest

from actors.core import block as core
from actors.core import keys
from actors.core.state import BlockState
from tests.simulation.clocks import now_ms

EARLY_MS = 20_000


def all_is_forgotten_early(patch: pytest.MonkeyPatch) -> None:
    """Keys, holds, waiters and barred legs live for less long than they are to."""
    patch.setattr(core, "prune", lambda state, at_ms: keys.prune(state, at_ms + EARLY_MS))


def all_is_forgotten_by_a_clock(patch: pytest.MonkeyPatch) -> None:
    """What is over is forgotten by when its entry is applied, not by when that was decided."""

    def prune(state: BlockState, _: int) -> None:
        keys.prune(state, now_ms())

    patch.setattr(core, "prune", prune)

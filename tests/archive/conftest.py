"""A world per test, as the projections have it."""

from tests.projections.conftest import world

__all__ = ["world"]

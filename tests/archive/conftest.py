"""A world per test, as the projections have it."""

from tests.projections.conftest import own_database_url, world

__all__ = ["own_database_url", "world"]

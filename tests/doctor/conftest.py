"""Events that sell in a database of their own, and a Redis, as the tests of projections have them."""

from tests.projections.conftest import redis, world

__all__ = ["redis", "world"]

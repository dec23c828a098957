"""Events that sell in a database of their own, and a Redis, as the tests of projections have them."""

from tests.projections.conftest import own_database_url, redis, world

__all__ = ["own_database_url", "redis", "world"]

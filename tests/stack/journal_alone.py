"""The journal of a stack that does not run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve.local.postgres import Postgres
from serve.local.preflight import free_port


@contextmanager
def journal_alone(data_dir: Path) -> Iterator[str]:
    """Postgres on that data folder, and nothing beside it: where it is."""
    password = data_dir / "secrets" / "postgres"
    postgres = Postgres(data_dir / "postgres", free_port(), password, log=data_dir / "logs" / "alone.log")
    postgres.start()
    try:
        yield postgres.url
    finally:
        postgres.stop()

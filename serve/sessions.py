"""Who works beside the shards, by its sessions in Postgres: is it there, and has it asked anything lately?

Ray starts again what dies, and never what hangs. Each of them asks Postgres at least once a second, so whoever hangs
shows in the time of its sessions' last change. One that hangs is ended by another that does not (`actors.watchdog`).
"""

from pathlib import Path
from typing import NamedTuple

from actors.catalogue.fleet import DIRECTORY_SESSION
from actors.database.queries import load_queries
from actors.projections.positions import PROJECTOR_SESSION

SQL = load_queries(Path(__file__).parent / "sql" / "sessions.sql")
SILENT_S = 10.0


class Sessions(NamedTuple):
    """Of one name. `silent_s`: since one of them last asked or was answered; None if that is not for this role to see.

    `is_served`: whether any shard beats.
    """

    name: str
    is_served: bool
    is_connected: bool
    silent_s: float | None

    def fault(self, bound_s: float = SILENT_S) -> str:
        """What is wrong with whom they are of; empty if nothing is, or where nobody beats who would need it."""
        if not self.is_connected:
            return "none runs" if self.is_served else ""
        if self.silent_s is not None and self.silent_s > bound_s:
            return f"its sessions in Postgres have stood still for {self.silent_s:.0f} s"
        return ""


class Needed(NamedTuple):
    """Who works beside the shards: the name of its sessions, its actor, and what is lost meanwhile."""

    session: str
    actor: str
    meanwhile: str

    @property
    def advice(self) -> str:
        """What to do about one that hangs."""
        return (
            f"{self.meanwhile}: see its log, and kill the process ray::{self.actor} if there is one; Ray starts another"
        )


NEEDED = {
    "directory": Needed(DIRECTORY_SESSION, "Directory", "a shard that dies now, or leaves, gets no successor"),
    "projector": Needed(PROJECTOR_SESSION, "ProjectorService", "availability and lists stand still"),
}
"""By what they are called. The auditor is not among them: it tells more of itself (see `auditor_signs`)."""

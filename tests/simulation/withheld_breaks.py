"""Ways to break what quarantines rest on, and what is shown when a hold is due (see `controls`)."""

from typing import Any

import pytest

from actors.engine.leaving import Leaver
from actors.engine.withholding import Withholding
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.projection import Progress


def quarantines_stop_nobody(patch: pytest.MonkeyPatch) -> None:
    """A block that is here when it is quarantined is served on."""
    patch.setattr(Withholding, "_withhold", lambda *_: None)


def who_leaves_hears_nothing(patch: pytest.MonkeyPatch) -> None:
    """A shard that asks for its successor does not heed what else it is told."""

    class Deaf(Withholding):
        def heed(self, *_: object) -> None:
            """Do nothing."""

    begin = Leaver.__init__

    def deaf(self: Leaver, *arguments: Any) -> None:
        begin(self, *arguments)
        self._withholding = Deaf.__new__(Deaf)
        self._withholding.__dict__.update(vars(arguments[-2]))

    patch.setattr(Leaver, "__init__", deaf)


def corrections_believe_the_clock(patch: pytest.MonkeyPatch) -> None:
    """A quarantine began when the catalogue says, though by the block's time that is yet to come."""
    patch.setattr("actors.core.corrections.min", lambda since_ms, _: since_ms, raising=False)


def deadlines_are_not_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What is due no more stays in the list of deadlines."""
    write = DeadlinesProjection.write

    async def writing(self: DeadlinesProjection, connection: Any, progress: list[Progress]) -> None:
        execute = connection.execute

        async def remembering(query: str, *columns: Any) -> None:
            if "delete" not in query:
                await execute(query, *columns)

        patched = pytest.MonkeyPatch()
        patched.setattr(connection, "execute", remembering, raising=False)
        await write(self, connection, progress)
        patched.undo()

    patch.setattr(DeadlinesProjection, "write", writing)

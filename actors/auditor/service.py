"""The Ray actor around the auditor: start it, show its figures, and leave if it fails, so that Ray starts it anew."""

import asyncio
import os
import time

import msgspec
import ray
import structlog

from actors.auditor.alarms import Alarms
from actors.auditor.auditor import Auditor
from actors.auditor.board import Board
from actors.auditor.journals import Journals
from actors.catalogue.quarantines import Quarantines
from actors.core.ids import BlockId
from actors.logs import configure_logs

_log = structlog.get_logger(__name__)

SHOWN_EVERY_S = 1.0
NICENESS = 10  # whoever sells goes first


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class AuditorService:
    """One per cluster, of this generation, by name. Audits every journal from the start of its process, each from its
    first row.
    """

    def __init__(self, database_url: str, redis_url: str, log_level: str, generation: int) -> None:
        configure_logs(log_level)
        os.nice(NICENESS)
        self._auditor = Auditor(
            Journals(database_url),
            Quarantines(database_url, generation=generation, application_name="holdfast-auditor-quarantines"),
            Alarms(database_url, application_name="holdfast-auditor-alarms"),
        )
        self._board = Board(redis_url)
        self._running = asyncio.create_task(self._run())
        self._showing = asyncio.create_task(self._show())

    async def pid(self) -> int:
        """The process of this actor."""
        return os.getpid()

    async def hint(self, blocks: list[BlockId]) -> None:
        """These blocks have moved (see `Auditor.hint`)."""
        self._auditor.hint(blocks)

    async def _run(self) -> None:
        try:
            await self._auditor.run()
        except Exception as bug:  # noqa: BLE001  whatever it is, a new process begins from the journal
            _log.error("the auditor failed", exc_info=bug)
        os._exit(1)

    async def _show(self) -> None:
        while True:
            figures = msgspec.structs.replace(self._auditor.figures, told_at_ms=int(time.time() * 1000))
            await self._board.show(figures)
            await asyncio.sleep(SHOWN_EVERY_S)

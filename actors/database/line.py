"""A line to Postgres: one connection, one statement at a time, never cancelled, only cut off."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog

from actors.apart import apart
from actors.database.connect import FAULTS, Connection, connect, cut, told_when_cut

_log = structlog.get_logger(__name__)

REFUSALS_TOLD_EVERY_S = 10.0
WARNINGS_TOLD_EVERY_S = 10.0

# The function of Postgres that warns when its wait for the replicas was cut short: the commit may be nowhere but here.
_WAIT_FOR_REPLICAS = "SyncRepWaitForLSN"

# What does not pass by itself: data, constraints, authorization, names, privileges, syntax, limits, the disk's own
# errors, a trigger's, damaged files. Everything else may: connections, resources, conflicts, shutdown, a standby that
# is no primary.
_LASTING_CLASSES = frozenset(("22", "23", "28", "3D", "3F", "42", "44", "54", "58", "P0", "XX"))

R = TypeVar("R")


class LineUnavailable(Exception):
    """The database cannot be reached, or not now; what became of a statement that was under way is unknown.

    `sqlstate`: what Postgres said, if it was Postgres that spoke.
    """

    def __init__(self, why: str = "", sqlstate: str = "") -> None:
        super().__init__(why)
        self.sqlstate = sqlstate


class LineRefused(LineUnavailable):
    """Postgres refuses this statement, and will until somebody changes something there.

    Never raised where it lets nobody in: that says nothing of the statement, which was not sent.
    """


class LineLate(LineUnavailable):
    """The statement was under way, and took longer than its bound."""


class Line:
    """Connects when first used, and anew after a fault; `first` is a statement with which each connection begins.

    A statement that takes longer than `bound_ms` is given up by closing the socket: its outcome is then unknown. It is
    as well where Postgres warns that the wait for the replicas was cut short; other warnings are logged, and change
    nothing. What it refuses for good is logged as an error, as whoever asks will mostly just ask again.
    """

    def __init__(
        self,
        database_url: str,
        *,
        application_name: str,
        settings: Mapping[str, str] | None = None,
        first: str = "",
        bound_ms: int = 5_000,
    ) -> None:
        self._database_url = database_url
        self._application_name = application_name
        self._settings = settings
        self._first = first
        self._bound_ms = bound_ms
        self._connection: Connection | None = None
        self._is_late = False  # the statement that runs was cut off by its bound
        self._doubt: str | None = None  # why the outcome of the statement that runs is unknown, although it is done
        self._turn = asyncio.Lock()
        self._closed = False
        self._told_s: dict[str, float] = {}  # when what was said last, by the loop's clock

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """The rows of one statement. Raises LineUnavailable."""
        return await self.run(lambda connection: connection.fetch(query, *arguments))

    async def run(self, statement: Callable[[Connection], Awaitable[R]], *, bound_ms: int | None = None) -> R:
        """Run the statement when it is its turn, in a task of its own: a caller that goes away cancels nothing.

        `bound_ms`: where not that of the line. Raises LineUnavailable; LineLate after that bound.
        """
        return await apart(self._run(statement, bound_ms or self._bound_ms))

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        self._closed = True
        self._cut()

    async def _run(self, statement: Callable[[Connection], Awaitable[R]], bound_ms: int) -> R:
        async with self._turn:
            connection = await self._connected()
            self._doubt = None
            self._is_late = False
            try:
                done = await self._bounded(statement, connection, bound_ms)
            except FAULTS as fault:
                unavailable = self._unavailable(fault, "a statement", LineRefused)
                if not isinstance(unavailable, LineRefused):  # else the connection is as good as before
                    self._cut()
                    if self._is_late:
                        raise LineLate(str(unavailable), unavailable.sqlstate) from fault
                raise unavailable from fault
            except BaseException:
                self._cut()
                raise
            if self._doubt is not None:
                self._cut()
                raise LineUnavailable(self._doubt)
            return done

    async def _bounded(
        self, statement: Callable[[Connection], Awaitable[R]], connection: Connection, bound_ms: int
    ) -> R:
        bound = asyncio.get_running_loop().call_later(bound_ms / 1000, self._give_up, connection)
        try:
            with told_when_cut(connection):
                return await statement(connection)
        finally:
            bound.cancel()

    def _give_up(self, connection: Connection) -> None:
        self._is_late = True
        cut(connection)

    async def _connected(self) -> Connection:
        if not self._closed and (self._connection is None or self._connection.is_closed()):
            try:
                await self._connect()
            except FAULTS as fault:
                self._cut()
                raise self._unavailable(fault, "a connection", LineUnavailable) from fault
            except BaseException:
                self._cut()
                raise
        if self._closed:
            self._cut()
            raise LineUnavailable("the line is closed")
        return self._connection

    async def _connect(self) -> None:
        self._connection = await connect(
            self._database_url,
            application_name=self._application_name,
            settings=self._settings,
            bound_ms=self._bound_ms,
        )
        self._connection.add_log_listener(self._noticed)
        if self._first:
            await self._bounded(lambda connection: connection.execute(self._first), self._connection, self._bound_ms)

    def _unavailable(self, fault: Exception, what: str, refused: type[LineUnavailable]) -> LineUnavailable:
        """What to raise; `refused` if it is for good, and then it is said aloud."""
        sqlstate: str = getattr(fault, "sqlstate", None) or ""
        why = " ".join(filter(None, (type(fault).__name__, sqlstate))) + f": {fault}"
        if sqlstate[:2] not in _LASTING_CLASSES:
            return LineUnavailable(why, sqlstate)
        if self._is_due(sqlstate, REFUSALS_TOLD_EVERY_S):
            _log.error(f"postgres refuses {what}", line=self._application_name, sqlstate=sqlstate, fault=why)
        return refused(why, sqlstate)

    def _noticed(self, _connection: Connection, notice: Any) -> None:
        """Tell the one warning that leaves the outcome unknown from those that need not stop anybody.

        By the function that warns, as the text is translated. A pooler may have stripped that, or how severe it is in
        English: then it may be the one.
        """
        if notice.severity_en not in ("WARNING", None):
            return
        function = notice.server_source_function
        if function in (_WAIT_FOR_REPLICAS, None):
            self._doubt = str(notice)
        elif self._is_due(function, WARNINGS_TOLD_EVERY_S):
            _log.warning("postgres warns", line=self._application_name, sqlstate=notice.sqlstate, why=str(notice))

    def _is_due(self, what: str, every_s: float) -> bool:
        """Whether it is time to say this again; it is then taken as said."""
        now_s = asyncio.get_running_loop().time()
        is_due = what not in self._told_s or now_s - self._told_s[what] >= every_s
        if is_due:
            self._told_s[what] = now_s
        return is_due

    def _cut(self) -> None:
        if self._connection is not None:
            cut(self._connection)
            self._connection = None

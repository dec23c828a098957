"""The wire between a stack and its Postgres: it can lose, hold and cut what is said, and lead to another server."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from tests.chaos.resent import Resent
from tests.journal.relay import READY_FOR_QUERY, Relay
from tests.stack.census import sockets_of

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_BIND, _SYNC = b"B", b"S"
_SYNC_WORD = b"S\0\0\0\4"
_REFUSED = b"E"
_CHUNK = 65536
_LOOKS = 10  # the kernel may leave a socket out where others come and go while it tells of them


class Cut(StrEnum):
    """Where a connection is cut that is to commit something.

    DURING: every other time all is sent on but the word at which Postgres commits what it has done. Where that is sent
    on as well, the commit is on its way while the shard sends the same rows again over another line: these two race.
    """

    BEFORE = "before the commit reaches Postgres"
    DURING = "when the commit was sent on"
    AFTER = "between commit and acknowledgement"


class Wire(Relay):
    """Knows which connections are shards' commit lines, and on them where a statement ends.

    `held_count`: answers to commits that were held back; `refused_count`: connections that found no server;
    `commit_line_count`: commit lines that were opened; `resent`: the rows of the statement whose line was cut last.
    """

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self.held_count = 0
        self.refused_count = 0
        self.commit_line_count = 0
        self.resent: Resent | None = None
        self._leaves_out_commit = False
        self._hold_s = 0.0
        self._open: set[Passage] = set()
        self._followed: dict[int, list[Passage]] = {}
        self._armed: tuple[Cut, asyncio.Future[str]] | None = None

    def lead_to(self, database_url: str) -> None:
        """New connections go to this server; those that are open stay as they are."""
        self._database = urlsplit(database_url)

    def cut_next_commit(self, where: Cut) -> "asyncio.Future[str]":
        """Cut the next connection that commits something; the future says what was seen when it was."""
        seen = asyncio.get_running_loop().create_future()
        self._armed = where, seen
        self.resent = None
        return seen

    def cut_all(self) -> int:
        """Cut every connection; how many there were."""
        passages = list(self._open)
        for passage in passages:
            passage.cut()
        return len(passages)

    def commit_lines(self, shard: str) -> "list[Passage]":
        """The open ones of this shard."""
        return [passage for passage in self._open if f"-{shard}-commit\0".encode() in passage.startup]

    def follow(self, pid: int) -> "list[Passage]":
        """The commit lines of this process, those that are open now, and from now on each that it opens."""
        lines = [passage for passage in self._open if passage.commits and passage.is_of(pid)]
        self._followed[pid] = lines
        return lines

    def hold_answers(self, seconds: float) -> None:
        """Give each answer to a commit so much later; 0: at once."""
        self._hold_s = seconds

    async def _accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(self._database.hostname, self._database.port)
        except OSError:
            self.refused_count += 1
            client_writer.transport.abort()
            return
        passage = Passage(client_writer, server_writer)
        self._open.add(passage)
        for passing in (
            self._pass_requests(passage, client_reader, server_reader),
            self._pass_replies(passage, server_reader),
        ):
            task = asyncio.create_task(passing)
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass_requests(
        self, passage: "Passage", client: asyncio.StreamReader, server: asyncio.StreamReader
    ) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                startup = await _startup(client)
                if startup == _SSL_REQUEST:
                    passage.server.write(startup)
                    passage.client.write(await server.readexactly(1))
                    startup = await _startup(client)
                passage.startup = startup
                self.commit_line_count += passage.commits
                for pid, lines in self._followed.items() if passage.commits else ():
                    if passage.is_of(pid):
                        lines.append(passage)
                passage.server.write(startup)
                passage.started.set()
                if passage.commits:
                    async for statement in _statements(client):
                        await self._forward(passage, statement)
                else:
                    while request := await client.read(_CHUNK):
                        passage.server.write(request)
                        await passage.server.drain()
        finally:
            passage.started.set()
            passage.server.close()

    async def _forward(self, passage: "Passage", statement: bytes) -> None:
        passage.statement_count += statement[:1] == _BIND
        if self.resent is not None and not self.resent.landed.done() and self.resent.is_in(statement):
            passage.resent = self.resent
        if self._armed is None or statement[:1] != _BIND:
            passage.server.write(statement)
            await passage.server.drain()
            return
        (where, seen), self._armed = self._armed, None
        self.resent = Resent(statement)
        sent = b"" if where is Cut.BEFORE else statement
        if where is Cut.DURING:
            self._leaves_out_commit = not self._leaves_out_commit
            self.resent.lacks_commit = self._leaves_out_commit
            sent = statement.removesuffix(_SYNC_WORD) if self._leaves_out_commit else statement
        passage.swallowing = seen if where is Cut.AFTER else None
        passage.server.write(sent)
        await passage.server.drain()
        if where is not Cut.AFTER:
            passage.cut()
            _tell(seen, f"the wire cut a statement {where}, of which {len(sent)} of {len(statement)} bytes had passed")

    async def _pass_replies(self, passage: "Passage", server: asyncio.StreamReader) -> None:
        swallowed = resent = b""
        try:
            await passage.started.wait()
            with suppress(OSError):
                while reply := await server.read(_CHUNK):
                    if passage.swallowing is not None:
                        swallowed += reply
                        if swallowed.endswith(READY_FOR_QUERY):
                            if _REFUSED not in _kinds(swallowed):
                                _tell(
                                    passage.swallowing, f"the wire kept the answer to a commit, {len(swallowed)} bytes"
                                )
                            return
                        continue
                    if passage.resent is not None:
                        resent += reply
                        if resent.endswith(READY_FOR_QUERY):
                            passage.resent.meet(resent)
                            passage.resent, resent = None, b""
                    if self._hold_s and passage.commits:
                        await asyncio.sleep(self._hold_s)
                        self.held_count += 1
                    passage.client.write(reply)
                    await passage.client.drain()
        finally:
            self._open.discard(passage)
            passage.client.transport.abort()


class Passage:
    """One connection: its two ends, and what is to become of it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.startup = b""
        self.statement_count = 0  # on a commit line
        self.started = asyncio.Event()
        self.swallowing: asyncio.Future[str] | None = None
        self.resent: Resent | None = None  # what is sent over it for the second time

    @property
    def commits(self) -> bool:
        """Whether it is a shard's commit line."""
        return b"-commit\0" in self.startup

    def is_of(self, pid: int) -> bool:
        """Whether the client is this process, as the kernel says; of one that is gone nobody knows."""
        client, own = (self.client.get_extra_info(name)[1] for name in ("peername", "sockname"))
        return _socket_between(client, own) in sockets_of(pid)

    def cut(self) -> None:
        """Both ends; what was written to the server still reaches it."""
        self.client.transport.abort()
        self.server.close()


def _socket_between(port: int, other: int) -> str:
    """The inode of the socket at this port of the loopback interface that leads to the other; empty if there is none.

    A port alone does not tell: others that had it may still be waiting for their end.
    """
    ends = [f"0100007F:{port:04X}", f"0100007F:{other:04X}"]
    for _ in range(_LOOKS):
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[1:3] == ends:
                return words[9]
    return ""


def _tell(seen: "asyncio.Future[str]", what: str) -> None:
    if not seen.done():
        seen.set_result(what)


async def _startup(client: asyncio.StreamReader) -> bytes:
    """A client's first words, which bear their length only."""
    length = await client.readexactly(4)
    return length + await client.readexactly(int.from_bytes(length) - 4)


def _kinds(answer: bytes) -> bytes:
    """Of the words of an answer: a byte each."""
    kinds = b""
    while answer:
        kinds += answer[:1]
        answer = answer[1 + int.from_bytes(answer[1:5]) :]
    return kinds


async def _statements(client: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What the client says, word by word, but from a bind to the next sync in one piece."""
    statement = b""
    while kind := await client.read(1):
        length = await client.readexactly(4)
        statement += kind + length + await client.readexactly(int.from_bytes(length) - 4)
        if statement[:1] == _BIND and kind != _SYNC:
            continue
        yield statement
        statement = b""

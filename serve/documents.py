"""Layouts and rules as they arrive with an event: JSON documents, judged as a whole, every fault named; and a
layout as it is given back, to be edited.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from actors.apart import apart
from actors.core.ids import BlockId
from actors.core.layout import Layout
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import EventReply
from actors.core.rules import Rules
from actors.layout_files.faults import FieldFault
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from actors.layout_files.rules_file import parse_rules
from actors.parking import NoRoomLeft, Room, Space
from serve.admission import Envelope
from serve.layout_reader import LayoutFileError, decode_json
from serve.refusals import invalid
from serve.validation import is_said

# What waits for a thread or has one: in all and of a tenant. A large layout takes a second, of all threads' time.
MAX_DOCUMENTS, MAX_DOCUMENTS_BYTES = 64, 32 << 20
MAX_DOCUMENTS_PER_TENANT, MAX_DOCUMENTS_BYTES_PER_TENANT = 32, 16 << 20
THREADS = 2

T = TypeVar("T")


class LayoutDocument(msgspec.Struct, frozen=True):
    """An event's layout as a JSON document that `read_documents` takes, and the revision of the event that has it."""

    block: BlockId
    revision: int
    layout_version: int
    layout: msgspec.Raw


class Scriptorium:
    """Where documents are read and written, beside the event loop: so much at once, none for whose time is up."""

    def __init__(self) -> None:
        self._room = Room(
            Space(MAX_DOCUMENTS, MAX_DOCUMENTS_BYTES), Space(MAX_DOCUMENTS_PER_TENANT, MAX_DOCUMENTS_BYTES_PER_TENANT)
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="documents")

    async def read(
        self, tenant: str, envelope: Envelope, layout: msgspec.Raw, rules: msgspec.Raw
    ) -> tuple[Layout | None, Rules | None] | Rejected:
        """See `read_documents`."""
        size_bytes = len(bytes(layout)) + len(bytes(rules))
        return await self._done(tenant, envelope, size_bytes, lambda: read_documents(layout, rules))

    async def write(
        self, tenant: str, envelope: Envelope, block: BlockId, event: EventReply
    ) -> LayoutDocument | Rejected:
        """See `written_layout`."""
        return await self._done(tenant, envelope, 0, lambda: written_layout(block, event))

    async def _done(
        self, tenant: str, envelope: Envelope, size_bytes: int, work: Callable[[], T | Rejected]
    ) -> T | Rejected:
        """Nothing has been asked of any block yet, so that every refusal is a no."""
        try:
            async with asyncio.timeout(envelope.left_ms() / 1000):
                return await apart(self._in_turn(tenant, envelope, size_bytes, work))
        except NoRoomLeft:
            return Rejected(Reason.OVERLOADED)
        except TimeoutError:
            return Rejected(Reason.DEADLINE_EXCEEDED)

    async def _in_turn(
        self, tenant: str, envelope: Envelope, size_bytes: int, work: Callable[[], T | Rejected]
    ) -> T | Rejected:
        def unless_late() -> T | Rejected:
            return work() if envelope.left_ms() else Rejected(Reason.DEADLINE_EXCEEDED)

        with self._room.entered(tenant, size_bytes):
            return await asyncio.get_running_loop().run_in_executor(self._threads, unless_late)


def written_layout(block: BlockId, event: EventReply) -> LayoutDocument:
    """The event's layout, written. May take a tenth of a second for a large one."""
    document = msgspec.Raw(msgspec.json.encode(layout_to_raw(event.layout)))
    return LayoutDocument(block, event.revision, event.layout_version, document)


def read_documents(layout: msgspec.Raw, rules: msgspec.Raw) -> tuple[Layout | None, Rules | None] | Rejected:
    """Both, or every fault of both; None for one that was left out. May take a second for a large layout."""
    read_layout = read_document(layout, "layout", parse_layout) if is_said(layout) else None
    read_rules = read_document(rules, "rules", parse_rules) if is_said(rules) else None
    refusals = [refusal for refusal in (read_layout, read_rules) if isinstance(refusal, Rejected)]
    if refusals:
        return invalid(*(fault for refusal in refusals for fault in refusal.details.fields))
    assert not isinstance(read_layout, Rejected)
    assert not isinstance(read_rules, Rejected)
    return read_layout, read_rules


def read_document(
    document: msgspec.Raw, name: str, parse: Callable[[object], T | tuple[FieldFault, ...]]
) -> T | Rejected:
    """What the document describes, or everything that is wrong with it, each fault by its path under this name."""
    try:
        raw = decode_json(bytes(document).decode())
    except UnicodeDecodeError:
        return invalid(f"{name}: is not UTF-8")
    except LayoutFileError as error:
        return invalid(f"{name}: {str(error).strip()}")
    read = parse(raw)
    if not isinstance(read, tuple):
        return read
    return invalid(*(f"{name}.{fault}" if fault.path else f"{name}: {fault}" for fault in read))

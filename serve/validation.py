"""What may be asked: the shape of each request, the same for HTTP and gRPC, and every fault of one that is not so.

A shape that is met costs one decode, and over HTTP a look for members given twice. Only a request that fails is walked
field by field, so that each fault is named.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from actors.core.ids import parse_ticket_id
from actors.core.keys import MAX_KEY_LENGTH
from actors.core.labels import MAX_LABEL_LENGTH
from actors.core.outcomes import Rejected
from actors.core.rules import MAX_HOLD_LIFE_MS
from actors.reservations import MAX_GROUPS
from serve.members import element_type, given_twice, present_type
from serve.refusals import invalid

MAX_FAULTS = 50

MAX_TICKETS = 1_000
"""So many tickets may be named at once."""

DEFAULT_TIMEOUT_MS = 10_000
MIN_TIMEOUT_MS, MAX_TIMEOUT_MS = 100, 30_000

Faults = tuple[str, ...]

OPAQUE_ID = r"^[!-?A-~]*$"
_OPAQUE_ID = re.compile(OPAQUE_ID[1:-1])

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_CLEARER = {
    # what the decoder says of a number that came as text, and of half a pair of surrogates at the end of one
    "Expected `int`, got `str`": "Expected a whole number",
    "Input data was truncated": "ends too early, or within an escaped character",
    "Invalid RFC3339 encoded datetime": "must be a time of RFC 3339, as in 2026-05-01T18:00:00Z",
    "Expected `datetime` with a timezone component": "must bear its distance from UTC, as in 2026-05-01T18:00:00Z",
}

Seconds = Annotated[int, Meta(ge=0, le=MAX_HOLD_LIFE_MS // 1000)]
EventSeconds = Annotated[int, Meta(ge=1, le=MAX_HOLD_LIFE_MS // 1000)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
BuyerId = Annotated[str, Meta(max_length=128)]
EventName = Annotated[str, Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, Meta(tz=True)]
"""A time with its distance from UTC."""
TicketIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MAX_TICKETS)]


SectionNames = Annotated[tuple[Annotated[str, Meta(max_length=MAX_LABEL_LENGTH)], ...], Meta(min_length=1)]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request's body, checked by the types of its fields and by `faults`."""

    def faults(self) -> Iterator[str]:
        """What the types cannot say; called when they are met."""
        return iter(())


class Nothing(Shape, frozen=True):
    """A request without a body, or with `{}`."""


class NewEvent(Shape, frozen=True):
    """An event to create, as a draft. `hold_ttl_seconds`: how long its holds live unless they ask for less or more;
    left out: ten minutes, or as long as the rules let a hold live if that is less.

    `rules`: on what conditions its units are sold; left out: everybody may hold everything for up to two hours.
    `split`: groups of sections, each of which is served by itself, so that a very large event sells faster than one
    process can decide; what is in no group stays together, areas and resources always. It is still one event to whoever
    buys. The seats of a section in a group never change, and there is no waiting list.
    """

    name: EventName
    layout: msgspec.Raw
    hold_ttl_seconds: EventSeconds = 0
    rules: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    split: Annotated[tuple[SectionNames, ...], Meta(max_length=MAX_GROUPS, examples=[[["101"], ["102", "103"]]])] = ()

    def faults(self) -> Iterator[str]:
        """A name is one line of text, and there is something to see."""
        return _faults_of_name(self.name)


class EventEdit(Shape, frozen=True):
    """What is to be changed of an event; what is left out stays. Layout and rules are given whole."""

    name: EventName = ""
    layout: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    rules: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    hold_ttl_seconds: EventSeconds = 0

    def faults(self) -> Iterator[str]:
        """There is something to change."""
        if not (self.name or is_said(self.layout) or is_said(self.rules) or self.hold_ttl_seconds):
            yield "body: must have at least one of name, layout, rules, hold_ttl_seconds"
        if self.name:
            yield from _faults_of_name(self.name)


class HoldExtension(Shape, frozen=True):
    """How long the hold is to live from now on, at least: it never lives shorter than it would have. 0 releases it."""

    ttl_seconds: Seconds


class NewOrder(Shape, frozen=True):
    """The hold to order."""

    hold_id: Id


class TicketsOfOrder(Shape, frozen=True):
    """Tickets of one order, each once."""

    tickets: TicketIds

    def faults(self) -> Iterator[str]:
        """All are ids of tickets."""
        return faults_of_tickets(self.tickets)


class NewHolder(Shape, frozen=True):
    """Whose the ticket is from now on: the caller's own opaque name of the person. It is kept for ever."""

    buyer_id: Annotated[str, Meta(min_length=1, max_length=128)]

    def faults(self) -> Iterator[str]:
        """It is no mail address and no name."""
        return faults_of_buyer(self.buyer_id)


S = TypeVar("S", bound=Shape)


def read_json(body: bytes, shape: type[S]) -> S | Rejected:
    """The shape that a JSON body has, or every fault of it."""
    body = body or b"{}"
    try:
        value = _decoder(shape).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return invalid(*_faults_of_json(body, shape, error))
    return _judged(value, given_twice(body, shape))


def read_fields(fields: Mapping[str, object], shape: type[S], *, strict: bool = True) -> S | Rejected:
    """The shape that these fields have, or every fault of them; not `strict`: numbers may be given as text."""
    try:
        value = msgspec.convert(fields, shape, strict=strict)
    except msgspec.ValidationError:
        return invalid(*_first_faults(_faults_at(fields, shape, "", strict)))
    return _judged(value)


def is_said(document: msgspec.Raw) -> bool:
    """Whether the document is there: one that was left out is empty."""
    return bool(bytes(document))


def faults_of_buyer(buyer_id: str) -> Iterator[str]:
    """A buyer is named by an opaque id."""
    if not _OPAQUE_ID.fullmatch(buyer_id):
        yield "buyer_id: only visible ASCII characters but @ are allowed"


def faults_of_tickets(tickets: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with ids of tickets, whatever order they are of."""
    for index, ticket in enumerate(tickets):
        if parse_ticket_id(ticket) is None:
            yield f"tickets[{index}]: is not a ticket's id"
    yield from named_twice("tickets[{}]", tickets)


def key_faults(key: str | None) -> Faults:
    """What is wrong with an idempotency key."""
    if not key:
        return ("idempotency_key: missing (every write needs one)",)
    if len(key) > MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        return (f"idempotency_key: must be 1 to {MAX_KEY_LENGTH} printable ASCII characters",)
    return ()


def missing_revision() -> Rejected:
    """The refusal of an edit that does not say of which revision."""
    return invalid("if_revision: missing (an edit names the revision that was read; over HTTP in the header If-Match)")


def timeout_faults(timeout_ms: int) -> Faults:
    """What is wrong with the time that the caller waits."""
    return ("timeout_ms: must not be negative",) if timeout_ms < 0 else ()


def bounded_timeout_ms(timeout_ms: int) -> int:
    """The time to spend on a request whose caller waits `timeout_ms` (0: not said)."""
    return min(max(timeout_ms, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS) if timeout_ms else DEFAULT_TIMEOUT_MS


@cache
def _decoder(shape: type[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(shape)


def _judged(value: S, found: Iterable[str] = ()) -> S | Rejected:
    """The value, unless faults were found or it has some of its own."""
    faults = _first_faults(chain(found, value.faults()))
    return invalid(*faults) if faults else value


def _first_faults(faults: Iterable[str]) -> Faults:
    found = [fault for fault, _ in zip(faults, range(MAX_FAULTS + 1), strict=False)]
    if len(found) > MAX_FAULTS:
        found[MAX_FAULTS:] = [f"body: has more than {MAX_FAULTS} faults; the others are not listed"]
    return tuple(found)


def _faults_of_json(body: bytes, shape: type[Shape], error: Exception) -> Faults:
    try:
        raw = msgspec.json.decode(body)
    except RecursionError:
        return ("body: is nested too deeply",)
    except UnicodeDecodeError:
        return ("body: is not UTF-8",)
    except msgspec.DecodeError as malformed:
        return (f"body: {_problem(malformed)}",)
    faults = chain(given_twice(body, shape), _faults_at(raw, shape, "", True))
    return _first_faults(faults) or (f"body: {_problem(error)}",)


def _faults_at(raw: object, type_: Any, path: str, strict: bool) -> Iterator[str]:
    """The faults of `raw`, which is to be of `type_`; each with the path of what is wrong."""
    if type_ is msgspec.Raw:
        return
    if raw is not None:
        type_ = present_type(type_)
    if isinstance(raw, Mapping) and isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        yield from _faults_of_fields(raw, type_, path, strict)
        return
    try:
        msgspec.convert(raw, type_, strict=strict)
    except msgspec.ValidationError as error:
        inner = element_type(type_)
        if inner is not None and isinstance(raw, list | tuple):
            within = [
                fault
                for index, element in enumerate(raw[: MAX_FAULTS + 1])
                for fault in _faults_at(element, inner, f"{path}[{index}]", strict)
            ]
            if within:
                yield from within
                return
        yield f"{path or 'body'}: {_problem(error)}"


def _faults_of_fields(
    raw: Mapping[Any, object], struct: type[msgspec.Struct], path: str, strict: bool
) -> Iterator[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    prefix = f"{path}." if path else ""
    for name in raw:
        if name not in fields:
            yield f"{prefix}{str(name)[:64]}: there is no such field"
    for name, field in fields.items():
        if name in raw:
            yield from _faults_at(raw[name], field.type, prefix + name, strict)
        elif field.required:
            yield f"{prefix}{name}: missing"


def _problem(error: Exception) -> str:
    """What the decoder found wrong, without its own notation of where."""
    text, _, _ = str(error).partition(" - at `")
    return _CLEARER.get(text, text.replace("`", ""))


def named_twice(path: str, names: Iterable[object]) -> Iterator[str]:
    """A fault for each name that comes again."""
    seen: set[object] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield f"{path.format(index)}: is named twice"
        seen.add(name)


def _faults_of_name(name: str) -> Iterator[str]:
    if not name.isprintable():
        yield "name: has characters that cannot be shown"
    elif not name.strip():
        yield "name: is blank"

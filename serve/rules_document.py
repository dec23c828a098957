"""The rules of an event as a JSON document, read with every fault named, and written."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from actors.core.outcomes import Rejected
from actors.core.rules import (
    DEFAULT_HOLD_LIFE_MS,
    MAX_ALLOTMENTS,
    MAX_CHANNELS,
    MAX_CLAIM_MS,
    MAX_HOLD_LIFE_MS,
    Allotment,
    Channel,
    Rules,
    WaitingList,
    Window,
    faults_of_rules,
)
from actors.core.wishes import AreaPlaces
from serve.refusals import invalid
from serve.validation import BEGINNING, MILLISECOND, Instant, Shape, read_json
from serve.wire_time import rfc3339

Name = Annotated[str, Meta(max_length=200)]


class WindowDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when until when something is sold; without a time: without that end."""

    opens_at: Instant | None = None
    closes_at: Instant | None = None


class ChannelDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to sell. Its `window`, if it has one, stands in the place of the event's."""

    name: Name
    window: WindowDocument | None = None


class PlacesDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Places of an area."""

    area: Name
    quantity: Annotated[int, Meta(ge=1)]


class AllotmentDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units that are set aside for a channel; without one: for the house. They are for everybody from `returns_at` on.

    `units`: names of sections, rows (`section/row`), seats, resources or slots.
    """

    name: Name
    channel: Name = ""
    units: tuple[Name, ...] = ()
    places: tuple[PlacesDocument, ...] = ()
    returns_at: Instant | None = None


class WaitingListDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long what comes back is offered to each who waits."""

    claim_seconds: Annotated[int, Meta(ge=1, le=MAX_CLAIM_MS // 1000)]


class RulesDocument(Shape, frozen=True):
    """On what conditions an event's units are sold. `max_per_buyer` 0: as many as they want.

    `max_hold_life_seconds`: how long a hold lives at most, however often it is extended. `accessible_until`: until then
    seats for who needs an accessible one are kept for those who ask for them; without it: always. `waiting_list`:
    without it nobody can wait.
    """

    window: WindowDocument = WindowDocument()
    max_hold_life_seconds: Annotated[int, Meta(ge=1, le=MAX_HOLD_LIFE_MS // 1000)] = DEFAULT_HOLD_LIFE_MS // 1000
    max_per_buyer: Annotated[int, Meta(ge=0)] = 0
    channels: Annotated[tuple[ChannelDocument, ...], Meta(max_length=MAX_CHANNELS)] = ()
    allotments: Annotated[tuple[AllotmentDocument, ...], Meta(max_length=MAX_ALLOTMENTS)] = ()
    accessible_until: Instant | None = None
    waiting_list: WaitingListDocument | None = None

    def faults(self) -> Iterator[str]:
        """What the rules themselves would not live with, under the names of the document."""
        for fault in faults_of_rules(self.rules()):
            path, separator, problem = fault.removeprefix("rules.").partition(": ")
            yield f"{path.removesuffix('_ms')}{separator}{problem.replace('_ms', '')}"

    def rules(self) -> Rules:
        """The same as a block takes it."""
        return Rules(
            _window(self.window),
            self.max_hold_life_seconds * 1000,
            self.max_per_buyer,
            tuple(
                Channel(channel.name, None if channel.window is None else _window(channel.window))
                for channel in self.channels
            ),
            tuple(
                Allotment(
                    allotment.name,
                    allotment.channel,
                    allotment.units,
                    tuple(AreaPlaces(places.area, places.quantity) for places in allotment.places),
                    _ms(allotment.returns_at),
                )
                for allotment in self.allotments
            ),
            _ms(self.accessible_until),
            None if self.waiting_list is None else WaitingList(self.waiting_list.claim_seconds * 1000),
        )


def read_rules(document: msgspec.Raw) -> Rules | Rejected:
    """The rules that the document describes, or everything that is wrong with it, under `rules`."""
    read = read_json(bytes(document), RulesDocument)
    if not isinstance(read, Rejected):
        return read.rules()
    return invalid(*(_within_rules(fault) for fault in read.details.fields))


def rules_to_raw(rules: Rules) -> dict[str, Any]:
    """The document that `read_rules` reads as these rules; what can be left out is."""
    raw: dict[str, Any] = _plain(msgspec.to_builtins(_document(rules), builtin_types=(datetime,)))
    return raw if raw["window"] else {name: value for name, value in raw.items() if name != "window"}


def _document(rules: Rules) -> RulesDocument:
    return RulesDocument(
        _window_document(rules.window),
        rules.max_hold_life_ms // 1000,
        rules.max_per_buyer,
        tuple(
            ChannelDocument(channel.name, None if channel.window is None else _window_document(channel.window))
            for channel in rules.channels
        ),
        tuple(
            AllotmentDocument(
                allotment.name,
                allotment.channel,
                allotment.units,
                tuple(PlacesDocument(places.area, places.quantity) for places in allotment.places),
                _at(allotment.returns_at_ms),
            )
            for allotment in rules.allotments
        ),
        _at(rules.accessible_until_ms),
        None if rules.waiting_list is None else WaitingListDocument(rules.waiting_list.claim_ms // 1000),
    )


def _plain(value: Any) -> Any:
    """Times as text, like all others; nothing that is not there. A window without ends is one."""
    if isinstance(value, dict):
        return {name: _plain(field) for name, field in value.items() if field or isinstance(field, dict)}
    if isinstance(value, list | tuple):
        return [_plain(element) for element in value]
    return rfc3339(_ms(value)) if isinstance(value, datetime) else value


def _within_rules(fault: str) -> str:
    path, separator, problem = fault.partition(": ")
    return f"{'rules' if path == 'body' else f'rules.{path}'}{separator}{problem}"


def _window(document: WindowDocument) -> Window:
    return Window(_ms(document.opens_at), _ms(document.closes_at))


def _window_document(window: Window) -> WindowDocument:
    return WindowDocument(_at(window.opens_at_ms), _at(window.closes_at_ms))


def _ms(at: datetime | None) -> int:
    return 0 if at is None else (at - BEGINNING) // MILLISECOND


def _at(at_ms: int) -> datetime | None:
    return BEGINNING + at_ms * MILLISECOND if at_ms else None

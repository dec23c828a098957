"""Rules as the API describes them. They are read and written by `actors.layout_files.rules_file`, here is no second
way.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from actors.core.rules import (
    DEFAULT_HOLD_LIFE_MS,
    MAX_ALLOTMENTS,
    MAX_CHANNELS,
    MAX_CLAIM_MS,
    MAX_HOLD_LIFE_MS,
    MAX_PER_BUYER,
    MIN_CLAIM_MS,
    MIN_HOLD_LIFE_MS,
)

Name = Annotated[str, Meta(max_length=200)]
Moment = Annotated[
    str,
    Meta(
        description="a time of RFC 3339, or without its distance from UTC a local time of the rules' `zone`",
        examples=["2026-05-01T10:00:00+02:00", "2026-05-01T10:00"],
    ),
]


class WindowDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when until when something is sold; without a time: without that end."""

    opens_at: Moment | UnsetType = UNSET
    closes_at: Moment | UnsetType = UNSET


class ChannelDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to sell. Its `window`, if it has one, stands in the place of the event's."""

    name: Name
    window: WindowDocument | UnsetType = UNSET


class PlacesDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Places of an area."""

    area: Name
    quantity: Annotated[int, Meta(ge=1)]


class AllotmentDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units that are set aside for a channel; without one: for the house. They are for everybody from `returns_at` on.

    `units`: names of sections, rows (`section/row`), seats, resources or slots, each once.
    """

    name: Name
    channel: Name = ""
    units: tuple[Name, ...] = ()
    places: tuple[PlacesDocument, ...] = ()
    returns_at: Moment | UnsetType = UNSET


class WaitingListDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long what comes back is offered to each who waits."""

    claim_seconds: Annotated[float, Meta(ge=MIN_CLAIM_MS // 1000, le=MAX_CLAIM_MS // 1000)]


class RulesDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On what conditions an event's units are sold. `max_per_buyer` 0: as many as they want.

    `zone`: the IANA zone of times that do not bear their distance from UTC. One that comes twice means the first; one
    that is left out means the moment of the jump. They are resolved when they are given, and shown in UTC.
    `max_hold_life_seconds`: how long a hold lives at most, however often it is extended. `accessible_until`: until then
    seats for who needs an accessible one are kept for those who ask for them, those of an allotment too; without it:
    always. `waiting_list`: without it nobody can wait.
    """

    zone: Name | UnsetType = UNSET
    window: WindowDocument = WindowDocument()
    max_hold_life_seconds: Annotated[float, Meta(ge=MIN_HOLD_LIFE_MS // 1000, le=MAX_HOLD_LIFE_MS // 1000)] = (
        DEFAULT_HOLD_LIFE_MS // 1000
    )
    max_per_buyer: Annotated[int, Meta(ge=0, le=MAX_PER_BUYER)] = 0
    channels: Annotated[tuple[ChannelDocument, ...], Meta(max_length=MAX_CHANNELS)] = ()
    allotments: Annotated[tuple[AllotmentDocument, ...], Meta(max_length=MAX_ALLOTMENTS)] = ()
    accessible_until: Moment | UnsetType = UNSET
    waiting_list: WaitingListDocument | UnsetType = UNSET

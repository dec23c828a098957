"""What several requests bear, as fields of the shapes that judge them (see `wish_shapes` and `validation`)."""

from datetime import UTC
from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from serve.grpc_api.calls import given

Message = Any


def wished(request: Message) -> dict[str, object]:
    """The fields of a wish."""
    return given(
        units=tuple(request.units),
        areas=tuple(
            {"area": places.area, "quantity": places.quantity} | given(price_type=places.price_type)
            for places in request.areas
        ),
        price_types=dict(request.price_types),
        best=tuple(
            {"quantity": seats.quantity}
            | given(
                sections=tuple(seats.sections),
                categories=tuple(seats.categories),
                accessible=seats.accessible,
                split=seats.split,
                price_types=dict(seats.price_types),
            )
            for seats in request.best
        ),
        slots=tuple(
            {"resource": span.resource}
            | given(price_type=span.price_type)
            | {field: _time(getattr(span, field)) for field in ("starts_at", "ends_at") if span.HasField(field)}
            for span in request.slots
        ),
        accessible=request.accessible,
        channel=request.channel,
    )


def documents(request: Message) -> dict[str, object]:
    """The JSON documents that an event bears, as they are."""
    texts = {"layout": request.layout, "rules": request.rules}
    return {name: msgspec.Raw(text.encode()) for name, text in texts.items() if text}


def times(request: Message, *fields: str) -> dict[str, object]:
    """Those of these fields that are set, which are times, as text; as none of RFC 3339 if no calendar has it."""
    texts: dict[str, object] = {}
    for field in fields:
        if request.HasField(field):
            at = getattr(request, field)
            try:
                texts[field] = at.ToJsonString()
            except ValueError:
                texts[field] = f"{at.seconds} s"
    return texts


def _time(at: Timestamp) -> object:
    """The time; as text, which is no time, if no calendar has it."""
    try:
        return at.ToDatetime(UTC)
    except (ValueError, OverflowError):
        return f"{at.seconds} s"

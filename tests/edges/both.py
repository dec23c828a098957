"""What both protocols show, in the form of HTTP's JSON: it must be the same."""

import json
import re
from typing import Any

from google.protobuf.json_format import MessageToDict

from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges

NUMBERS = (
    "capacity",
    "available",
    "held",
    "sold",
    "blocked",
    "sequence",
    "expires_in_seconds",
    "revision",
    "layout_version",
    "ahead",
    "score",
    "rate_ppm",
    "share_ppm",
)
_WHOLE_SECOND = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z")


def thing(answered: Answered, name: str) -> Any:
    """What was answered: an event, a hold, an order, a waiter; "": all of it. What there is not is left out."""
    assert not answered.code, answered.reply
    shown = answered.reply
    if answered.protocol == "grpc":
        message = getattr(answered.reply, name) if name else answered.reply
        shown = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        if answered.reply.DESCRIPTOR.name == "GetLayoutDocumentResponse":
            shown["layout"] = json.loads(shown["layout"])
        if name == "event":
            shown["rules"] = json.loads(shown["rules"])
            shown["split"] = [group["sections"] for group in shown["split"]]
    return plain_of(shown, f"{name.upper()}_STATUS_")


async def both(edges: Edges, ask: Ask, name: str) -> Any:
    """What both protocols show, which must be the same but for the time that passes."""
    over_http, over_grpc = thing(await ask_http(edges, ask), name), thing(await ask_grpc(edges, ask), name)
    passing = {"expires_in_seconds": 0} if name == "hold" else {}
    assert over_http | passing == over_grpc | passing
    return over_http


def plain_of(value: Any, prefix: str) -> Any:
    """64-bit numbers as numbers, enums by their bare names, times in milliseconds; nothing that is not there."""
    if isinstance(value, dict):
        plain = {name: plain_of(field, prefix) for name, field in value.items()}
        return {
            name: int(field) if _is_number(name, field) else field
            for name, field in plain.items()
            if field is not None and not (name in ("order_id", "hold_id", "event_id") and field == "")
        }
    if isinstance(value, list):
        return [plain_of(element, prefix) for element in value]
    return _WHOLE_SECOND.sub(r"\1.000Z", value.removeprefix(prefix)) if isinstance(value, str) else value


def _is_number(name: str, field: Any) -> bool:
    return isinstance(field, str) and field.isdecimal() and (name.endswith("_minor") or name in NUMBERS)

"""The OpenAPI document, made from the routes and their contracts. The framework's own cannot be used: it describes only
bodies that it decodes itself, and it names only the first fault of one.
"""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec
from litestar import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from actors.core.keys import MAX_KEY_LENGTH
from actors.core.labels import MAX_LABEL_LENGTH
from actors.core.outcomes import Reason
from actors.core.wishes import MAX_UNITS_PER_HOLD
from serve.http_api.contracts import CONTRACT, Contract
from serve.http_api.event_views import EventView, LayoutDocumentView
from serve.http_api.problems import PROBLEM_JSON, Problem
from serve.http_api.rules_description import RulesDocument
from serve.refusals import STANDINGS
from serve.sizes import MAX_BODY_BYTES, MAX_LAYOUT_BODY_BYTES
from serve.validation import OPAQUE_ID, Nothing

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"

_DESCRIPTION = f"""Holdfast sells seats, general admission and time slots. Create an event, open its sale, hold units
for a buyer, place an order on the hold, confirm it when it is paid.

Every request needs `Authorization: Bearer <API key>`; what is for operators needs an operator's key. What can be read
with GET can be asked for with HEAD. Every write needs an `Idempotency-Key`: sending the same request again under the
same key never does anything twice, and answers `Idempotency-Replayed: true` with what the key stands for. A hold's key
is kept as long as the hold and 10 minutes more, any other for 24 hours, that of an event's creation for good. What has
one value must not come twice: a header, a parameter of a query, a member of a JSON body.

Refusals are RFC 9457 problem documents; their `code` is stable and the same as over gRPC. Where `transient` is true,
send the same request with the same key again, after `Retry-After` where it is given. Bodies may weigh up to
{MAX_BODY_BYTES} bytes, {MAX_LAYOUT_BODY_BYTES} with a layout; a hold takes up to {MAX_UNITS_PER_HOLD} units. Times are
RFC 3339 in UTC, amounts are in minor units of the event's currency. What no gateway gets to see (headers of more than
16 kB, or that take longer than ten seconds) has no `code`.

Without a key: `/healthz` (the process is alive), `/readyz` (it can sell; 503 names what is in the way), `/docs` and
`/openapi.json`."""

_BEARER: Json = {"type": "http", "scheme": "bearer"}

_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Unique per intended write; a quoted structured-field string, or bare.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    "example": '"hold-7f3a"',
}

_IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of the event as it was read: its `revision` in quotes.",
    "schema": {"type": "string"},
    "example": '"3"',
}

_ETAG: Json = {
    "ETag": {
        "description": "Stands for what is sent; an event's is its `revision`, in quotes.",
        "schema": {"type": "string"},
    }
}

_REPLAYED: Json = {
    "Idempotency-Replayed": {
        "description": "`true` if the key was known and this is what it stands for.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what the caller has.",
    "schema": {"type": "string"},
}

_RETRY_AFTER: Json = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}

_LAYOUT_NOTATION = f"""Price `categories`, `sections` of numbered seats, `areas` of general admission, `resources` with
time slots; of the last three some may be left out, not all. Prices are in minor units of `currency`, those of resources
per hour. With `price_types`, `price` is the first type's and `prices` are the others'. `fees` have an `amount`, or a
`percent` of each unit's price, or both; `per` order they are charged once. A `tax` of so many `percent` is `included`
or on top. A section has `rows` and `tables` (`sold` whole or by_seat); each has one `name` or a range of `names`, its
`seats` (a range, or a list of labels), of these the `accessible` ones and their `companions`, and the section's
`category` unless it names its own. A range is written `A..T` or `1..22`, both ends included, of names also `Court
1..12`. A section stands `at` [x, y], in seat widths; the nearer to the layout's `focus`, the better. A resource has a
`zone`, in whose local time its slots are named, `slot_minutes` and `buffer_minutes`; the days `from` and `until`,
`hours` by weekday in local time and times when it is `unavailable`, or else a list of `openings`, each `from` and
`until` a time with its distance from UTC. Closing is on the next day if it is not after opening; a local time that
comes twice is its first, one that is left out is the moment of the jump; slots are always exactly as long as said.
Labels are text of up to {MAX_LABEL_LENGTH} characters without a slash: numbers stand in quotes. Names are unique:
categories; sections, areas and resources together; rows and tables within their section; seats within their row. A seat
is then called section/row/seat, as in `101/C/14`, a slot resource/beginning, as in `Court 1/2026-10-25T02:30+02:00`.
A layout is judged as a whole: every fault of it is named, with its path."""

_LAYOUT: Json = {
    "type": "object",
    "description": _LAYOUT_NOTATION.replace("\n", " "),
    "examples": [
        {
            "currency": "EUR",
            "categories": [{"name": "Lower bowl", "price": 9500}, {"name": "Standing", "price": 5500}],
            "sections": [{"name": "101", "category": "Lower bowl", "rows": [{"names": "A..T", "seats": "1..22"}]}],
            "areas": [{"name": "Floor", "capacity": 4000, "category": "Standing"}],
        },
        {
            "currency": "EUR",
            "categories": [{"name": "Court", "price": 2400}],
            "resources": [
                {
                    "names": "Court 1..12",
                    "category": "Court",
                    "zone": "Europe/Berlin",
                    "from": "2026-10-01",
                    "until": "2026-11-29",
                    "slot_minutes": 30,
                    "hours": {"mon-fri": "08:00-22:00", "sat": ["09:00-12:00", "13:00-20:00"]},
                    "unavailable": [{"from": "2026-10-03", "until": "2026-10-03"}],
                }
            ],
        },
    ],
}


def openapi_document(routes: Sequence[BaseRoute], version: str) -> Json:
    """The document for every route that bears a contract."""
    operations = list(_operations(routes))
    contracts = [handler.opt[CONTRACT] for _, _, handler in operations]
    paths: Json = {}
    for path, method, handler in operations:
        paths.setdefault(path, {})[method] = _operation(handler)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Holdfast", "version": version, "description": _DESCRIPTION},
        "security": [{"api_key": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(contracts),
            "securitySchemes": {
                "api_key": {**_BEARER, "description": "An API key: hf_<key id>_<secret>."},
                "operator_key": {**_BEARER, "description": "An operator's API key; any other gets PERMISSION_DENIED."},
            },
        },
    }


def _operations(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Path, method and handler of what is documented."""
    for route in routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if CONTRACT in handler.opt:
                    for method in sorted(handler.http_methods - {HttpMethod.HEAD}):
                        yield route.path_format, method.lower(), handler


def _operation(handler: HTTPRouteHandler) -> Json:
    contract: Contract = handler.opt[CONTRACT]
    summary, _, _ = inspect.cleandoc(handler.fn.__doc__ or "").partition("\n\n")
    operation: Json = {
        "operationId": handler.handler_name,
        "tags": sorted(handler.resolve_tags()),
        "summary": handler.handler_name.replace("_", " ").capitalize(),
        "description": summary.replace("\n", " "),
        "parameters": list(_parameters(handler, contract)),
        "responses": {str(handler.status_code): _reply(contract), **_problems(contract)},
    }
    if contract.has_validator:
        operation["responses"]["304"] = {"description": "It is what the caller has.", "headers": _ETAG}
    if contract.for_operators:
        operation["security"] = [{"operator_key": []}]
    if contract.body is not None:
        operation["requestBody"] = {
            "required": contract.body is not Nothing,
            "content": {"application/json": {"schema": _reference(contract.body)}},
        }
    return operation


def _parameters(handler: HTTPRouteHandler, contract: Contract) -> Iterator[Json]:
    for name in handler.parsed_fn_signature.parameters:
        if name != "request":
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if contract.body is not None:
        yield _IDEMPOTENCY_KEY
    if contract.has_validator:
        yield _IF_NONE_MATCH
    if contract.if_match:
        yield _IF_MATCH
    if contract.query is not None:
        _, components = msgspec.json.schema_components([contract.query])
        schema = components[contract.query.__name__]
        for name, field in schema["properties"].items():
            yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": field}


def _reply(contract: Contract) -> Json:
    reply: Json = {
        "description": contract.gives.__doc__ or "",
        "content": {"application/json": {"schema": _reference(contract.gives)}},
    }
    has_tag = contract.has_validator or contract.gives in (EventView, LayoutDocumentView)
    headers = (_ETAG if has_tag else {}) | (_REPLAYED if contract.body is not None else {})
    return {**reply, "headers": headers} if headers else reply


def _problems(contract: Contract) -> Json:
    """The refusals, by status."""
    by_status = sorted(contract.reasons, key=_status)
    return {str(status): _problem(list(reasons)) for status, reasons in groupby(by_status, _status)}


def _problem(reasons: list[Reason]) -> Json:
    schema = {
        "allOf": [
            _reference(Problem),
            {"type": "object", "properties": {"code": {"enum": [reason.name for reason in reasons]}}},
        ]
    }
    problem: Json = {
        "description": "\n".join(f"- `{reason.name}`: {STANDINGS[reason].title}." for reason in reasons),
        "content": {PROBLEM_JSON: {"schema": schema}},
    }
    return {**problem, "headers": _RETRY_AFTER} if _status(reasons[0]) in (429, 503) else problem


def _schemas(contracts: Iterable[Contract]) -> Json:
    """The schemas of all bodies, replies and problems."""
    shapes = {shape for contract in contracts for shape in (contract.gives, contract.body) if shape is not None}
    ordered = sorted(shapes | {Problem, RulesDocument}, key=lambda shape: shape.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_REF)
    for name in ("NewEvent", "EventEdit", "LayoutDocumentView"):
        schemas[name]["properties"]["layout"] = _LAYOUT
    for name in ("NewEvent", "EventEdit", "EventView"):
        schemas[name]["properties"]["rules"] = _reference(RulesDocument)
    schemas["NewEvent"]["properties"]["hold_ttl_seconds"].pop("default")  # it depends
    for field in schemas["EventEdit"]["properties"].values():
        field.pop("default", None)  # what is left out stays as it is
    for name in ("NewHold", "NewBasket", "NewWaiter", "NewHolder"):
        schemas[name]["properties"]["buyer_id"]["pattern"] = OPAQUE_ID
    return schemas


def _reference(struct: type[msgspec.Struct]) -> Json:
    return {"$ref": _REF.format(name=struct.__name__)}


def _status(reason: Reason) -> int:
    return STANDINGS[reason].http_status

"""Whatever the table of refusals shows of an operation is documented: in OpenAPI and in the comments of the protos."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.edges.asking import ROUTES
from tests.edges.club import Club
from tests.edges.edge_stack import Edges
from tests.edges.refusal_cases import BOTH_FIRST, CASES
from tests.edges.refusal_house import NOWHERE_EVENT, NOWHERE_HOLD, House

pytestmark = pytest.mark.anyio

PROTOS = Path(__file__).parents[2] / "protos" / "holdfast" / "v1"
OF_EVERY_RPC = {"UNAUTHENTICATED", "TOO_LARGE"}
"""What is told of all of them at once; see reasons.proto."""

_RPC = re.compile(r"((?:  //[^\n]*\n)+)  rpc (\w+)\(")
_ERRORS = re.compile(r"Errors: (.*)\.", re.DOTALL)
_CODE = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")


def met() -> set[tuple[str, str]]:
    """Each operation, and a code of which the table has a case."""
    ids = dict.fromkeys(House._fields, NOWHERE_HOLD)
    house = House(**{**ids, "club": Club(NOWHERE_EVENT, 0, 0)})  # type: ignore[arg-type]
    return {(case.ask(house).operation, case.code) for case in (CASES | BOTH_FIRST).values()}


def undocumented_over_http(document: Any) -> set[tuple[str, str]]:
    """What is met and not said."""
    missing = set()
    for operation, code in met():
        method, path = ROUTES[operation]
        responses = document["paths"][path][method.lower()]["responses"].values()
        if not any(f"`{code}`" in response["description"] for response in responses):
            missing.add((operation, code))
    return missing


def undocumented_over_grpc(protos: str) -> set[tuple[str, str]]:
    """What is met and not said."""
    said = {}
    for comment, name in _RPC.findall(protos):
        errors = _ERRORS.search(re.sub(r"\n  // ?", " ", comment))
        said[name] = set(_CODE.findall(errors[1])) if errors else set()
    return {
        (operation, code)
        for operation, code in met()
        if code not in OF_EVERY_RPC | said["".join(part.capitalize() for part in operation.split("_"))]
    }


def written() -> str:
    """All the protos."""
    return "".join(path.read_text() for path in sorted(PROTOS.glob("*.proto")))


async def test_openapi_says_of_each_operation_why_it_is_refused(edges: Edges) -> None:
    assert undocumented_over_http((await edges.http.get("/openapi.json")).json()) == set()


def test_the_protos_say_of_each_rpc_why_it_is_refused() -> None:
    assert undocumented_over_grpc(written()) == set()


async def test_negative_control_a_reason_that_is_not_said_is_noticed(edges: Edges) -> None:
    document = (await edges.http.get("/openapi.json")).json()
    described = document["paths"]["/v1/orders/{order_id}/tickets/cancel"]["post"]["responses"]["422"]
    described["description"] = described["description"].replace("TABLE_NOT_WHOLE", "")
    assert undocumented_over_http(document) == {("cancel_tickets", "TABLE_NOT_WHOLE")}
    unsaid = written().replace("IDEMPOTENCY_KEY_REUSED, TABLE_NOT_WHOLE,\n  // ORDER_EXPIRED", "ORDER_EXPIRED")
    assert undocumented_over_grpc(unsaid) == {("cancel_tickets", "TABLE_NOT_WHOLE")}

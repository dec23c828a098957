"""The committed gRPC stubs are what the .proto files give, and the services are whole."""

import sys
from enum import IntEnum
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from actors.core.inventory import UnitStatus
from actors.core.replies import EventStatus, HoldStatus, OrderStatus, WaiterStatus
from holdfast.v1 import availability_pb2, events_pb2, holds_pb2, orders_pb2, units_pb2, waiting_pb2
from serve.grpc_api.methods import SERVICER_FUNCTIONS, GrpcMethods

PROTOS = Path(__file__).parents[2] / "protos"
SERVICES = {
    "EventService": events_pb2,
    "AvailabilityService": availability_pb2,
    "HoldService": holds_pb2,
    "OrderService": orders_pb2,
    "WaitingService": waiting_pb2,
}


def generate(sources: Path, into: Path) -> dict[str, bytes]:
    """What `make protos` would write, by name."""
    files = sorted((sources / "holdfast" / "v1").glob("*.proto"))
    outputs = [f"--{kind}={into}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    run([sys.executable, "-m", "grpc_tools.protoc", f"-I{sources}", *outputs, *map(str, files)], check=True)
    return stubs(into)


def stubs(root: Path) -> dict[str, bytes]:
    """The stubs below `root`, by name."""
    return {file.name: file.read_bytes() for file in (root / "holdfast" / "v1").glob("*_pb2*")}


def test_the_committed_stubs_are_what_the_protos_give(tmp_path: Path) -> None:
    assert generate(PROTOS, tmp_path) == {name: text for name, text in stubs(PROTOS).items() if "__" not in name}


def test_the_comparison_notices_a_changed_proto(tmp_path: Path) -> None:
    """Negative control."""
    sources, into = tmp_path / "protos", tmp_path / "stubs"
    (sources / "holdfast" / "v1").mkdir(parents=True)
    into.mkdir()
    for file in (PROTOS / "holdfast" / "v1").glob("*.proto"):
        text = file.read_text().replace("string hold_id = 1;", "string hold_id = 90;")
        (sources / "holdfast" / "v1" / file.name).write_text(text)
    assert generate(sources, into) != stubs(PROTOS)


def test_every_rpc_has_its_method_and_no_two_services_share_a_name() -> None:
    """Ray Serve looks methods up by their bare names."""
    names = [
        method.name
        for service, module in SERVICES.items()
        for method in module.DESCRIPTOR.services_by_name[service].methods
    ]
    assert len(names) == len(set(names))
    assert {name for name in vars(GrpcMethods) if name[0].isupper()} == set(names)
    assert {
        function.partition(".add_")[2].removesuffix("Servicer_to_server") for function in SERVICER_FUNCTIONS
    } == set(SERVICES)


@pytest.mark.parametrize("module", SERVICES.values(), ids=SERVICES)
def test_every_write_bears_a_key_and_says_how_long_it_waits(module: object) -> None:
    reads = ("Get", "List")
    for name, descriptor in module.DESCRIPTOR.message_types_by_name.items():  # type: ignore[attr-defined]
        if name.endswith("Request") and not name.startswith(reads):
            assert descriptor.fields_by_name["idempotency_key"].number == 14
            assert descriptor.fields_by_name["timeout_ms"].number == 15


@pytest.mark.parametrize(
    ("statuses", "proto", "prefix"),
    [
        (EventStatus, events_pb2.EventStatus, "EVENT"),
        (HoldStatus, holds_pb2.HoldStatus, "HOLD"),
        (OrderStatus, orders_pb2.OrderStatus, "ORDER"),
        (WaiterStatus, waiting_pb2.WaiterStatus, "WAITER"),
        (UnitStatus, units_pb2.UnitStatus, "UNIT"),
    ],
)
def test_every_status_has_its_name_in_the_proto(statuses: type[IntEnum], proto: Any, prefix: str) -> None:
    named = {f"{prefix}_STATUS_{status.name}" for status in statuses}
    assert named | {f"{prefix}_STATUS_UNSPECIFIED"} == set(proto.keys())

"""The .proto files keep to one style: everything is explained, and named as `buf lint` would have it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import pytest
from google.protobuf.descriptor_pb2 import EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet

PROTOS = Path(__file__).parents[2] / "protos"

MESSAGES, ENUMS, SERVICES = 4, 5, 6  # field numbers within a file's descriptor
FIELDS_OF_MESSAGE = VALUES_OF_ENUM = METHODS_OF_SERVICE = 2


def read(sources: Path, into: Path) -> list[FileDescriptorProto]:
    """The files' descriptors, with their comments."""
    files = sorted((sources / "holdfast" / "v1").glob("*.proto"))
    descriptors = into / "descriptors"
    options = [f"-I{sources}", f"--descriptor_set_out={descriptors}", "--include_source_info"]
    run([sys.executable, "-m", "grpc_tools.protoc", *options, *map(str, files)], check=True)
    return list(FileDescriptorSet.FromString(descriptors.read_bytes()).file)


def faults(file: FileDescriptorProto) -> Iterator[str]:
    """What is out of style."""
    explained = {tuple(at.path) for at in file.source_code_info.location if at.leading_comments.strip()}
    yield from (f"{name} has no comment" for path, name in named(file) if path not in explained)
    for enum in file.enum_type:
        yield from faults_of_values(enum)
    keyed = {
        request.name for request in file.message_type for field in request.field if field.name == "idempotency_key"
    }
    for service in file.service:
        if not service.name.endswith("Service"):
            yield f"{service.name} does not end with Service"
        for method in service.method:
            types = (method.input_type.rpartition(".")[2], method.output_type.rpartition(".")[2])
            if types != (f"{method.name}Request", f"{method.name}Response"):
                yield f"{method.name} does not have a request and a response of its own"
            if not method.name.startswith(("Get", "List")) and types[0] not in keyed:
                yield f"{method.name} writes without a key, and HAProxy may ask it of a second gateway"


def faults_of_values(enum: EnumDescriptorProto) -> Iterator[str]:
    """Values bear the enum's name, and 0 is what nobody said."""
    prefix = "".join(f"_{letter}" if letter.isupper() else letter for letter in enum.name).lstrip("_").upper()
    if enum.value[0].name != f"{prefix}_UNSPECIFIED" or enum.value[0].number != 0:
        yield f"{enum.name} does not begin with {prefix}_UNSPECIFIED = 0"
    yield from (
        f"{value.name} does not begin with {prefix}_" for value in enum.value if not value.name.startswith(f"{prefix}_")
    )


def named(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Everything with a name: where it stands, and the name."""
    for kind, within, outer_of in (
        (MESSAGES, FIELDS_OF_MESSAGE, [(one.name, one.field) for one in file.message_type]),
        (ENUMS, VALUES_OF_ENUM, [(one.name, one.value) for one in file.enum_type]),
        (SERVICES, METHODS_OF_SERVICE, [(one.name, one.method) for one in file.service]),
    ):
        for index, (name, inner) in enumerate(outer_of):
            yield (kind, index), name
            for number, one in enumerate(inner):  # type: ignore[arg-type, var-annotated]
                yield (kind, index, within, number), f"{name}.{one.name}"


def test_everything_is_explained_and_rightly_named(tmp_path: Path) -> None:
    assert [fault for file in read(PROTOS, tmp_path) for fault in faults(file)] == []


@pytest.mark.parametrize(
    ("former", "broken", "fault"),
    [
        ("  // Opaque, starts with `hold_`. Never used again for another hold.\n", "", "Hold.hold_id has no comment"),
        ("HOLD_STATUS_ACTIVE", "ACTIVE", "ACTIVE does not begin with HOLD_STATUS_"),
        ("service HoldService", "service Holds", "Holds does not end with Service"),
        (
            "string idempotency_key",
            "string key",
            "PlaceHold writes without a key, and HAProxy may ask it of a second gateway",
        ),
        ("returns (GetHoldResponse)", "returns (Hold)", "GetHold does not have a request and a response of its own"),
    ],
)
def test_the_rules_notice_what_is_out_of_style(tmp_path: Path, former: str, broken: str, fault: str) -> None:
    """Negative control."""
    folder = tmp_path / "protos" / "holdfast" / "v1"
    folder.mkdir(parents=True)
    for file in (PROTOS / "holdfast" / "v1").glob("*.proto"):
        (folder / file.name).write_text(file.read_text().replace(former, broken))
    found = [fault for file in read(tmp_path / "protos", tmp_path) for fault in faults(file)]
    assert fault in found

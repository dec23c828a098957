"""The demo: an arena that is on sale, a key to buy with, an operator's key, and two calls to begin with."""

import asyncio
import json
import secrets
import shlex
import sys
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from actors.core.layout import Layout
from actors.core.outcomes import Reason
from actors.database.connect import connect
from actors.layout_files.layout_file import parse_layout
from serve.auth import create_key
from serve.http_client import client_of, read, write
from serve.layout_reader import read_layout_file
from serve.local.preflight import CannotStart
from serve.local.stack import Stack, write_private
from serve.refused_calls import CallRefused
from serve.settings import Settings

TENANT = "demo"
LAYOUT_FILE = Path(__file__).parent / "local" / "demo" / "arena.yaml"
EVENT_NAME = "Demo: one night at the arena"


def demo_key_file(data_dir: Path) -> Path:
    """Where the demo's API key is kept for the commands on this machine."""
    return data_dir / "secrets" / "demo-key"


def demo_operator_key_file(data_dir: Path) -> Path:
    """Where the demo's operator's key is kept for the commands on this machine; it is shown nowhere."""
    return data_dir / "secrets" / "demo-operator-key"


class Demo(msgspec.Struct, frozen=True):
    """The demo event, as it is kept in the data folder, with its layout: a later release may have another."""

    event_id: str
    layout: Any


class Prepared(NamedTuple):
    """The demo's API key and event. `silence`: what the event says instead of an answer; empty where it answers."""

    key: str
    demo: Demo
    silence: str = ""


def prepare_demo(stack: Stack) -> Prepared:
    """The demo, made at the first start and found again at every later one.

    Raises CallRefused; not where an event that was kept does not answer while the server is ready: others can be sold.
    """
    key = asyncio.run(demo_key(stack))
    file = stack.settings.data_dir / "demo-event.json"
    with client_of(stack.http_url, key) as client:
        kept = _kept(file)
        if kept is not None and (silence := _silence(client, kept.event_id)) is not None:
            return Prepared(key, kept, silence)
        layout = read_layout_file(LAYOUT_FILE)
        event_id = write(client, "/v1/events", {"name": EVENT_NAME, "layout": layout}, "demo-arena")["event_id"]
        write(client, f"/v1/events/{event_id}/open-sale", {}, "demo-arena-open")
    made = Demo(event_id, layout)
    write_private(file, msgspec.json.encode(made))
    return Prepared(key, made)


def _kept(file: Path) -> Demo | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Demo)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _silence(client: httpx.Client, event_id: str) -> str | None:
    """What the event says instead of an answer, empty where it answers; None where there is no such event."""
    try:
        read(client, f"/v1/events/{event_id}")
    except CallRefused as refusal:
        if refusal.reason is Reason.EVENT_NOT_FOUND:
            return None
        if refusal.ask_again_after_s is None and refusal.reason is not Reason.INTERNAL:
            raise
        read(client, "/readyz")
        return str(refusal)
    return ""


async def demo_key(stack: Stack) -> str:
    """The demo's API key. Makes it and the operator's where they are not kept beside the data: Postgres has hashes."""
    data_dir = stack.settings.data_dir
    wanted = ((demo_key_file(data_dir), "demo", False), (demo_operator_key_file(data_dir), "demo operator", True))
    missing = [key for key in wanted if not key[0].exists()]
    if missing:
        connection = await connect(stack.database_url, application_name="holdfast demo")
        try:
            for file, name, operator in missing:
                write_private(file, (await create_key(connection, TENANT, name, operator=operator)).encode())
        finally:
            await connection.close()
    return demo_key_file(data_dir).read_text()


def ready_text(stack: Stack) -> str:
    """What a newcomer reads when all is up."""
    try:
        prepared = prepare_demo(stack)
    except CallRefused as refusal:
        raise CannotStart(f"the demo event cannot be put on sale: {refusal}") from refusal
    return f"""
  HTTP     {stack.http_url}   (documentation at {stack.http_url}/docs)
  gRPC     {stack.grpc_target}
  API key  {prepared.key}
  event    {prepared.demo.event_id}   {EVENT_NAME}

{_calls(stack, prepared)}

Holdfast is ready"""


def _calls(stack: Stack, prepared: Prepared) -> str:
    """Two calls to begin with, which work as they stand; or why there are none."""
    event_id, layout = prepared.demo.event_id, parse_layout(prepared.demo.layout)
    if prepared.silence:
        return f"  The demo event cannot be sold now ({prepared.silence})."
    if not isinstance(layout, Layout):
        return "  No calls to show: what is kept of the demo event's layout cannot be read."
    hold = json.dumps({"units": _two_seats(layout)})
    area = shlex.quote(f"{layout.areas[0].name}:2")
    return f"""  Hold two seats over HTTP:
    curl -sS {stack.http_url}/v1/events/{event_id}/holds \\
      -H 'Authorization: Bearer {prepared.key}' \\
      -H 'Idempotency-Key: {secrets.token_hex(8)}' -H 'Content-Type: application/json' \\
      -d '{hold}'

  Hold two places over gRPC:
    {_holdfast()} hold {event_id} --area {area}{_data_dir(stack)}"""


def _two_seats(layout: Layout) -> list[str]:
    """Two seats beside each other; others each time, as the last ones may be held or sold."""
    section = secrets.choice(layout.sections)
    row = secrets.choice([row for row in section.rows if row.count >= 2])
    first = secrets.randbelow(row.count - 1)
    return [f"{section.name}/{row.name}/{row.seat_label(seat)}" for seat in (first, first + 1)]


def _holdfast() -> str:
    """The command as one can type it here."""
    command = Path(sys.executable).with_name("holdfast")
    here = Path.cwd()
    return shlex.quote(str(command.relative_to(here) if command.is_relative_to(here) else command))


def _data_dir(stack: Stack) -> str:
    """The flag by which the command finds this server, where it is needed."""
    data_dir = stack.settings.data_dir
    return "" if data_dir == Settings().data_dir.resolve() else f" --data-dir {shlex.quote(str(data_dir))}"

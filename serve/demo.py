"""The demo: an arena that is on sale, a key to buy with, an operator's key, and two calls to begin with."""

import asyncio
import json
import secrets
import shlex
import sys
from pathlib import Path

from actors.core.layout import Layout
from actors.core.layout_file import parse_layout
from actors.core.outcomes import Reason
from actors.database.connect import connect
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


def prepare_demo(stack: Stack) -> tuple[str, str]:
    """The demo's API key and event id, made at the first start and found again at every later one.

    Raises CallRefused.
    """
    key = asyncio.run(demo_key(stack))
    kept = stack.settings.data_dir / "demo-event"
    with client_of(stack.http_url, key) as client:
        if kept.exists():  # made by an earlier release, perhaps, from another layout
            event_id = kept.read_text()
            try:
                read(client, f"/v1/events/{event_id}")
            except CallRefused as refusal:
                if refusal.reason is not Reason.EVENT_NOT_FOUND:
                    raise
            else:
                return key, event_id
        event = {"name": EVENT_NAME, "layout": read_layout_file(LAYOUT_FILE)}
        event_id = write(client, "/v1/events", event, "demo-arena")["event_id"]
        write(client, f"/v1/events/{event_id}/open-sale", {}, "demo-arena-open")
    write_private(kept, event_id.encode())
    return key, event_id


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
        key, event_id = prepare_demo(stack)
    except CallRefused as refusal:
        raise CannotStart(f"the demo event cannot be put on sale: {refusal}") from refusal
    hold = json.dumps({"units": _two_seats()})
    return f"""
  HTTP     {stack.http_url}   (documentation at {stack.http_url}/docs)
  gRPC     {stack.grpc_target}
  API key  {key}
  event    {event_id}   {EVENT_NAME}

  Hold two seats over HTTP:
    curl -sS {stack.http_url}/v1/events/{event_id}/holds \\
      -H 'Authorization: Bearer {key}' \\
      -H 'Idempotency-Key: {secrets.token_hex(8)}' -H 'Content-Type: application/json' \\
      -d '{hold}'

  Hold two places of the floor over gRPC:
    {_holdfast()} hold {event_id} --area Floor:2{_data_dir(stack)}

Holdfast is ready"""


def _two_seats() -> list[str]:
    """Two of the demo's seats beside each other; others each time, as the last ones may be held or sold."""
    layout = parse_layout(read_layout_file(LAYOUT_FILE))
    assert isinstance(layout, Layout)
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

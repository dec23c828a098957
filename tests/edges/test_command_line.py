"""A command that is refused says so in one line that begins with the stable code, and exits with 1."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner, Result

from actors.core.outcomes import Details, Reason, Rejected
from serve import grpc_client, http_client
from serve.cli import app
from serve.demo import demo_key_file, demo_operator_key_file
from serve.local.preflight import free_port
from serve.local.stack import DataFolder, Stack, write_private
from serve.refused_calls import CallRefused, refused
from serve.settings import Settings
from tests.edges.asking import Ask, ask_http
from tests.edges.edge_stack import Edges, operator_of
from tests.edges.refusal_cases import LAYOUT, NOWHERE_EVENT

pytestmark = pytest.mark.anyio

LAYOUT_FILE = "currency: EUR\ncategories: [{name: A, price: 1}]\nareas: [{name: Hall, category: A, capacity: 3}]\n"
FORGED = "hf_" + "0" * 16 + "_" + "0" * 64


class House(NamedTuple):
    """Where the commands find the edges, and an event that is on sale: seat B/1 is held, of the floor 5 are left."""

    folder: Path
    event: str
    layout: Path
    tenants_key: str


def _published(folder: DataFolder, edges: Edges, grpc_target: str) -> None:
    """Let commands take the edges for a stack that runs on the folder, with alpha's keys for the demo's."""
    folder.secret("link")
    write_private(demo_key_file(folder.root), edges.keys["alpha"].encode())
    write_private(demo_operator_key_file(folder.root), edges.keys[operator_of("alpha")].encode())
    folder.publish(
        Stack(
            settings=Settings(data_dir=folder.root),
            pid=0,
            database_url="",
            redis_url="",
            http_url=edges.http_url,
            grpc_target=grpc_target,
        )
    )


@pytest.fixture(scope="module")
async def house(edges: Edges, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    created = await ask_http(edges, Ask("create_event", {"name": "An event", "layout": LAYOUT}, key="event"))
    event = created.reply["event_id"]
    await ask_http(edges, Ask("open_sale", event_id=event, key="open"))
    await ask_http(edges, Ask("place_hold", {"units": ["101/B/1"]}, event_id=event, key="hold"))
    root = tmp_path_factory.mktemp("data")
    layout = root / "layout.yaml"
    layout.write_text(LAYOUT_FILE)
    folder = DataFolder(root / "data")
    with folder.held():
        _published(folder, edges, edges.grpc_address)
        yield House(folder.root, event, layout, edges.keys["alpha"])


async def command(house: House, *words: str) -> Result:
    """Run it, in a thread: the edges that it calls run in this one."""
    unset = {"HOLDFAST_KEY": None, "HOLDFAST_OPERATOR_KEY": None, "HOLDFAST_DATA_DIR": str(house.folder)}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=unset))


class Refusal(NamedTuple):
    """A command's words, the code that is told, and what must stand in the line beside it."""

    words: tuple[str, ...]
    code: str
    named: tuple[str, ...] = ()


def _seats(*seats: str) -> tuple[str, ...]:
    return tuple(word for seat in seats for word in ("--seat", seat))


def refusals(house: House) -> dict[str, Refusal]:
    """Every command that asks the server for something, and how it may be refused."""
    many = tuple(f"9/A/{seat}" for seat in range(5))
    create = ("events", "create", "--layout", str(house.layout))
    return {
        "held": Refusal(("hold", house.event, *_seats("101/A/1", "101/B/1")), "UNITS_HELD", ("101/B/1",)),
        "unknown": Refusal(("hold", house.event, *_seats(*many)), "UNIT_UNKNOWN", many),
        "too many": Refusal(
            ("hold", house.event, "--area", "Floor:6"), "NOT_ENOUGH_AVAILABLE", ("Floor", "5 available")
        ),
        "malformed": Refusal(("hold", house.event, *_seats("")), "INVALID_ARGUMENT", ("units[0]: ",)),
        "no such event": Refusal(("hold", NOWHERE_EVENT, *_seats("101/A/1")), "EVENT_NOT_FOUND"),
        "a forged key": Refusal(("hold", house.event, *_seats("101/A/1"), "--key", FORGED), "UNAUTHENTICATED"),
        "a bad event": Refusal(
            (*create, "x" * 201, "--hold-ttl-seconds", "0"), "INVALID_ARGUMENT", ("name: ", "hold_ttl_seconds: ")
        ),
        "an event with a forged key": Refusal((*create, "A hall", "--key", FORGED), "UNAUTHENTICATED"),
        "status for a tenant": Refusal(("status", "--operator-key", house.tenants_key), "PERMISSION_DENIED"),
        "digest for a tenant": Refusal(
            ("digest", house.event, "--operator-key", house.tenants_key), "PERMISSION_DENIED"
        ),
        "digest of nothing": Refusal(("digest", NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    }


NAMES = tuple(refusals(House(Path(), "", Path(), "")))


def check(refusal: Refusal, ended: Result) -> None:
    """One line on standard error: the code, then whatever helps."""
    assert (ended.exit_code, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"{refusal.code}: ")
    assert [name for name in refusal.named if name not in line] == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_refusal_is_one_line_with_its_code(house: House, name: str) -> None:
    refusal = refusals(house)[name]
    check(refusal, await command(house, *refusal.words))


@pytest.mark.parametrize("name", NAMES)
async def test_the_check_notices_a_client_that_shows_the_protocols_own_word(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(grpc_client, "_refused", lambda error: CallRefused(f"{error.code()}: {error.details()}"))
    monkeypatch.setattr(http_client, "refused_over_http", lambda response: CallRefused(f"{response.status_code}: no"))
    refusal = refusals(house)[name]
    with pytest.raises(AssertionError):
        check(refusal, await command(house, *refusal.words))


async def test_what_is_allowed_is_printed(house: House) -> None:
    """Each of the commands above, not refused: the operator's key is found for what needs it."""
    held = await command(house, "hold", house.event, *_seats("101/C/1"))
    assert (held.exit_code, held.stderr) == (0, "")
    assert '"101/C/1"' in held.stdout
    created = await command(house, "events", "create", "A hall", "--layout", str(house.layout), "--open-sale")
    assert (created.exit_code, created.stdout[:6]) == (0, "event_")
    digest = await command(house, "digest", house.event)
    assert (digest.exit_code, '"ledger_digest"' in digest.stdout) == (0, True)
    status = await command(house, "status")
    assert (status.exit_code, '"quarantined"' in status.stdout) == (0, True)


@pytest.mark.parametrize("words", [("hold", NOWHERE_EVENT, "--seat", "a"), ("status",)])
async def test_a_server_that_does_not_answer_is_one_line(edges: Edges, words: Sequence[str], tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    nowhere = f"127.0.0.1:{free_port()}"
    silent = Edges(f"http://{nowhere}", nowhere, edges.keys)
    with folder.held():
        _published(folder, silent, nowhere)
        ended = await command(House(folder.root, "", Path(), ""), *words)
    await silent.close()
    assert ended.exit_code == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("the server did not answer: ")


def test_every_name_and_every_fault_is_told_however_many() -> None:
    """The server's own explanation names three; whoever asked at a terminal has nothing else to look at."""
    seats, faults = tuple(f"101/A/{seat}" for seat in range(50)), tuple(f"units[{n}]: is bad" for n in range(50))
    line = str(refused(Rejected(Reason.UNITS_SOLD, Details(units=seats))))
    assert line == f"UNITS_SOLD: Units are sold: {'; '.join(seats)}."
    line = str(refused(Rejected(Reason.INVALID_ARGUMENT, Details(fields=faults))))
    assert line == f"INVALID_ARGUMENT: The request is malformed: {'; '.join(faults)}."
    assert "\n" not in str(refused(Rejected(Reason.UNIT_UNKNOWN, Details(units=("two\nlines",)))))

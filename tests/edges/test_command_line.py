"""A command that is refused says so in one line that begins with the stable code, and exits with 1."""

import shlex
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Container, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
import pytest
from typer.testing import Result

from actors.core.outcomes import Details, Reason, Rejected
from serve import cli, grpc_client, http_client, refused_calls
from serve.local.preflight import free_port
from serve.local.stack import DataFolder
from serve.refused_calls import CallRefused, refused
from tests.edges.asking import Ask, ask_http
from tests.edges.commands import House, command
from tests.edges.edge_stack import Edges
from tests.edges.published import published
from tests.edges.refusal_house import LAYOUT, NOWHERE_EVENT

pytestmark = pytest.mark.anyio

LAYOUT_FILE = "currency: EUR\ncategories: [{name: A, price: 1}]\nareas: [{name: Hall, category: A, capacity: 3}]\n"
FORGED = "hf_" + "0" * 16 + "_" + "0" * 64


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
        published(folder, edges, edges.grpc_address)
        yield House(folder.root, event, layout, edges.keys["alpha"])


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
        "an area twice": Refusal(
            ("hold", house.event, "--area", "Floor:1", "--area", "Floor:2"),
            "INVALID_ARGUMENT",
            ("areas[1].area: is named twice",),
        ),
        "too many by far": Refusal(
            ("hold", house.event, "--area", "Floor:999999999"), "INVALID_ARGUMENT", ("areas[0].quantity: ",)
        ),
        "more of the best than there may be": Refusal(
            ("hold", house.event, "--best", "1", "--best", "Seat:51"), "INVALID_ARGUMENT", ("best[1].quantity: ",)
        ),
        "the best of what there is not": Refusal(
            ("hold", house.event, "--best", "Box,Seat:2"), "UNIT_UNKNOWN", ("Box",)
        ),
        "a time that ends before it begins": Refusal(
            ("hold", house.event, "--slot", "Court 1/2030-05-01T18:00Z/2030-05-01T17:00Z"),
            "INVALID_ARGUMENT",
            ("slots[0].ends_at: ",),
        ),
        "a channel that there is not": Refusal(
            ("hold", house.event, *_seats("101/A/1"), "--channel", "club"), "UNIT_UNKNOWN", ("club",)
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
        "digest of another path": Refusal(("digest", "../events?limit=1\n"), "ROUTE_NOT_FOUND"),
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
async def test_a_server_that_does_not_answer_is_one_line(
    edges: Edges, words: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_calls, "PATIENCE_S", 0.0)
    folder = DataFolder(tmp_path / "data")
    nowhere = f"127.0.0.1:{free_port()}"
    silent = Edges(f"http://{nowhere}", nowhere, edges.keys, edges.operations)
    with folder.held():
        published(folder, silent, nowhere)
        ended = await command(House(folder.root, "", Path(), ""), *words)
    await silent.close()
    assert ended.exit_code == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("the server did not answer: ")
    assert ("--idempotency-key" in line) is (words[0] == "hold")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hold", "--area", f"Floor:{10**12}"), "write NAME:QUANTITY"),
        (("hold", "--area", "Floor:" + "9" * 5000), "write NAME:QUANTITY"),
        (("hold", "--area", "Floor:-1"), "write NAME:QUANTITY"),
        (("hold", "--seat", "\udcff"), "is not UTF-8"),
        (("hold", "--seat", "a", "--idempotency-key", "ñ"), "printable ASCII"),
        (("hold", "--seat", "a", "--idempotency-key", ""), "missing"),
        (("hold", "--seat", "a", "--key", "ñ"), "--key or HOLDFAST_KEY"),
        (("events", "create", "--idempotency-key", "ñ"), "printable ASCII"),
        (("events", "create", "--idempotency-key", "two\nlines"), "printable ASCII"),
        (("events", "create", "--key", "ñ"), "--key or HOLDFAST_KEY"),
        (("digest", "--operator-key", "two\nlines"), "--operator-key or HOLDFAST_OPERATOR_KEY"),
        (("digest", "\udcff"), "is not UTF-8"),
    ],
)
async def test_what_cannot_be_sent_is_one_line(house: House, words: tuple[str, ...], said: str) -> None:
    create = ("--layout", str(house.layout), "A hall")
    named = {"hold": (house.event,), "events": create, "digest": (house.event,) if words[1][:2] == "--" else ()}
    ended = await command(house, *words, *named[words[0]])
    assert (ended.exit_code, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert said in line


@pytest.mark.parametrize("key", [r'a "quoted" \ key', "plain", "'; exit"])
async def test_a_key_stands_for_the_same_event_however_it_is_written(house: House, key: str) -> None:
    create = ("events", "create", "A hall", "--layout", str(house.layout), "--open-sale", "--idempotency-key", key)
    first, again = await command(house, *create), await command(house, *create)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == again.stdout


class Weak:
    """The edges' answers, but for passing faults in place of some: those whose number is in `faults`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, client: ModuleType, faults: Container[int]) -> None:
        self._answer, self._faults, self.calls = client._answer, faults, 0
        monkeypatch.setattr(client, "_answer", self.answer)

    def answer(self, call: Callable[[], Any]) -> Any:
        """Ask, and forget what was answered: its outcome is not known."""
        answered = self._answer(call)
        self.calls += 1
        if self.calls in self._faults:
            raise refused(Rejected(Reason.OUTCOME_UNKNOWN), 0.05)
        return answered


def told_key(ended: Result) -> str:
    """The key that the one line of the refusal names for whoever asks again."""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("OUTCOME_UNKNOWN: The outcome is not known. ")
    return shlex.split(line.rpartition("--idempotency-key ")[2].removesuffix(")"))[0]


async def test_a_hold_whose_outcome_is_not_known_is_asked_again_under_its_key(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = Weak(monkeypatch, grpc_client, {1, 2})
    held = await command(house, "hold", house.event, *_seats("101/C/2"))
    assert (held.exit_code, held.stderr, weak.calls) == (0, "", 3)
    assert '"replayed": true' in held.stdout


async def test_a_hold_that_stays_unknown_names_its_key(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_calls, "PATIENCE_S", 1.5)
    hold = ("hold", house.event, *_seats("101/C/3"))
    with monkeypatch.context() as patched:
        weak = Weak(patched, grpc_client, range(1, 100))
        ended = await command(house, *hold)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert weak.calls > 1
    again = await command(house, *hold, "--idempotency-key", told_key(ended))
    assert '"replayed": true' in again.stdout


@pytest.mark.parametrize("key", [None, 'it\'s "mine"'])
async def test_an_event_that_was_made_is_told_though_opening_it_was_not(
    house: House, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.setattr(refused_calls, "PATIENCE_S", 0.2)
    create = ("events", "create", "A hall", "--layout", str(house.layout), "--open-sale")
    with monkeypatch.context() as patched:
        Weak(patched, http_client, range(2, 100))
        ended = await command(house, *create, *(("--idempotency-key", key) if key else ()))
    assert (ended.exit_code, ended.stdout[:6]) == (1, "event_")
    assert key in (None, told_key(ended))
    again = await command(house, *create, "--idempotency-key", told_key(ended))
    assert (again.exit_code, again.stdout) == (0, ended.stdout)


async def test_an_answer_is_not_asked_for_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    ended = await command(house, "hold", house.event, *_seats("101/B/1"))
    assert ended.stderr.startswith("UNITS_HELD: ")
    assert "--idempotency-key" not in ended.stderr


async def test_names_are_printed_to_the_letter(house: House, tmp_path: Path) -> None:
    layout = tmp_path / "layout.yaml"
    layout.write_text(
        "currency: EUR\ncategories: [{name: A, price: 1}]\nareas: [{name: 'Floor :fire:', category: A, capacity: 3}]\n"
        "sections: [{name: '[red]A[', category: A, rows: [{name: 'b]', seats: 1..3}]}]\n"
    )
    event = await command(house, "events", "create", "An evening", "--layout", str(layout), "--open-sale")
    units = ("--seat", "[red]A[/b]/1", "--area", "Floor :fire::2")
    held = await command(house, "hold", event.stdout.strip(), *units)
    assert held.exit_code == 0
    assert msgspec.json.decode(held.stdout)["units"] == ["[red]A[/b]/1", "Floor :fire: x 2"]
    again = await command(house, "hold", event.stdout.strip(), *units)
    assert again.stderr.startswith("UNITS_HELD: ")
    assert "[red]A[/b]/1" in again.stderr


RULES_FILE = """
window: {opens_at: "2020-05-01T10:00:00+02:00"}
max_per_buyer: 2
max_hold_life_seconds: 300
channels: [{name: Members}]
allotments: [{name: Members, channel: Members, places: [{area: Hall, quantity: 1}]}]
"""


async def check_rules(house: House, edges: Edges, folder: Path) -> None:
    """An event is sold on the conditions of the file; one with faults makes no event, and each is named."""
    rules = folder / "rules.yaml"
    rules.write_text(RULES_FILE)
    create = ("events", "create", "A hall", "--layout", str(house.layout), "--rules", str(rules), "--open-sale")
    made = await command(house, *create)
    assert (made.exit_code, made.stderr) == (0, "")
    event = made.stdout.strip()
    shown = (await ask_http(edges, Ask("get_event", event_id=event))).reply["rules"]
    assert shown.get("max_per_buyer") == 2
    assert shown["allotments"][0]["channel"] == "Members"
    assert shown["window"] == {"opens_at": "2020-05-01T08:00:00.000Z"}
    refused = await command(house, "hold", event, "--area", "Hall:3")
    assert refused.exit_code == 1
    rules.write_text(RULES_FILE.replace("per_buyer: 2", "per_buyer: many").replace("quantity: 1", "quantity: 0"))
    faulty = await command(house, *create)
    assert (faulty.exit_code, faulty.stdout) == (1, "")
    faults = " ".join(faulty.stderr.split())
    assert "max_per_buyer: " in faults
    assert "allotments[0].places[0].quantity: " in faults


async def test_an_event_has_the_rules_of_its_file(house: House, edges: Edges, tmp_path: Path) -> None:
    await check_rules(house, edges, tmp_path)


async def test_the_check_notices_rules_that_are_left_out(
    house: House, edges: Edges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    honest = http_client.write

    def without_rules(client: Any, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        return honest(client, path, {name: value for name, value in body.items() if name != "rules"}, key)

    monkeypatch.setattr(cli, "write", without_rules)
    with pytest.raises(AssertionError):
        await check_rules(house, edges, tmp_path)


async def test_a_misspelt_variable_ends_every_command(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_HTP_PORT", "1")
    for words in (("run",), ("status",), ("hold", house.event), ("migrate", "--database-url", "postgresql://none")):
        ended = await command(house, *words)
        assert ended.exit_code == 1
        assert ended.stderr == "there is no setting HOLDFAST_HTP_PORT: is HOLDFAST_HTTP_PORT meant?\n"


@pytest.mark.parametrize(
    "address",
    ["postgresql://127.0.0.1:99999/db", "postgresql://h:x/db", "postgresql://[::1/db", "postgresql://h/db?sslmode=so"],
)
@pytest.mark.parametrize(
    "words",
    [
        ("migrate",),
        ("keys", "create", "club"),
        ("audit",),
        ("replay", "event_0123456789abcdef"),
        ("journal", "event_0123456789abcdef"),
        ("projections", "rebuild", "event_0123456789abcdef"),
        ("shards", "list"),
        ("shards", "move", "event_0123456789abcdef", "shard-1"),
        ("shards", "resize", "2"),
    ],
)
async def test_an_address_that_cannot_be_one_is_one_line(house: House, words: tuple[str, ...], address: str) -> None:
    ended = await command(house, *words, "--database-url", address)
    assert (ended.exit_code, ended.output.count("\n")) == (1, 1)
    assert isinstance(ended.exception, SystemExit)


@pytest.mark.parametrize(
    "words", [("status",), ("onsale",), ("keys", "create", "club"), ("digest", "event_0123456789abcdef")]
)
async def test_a_data_folder_that_is_none_is_one_line(house: House, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = await command(house, *words, "--data-dir", str(tmp_path / "file"))
    assert (ended.exit_code, ended.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path}/file" in ended.stderr
    assert "Not a directory" in ended.stderr


def test_every_name_and_every_fault_is_told_however_many() -> None:
    """The server's own explanation names three; whoever asked at a terminal has nothing else to look at."""
    seats, faults = tuple(f"101/A/{seat}" for seat in range(50)), tuple(f"units[{n}]: is bad" for n in range(50))
    line = str(refused(Rejected(Reason.UNITS_SOLD, Details(units=seats))))
    assert line == f"UNITS_SOLD: Units are sold: {'; '.join(seats)}."
    line = str(refused(Rejected(Reason.INVALID_ARGUMENT, Details(fields=faults))))
    assert line == f"INVALID_ARGUMENT: The request is malformed: {'; '.join(faults)}."
    assert "\n" not in str(refused(Rejected(Reason.UNIT_UNKNOWN, Details(units=("two\nlines",)))))


@pytest.mark.parametrize("words", [("--help",), ("doctor", "--help")], ids=" ".join)
def test_without_assertions_nothing_is_done(words: Sequence[str]) -> None:
    """They tell what was sold twice, also to whoever only looks."""
    main = "from serve.cli import main; main()"
    for flags, ends_well in (((), True), (("-O",), False)):
        ended = subprocess.run(
            [sys.executable, *flags, "-c", main, *words], capture_output=True, text=True, check=False
        )
        assert (ended.returncode == 0) is ends_well
    assert "unset PYTHONOPTIMIZE" in ended.stderr

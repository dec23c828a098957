"""What a newcomer sees: it starts, both examples work as printed, nothing listens to the world, nothing is left."""

import json
import stat
from pathlib import Path

import pytest

from serve.demo import demo_operator_key_file
from serve.local.preflight import free_port
from tests.edges.printed_calls import printed_call, run_by_sh
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
INNER_PORT = 24000  # the first of 300, below those that the system gives to whoever asks for any
LOOPBACK_V4, LOOPBACK_V6, LOOPBACK_MAPPED = (
    "0100007F",
    "00000000000000000000000001000000",
    "0000000000000000FFFF00000100007F",
)
LISTENING = "0A"


def test_both_examples_work_as_printed(running: RunningStack, tmp_path: Path) -> None:
    """Through `sh`, to the letter; pasted again, the first is the same hold."""
    call = printed_call(running.said, "curl ")
    first, again = (json.loads(run_by_sh(call, tmp_path).stdout) for _ in range(2))
    assert "hold_id" in first, first
    assert len({unit.rpartition("/")[0] for unit in first["units"]}) == 1, "two seats of one row"
    assert len(first["units"]) == 2
    assert again.get("hold_id") == first["hold_id"], again

    held = run_by_sh(printed_call(running.said, " hold event_"), tmp_path)
    assert held.returncode == 0, held.stderr
    assert json.loads(held.stdout)["units"] == ["Floor x 2"]


def test_the_operators_key_is_kept_and_not_shown(running: RunningStack) -> None:
    """What the commands find by themselves opens status and digests; the key that is printed does not."""
    file = demo_operator_key_file(running.folder.root)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert running.operator_key not in running.said
    status = json.loads(running.command("status").stdout)
    assert len(status["shards"]) == 1
    assert status["quarantined"] == []
    assert json.loads(running.command("digest", running.event_id).stdout)["position"] > 0
    for words in (("status",), ("digest", running.event_id)):
        refused = running.command(*words, "--operator-key", running.api_key)
        assert (refused.returncode, refused.stderr) == (1, "PERMISSION_DENIED: The key does not allow this.\n")


def test_headers_and_methods_come_through_the_front_as_they_are(running: RunningStack) -> None:
    with running.client() as client:
        for path in ("/healthz", "/readyz", "/docs", "/v1/events"):
            shown, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"] == shown.headers["content-type"]
            assert int(head.headers["content-length"]) > 0
        twice = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
        refused = client.post(f"/v1/events/{running.event_id}/holds", json={"units": ["101/A/9"]}, headers=twice)
        assert (refused.status_code, refused.json()["fields"][0]["field"]) == (400, "idempotency_key")


def test_connections_may_rest_for_five_minutes(running: RunningStack) -> None:
    (file,) = running.folder.ray.glob("haproxy/*/haproxy.cfg")
    said = [line.strip() for line in file.read_text().splitlines() if "http-keep-alive" in line]
    assert said == ["timeout http-keep-alive 300s"], "the last one counts"


def test_everything_listens_on_loopback_only(running: RunningStack) -> None:
    ours = {inode for pid in running.processes() for inode in _sockets(pid)}
    listening = [
        fields[1].split(":")[0]
        for table in ("tcp", "tcp6")
        for fields in map(str.split, Path("/proc/net", table).read_text().splitlines()[1:])
        if fields[3] == LISTENING and fields[9] in ours
    ]
    assert len(listening) > 5
    assert set(listening) <= {LOOPBACK_V4, LOOPBACK_V6, LOOPBACK_MAPPED}


def test_a_second_stack_on_the_same_folder_says_so_in_one_line(running: RunningStack) -> None:
    refused = running.command("run")
    assert refused.returncode == 1
    assert "another Holdfast runs on the data folder" in refused.stdout
    assert len(refused.stdout.splitlines()) == 1


def test_commands_without_a_server_say_so(running: RunningStack, tmp_path: Path) -> None:
    refused = running.command("hold", running.event_id, "--area", "Floor:1", "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert "no Holdfast runs" in refused.stderr


def test_events_and_keys_from_the_command_line(running: RunningStack, tmp_path: Path) -> None:
    layout = tmp_path / "hall.yaml"
    layout.write_text(
        "currency: EUR\ncategories: [{name: A, price: 100}]\nareas: [{name: Hall, category: A, capacity: 3}]\n"
    )
    made = running.command("keys", "create", "other-tenant")
    operators = running.command("keys", "create", "other-tenant", "--operator").stdout.strip()
    key = made.stdout.strip()
    assert made.returncode == 0, made.stderr
    created = running.command("events", "create", "A hall", "--layout", str(layout), "--open-sale", "--key", key)
    assert created.returncode == 0, created.stderr
    event_id = created.stdout.strip()
    assert running.command("hold", event_id, "--area", "Hall:3", "--key", key).returncode == 0
    digest = running.command("digest", event_id, "--operator-key", operators)
    assert digest.returncode == 0, digest.stderr
    strangers = running.command("digest", event_id)
    assert strangers.stderr == "EVENT_NOT_FOUND: There is no such event.\n", "nor its operator"
    too_many = running.command("hold", event_id, "--area", "Hall:1", "--key", key)
    assert too_many.returncode == 1
    assert too_many.stderr == "NOT_ENOUGH_AVAILABLE: There is not enough available: Hall; 0 available.\n"
    strange = running.command("hold", event_id, "--area", "Hall:1")
    assert strange.returncode == 1
    assert strange.stderr == "EVENT_NOT_FOUND: There is no such event.\n", "the demo's tenant must not see it"

    layout.write_text(
        "currency: EUR\ncategories: [{name: A, price: 1}]\nareas: [{name: Hall, category: B, capacity: -3}]\n"
    )
    refused = running.command("events", "create", "A bad hall", "--layout", str(layout), "--key", key)
    assert refused.returncode == 1
    assert "areas[0].capacity" in refused.stderr
    assert "areas[0].category" in refused.stderr


def _sockets(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            name = str(link.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            found.add(name[8:-1])
    return found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--database-url", "postgresql://nobody@127.0.0.1:1/none"), "the database cannot be used"),
        (("migrate", "--database-url", "postgresql://nobody@127.0.0.1:1/none"), "cannot migrate"),
        (("keys", "create", "x", "--database-url", "postgresql://nobody@127.0.0.1:1/none"), "cannot be used"),
        (("hold", "event_0000000000000000", "--area", "Floor:²"), "write NAME:QUANTITY"),
        (("run", "--http-port", "many"), "--http-port"),
    ],
)
def test_wrong_words_are_one_line(running: RunningStack, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    # A folder and ports of its own, so that it is the words that are refused.
    ports = ("http-port", "grpc-port", "redis-port") if words[0] == "run" else ()
    own = [f"--{name}={free_port()}" for name in ports if f"--{name}" not in words]
    if words[0] == "run":
        own.append(f"--inner-port={INNER_PORT}")
    refused = running.command(*words, *own, *(() if words[0] == "hold" else ("--data-dir", str(tmp_path))))
    assert refused.returncode == 1
    told = [line for line in (refused.stdout + refused.stderr).splitlines() if not line.startswith("✓ ")]
    assert len(told) == 1, told  # beside what had started by then
    assert said in told[0]

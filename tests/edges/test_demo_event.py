"""The demo's event at a start: found again at every later one, and one clear line where it cannot be had."""

import asyncio
import json
from pathlib import Path

import httpx
import msgspec
import pytest

from actors.core.outcomes import Reason, Rejected
from serve import demo as demo_module
from serve import http_client, refused_calls
from serve.demo import demo_key_file, prepare_demo, ready_text
from serve.http_api import health
from serve.http_client import read
from serve.local.preflight import CannotStart
from serve.local.stack import DataFolder, Stack, write_private
from serve.operations import Operations
from serve.refused_calls import CallRefused
from serve.settings import Settings
from tests.edges.edge_stack import Edges
from tests.edges.printed_calls import printed_call, run_by_sh

pytestmark = pytest.mark.anyio


@pytest.fixture
def stack(edges: Edges, database_url: str, tmp_path: Path) -> Stack:
    """Over the edges, with a data folder of its own."""
    folder = DataFolder(tmp_path / "data")
    folder.root.mkdir()
    folder.secret("link")
    return Stack(
        settings=Settings(data_dir=folder.root),
        pid=0,
        database_url=database_url,
        redis_url="",
        http_url=edges.http_url,
        grpc_target=edges.grpc_address,
    )


async def test_it_is_made_once_and_on_sale(edges: Edges, stack: Stack) -> None:
    key, demo, _ = await asyncio.to_thread(prepare_demo, stack)
    assert await asyncio.to_thread(prepare_demo, stack) == (key, demo, "")
    event = await edges.http.get(f"/v1/events/{demo.event_id}", headers={"Authorization": f"Bearer {key}"})
    assert event.json()["status"] == "ON_SALE"


async def check_kept(stack: Stack, patch: pytest.MonkeyPatch, folder: Path) -> None:
    """A later release has another layout: the event stays, as buyers have bought, and what is printed is about it."""
    key, demo, _ = await asyncio.to_thread(prepare_demo, stack)
    with patch.context() as later:
        later.setattr("serve.demo.LAYOUT_FILE", folder / "layout.yaml")
        (folder / "layout.yaml").write_text(
            "currency: EUR\ncategories: [{name: A, price: 1}]\nareas: [{name: Hall, category: A, capacity: 3}]\n"
            "sections: [{name: North, category: A, rows: [{name: b, seats: 1..30}]}]\n"
        )
        said = await asyncio.to_thread(ready_text, stack)
    assert demo.event_id in said
    held = json.loads((await asyncio.to_thread(run_by_sh, printed_call(said, "curl "), folder)).stdout)
    assert held["status"] == "ACTIVE"
    kept = stack.settings.data_dir / "demo-event.json"
    for useless in (msgspec.json.encode({"event_id": "event_0000000000000000", "layout": {}}), b"{"):
        kept.write_bytes(useless)
        assert await asyncio.to_thread(prepare_demo, stack) == (key, demo, ""), "it is made again, and is the same"


async def test_it_is_kept_whatever_a_later_release_would_make(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await check_kept(stack, monkeypatch, tmp_path)


async def test_control_made_anew_it_is_another(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_module, "_kept", lambda _: None)
    with pytest.raises(CannotStart, match="IDEMPOTENCY_KEY_REUSED"):
        await check_kept(stack, monkeypatch, tmp_path)


def refusing(patch: pytest.MonkeyPatch, reason: Reason, *problems: str) -> None:
    """The event says no; `problems`: why the gateway is not ready."""

    async def no(*_: object) -> Rejected:
        return Rejected(reason)

    async def readiness() -> tuple[str, ...]:
        return problems

    patch.setattr(refused_calls, "PATIENCE_S", 0.0)
    patch.setattr(Operations, "get_event", no)
    patch.setattr(health, "cast", lambda *_: readiness)


SILENT = [Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED, Reason.OVERLOADED, Reason.INTERNAL]


async def check_silent(stack: Stack, patch: pytest.MonkeyPatch, reason: Reason) -> None:
    """Its block is quarantined, say: everything else can be sold all the same."""
    first = await asyncio.to_thread(prepare_demo, stack)
    refusing(patch, reason)
    again = await asyncio.to_thread(prepare_demo, stack)
    assert again[:2] == first[:2]
    said = await asyncio.to_thread(ready_text, stack)
    assert f"The demo event cannot be sold now ({reason.name}: " in said
    assert "curl" not in said
    assert said.endswith("Holdfast is ready")


@pytest.mark.parametrize("reason", SILENT)
async def test_one_that_does_not_answer_keeps_nobody_from_starting(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    await check_silent(stack, monkeypatch, reason)


async def test_a_kept_layout_that_cannot_be_read_is_told(stack: Stack) -> None:
    _, demo, _ = await asyncio.to_thread(prepare_demo, stack)
    unreadable = msgspec.structs.replace(demo, layout={"currency": "EUR"})
    (stack.settings.data_dir / "demo-event.json").write_bytes(msgspec.json.encode(unreadable))
    said = await asyncio.to_thread(ready_text, stack)
    assert demo.event_id in said
    assert "No calls to show: " in said
    assert "curl" not in said
    assert said.endswith("Holdfast is ready")


async def test_control_asked_for_again_it_would(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "_silence", lambda client, event: read(client, f"/v1/events/{event}") and "")
    with pytest.raises(CallRefused, match="UNAVAILABLE"):
        await check_silent(stack, monkeypatch, Reason.UNAVAILABLE)


async def check_not_ready(stack: Stack, patch: pytest.MonkeyPatch) -> None:
    """Nobody answers, and not only the demo event: that is no start."""
    await asyncio.to_thread(prepare_demo, stack)
    refusing(patch, Reason.UNAVAILABLE, "no shard answers")
    with pytest.raises(CannotStart, match=r"503: .*no shard answers"):
        await asyncio.to_thread(ready_text, stack)


async def test_a_server_that_is_not_ready_is_not_called_so(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_not_ready(stack, monkeypatch)


async def test_control_the_event_alone_does_not_tell(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "_silence", lambda *_: "UNAVAILABLE")
    with pytest.raises(pytest.fail.Exception):
        await check_not_ready(stack, monkeypatch)


async def check_refusal(stack: Stack) -> None:
    """A key that nobody has made, as of another database: one line with the code, at once."""
    write_private(demo_key_file(stack.settings.data_dir), b"hf_0000000000000000_" + b"0" * 64)
    with pytest.raises(CannotStart, match=r"^the demo event cannot be put on sale: UNAUTHENTICATED: [^\n]+$"):
        async with asyncio.timeout(5):
            await asyncio.to_thread(ready_text, stack)


async def test_a_refusal_is_told_in_one_line(stack: Stack) -> None:
    await check_refusal(stack)


async def test_control_a_refusal_without_its_code_is_noticed(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "refused_over_http", lambda response: CallRefused(f"{response.status_code}: no"))
    with pytest.raises(AssertionError):
        await check_refusal(stack)


async def test_that_nobody_answers_is_told_in_one_line(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_calls, "PATIENCE_S", 0.0)
    unreachable = msgspec.structs.replace(stack, http_url="http://127.0.0.1:1")
    with pytest.raises(CannotStart, match=r"^the demo event cannot be put on sale: the server did not answer: [^\n]+$"):
        await asyncio.to_thread(ready_text, unreachable)


async def check_passing_fault(stack: Stack, patch: pytest.MonkeyPatch) -> None:
    """The first answer is HAProxy's own, as no replica is there for a moment; a start goes on all the same."""
    answers = [httpx.Response(503, text="no server is available")]
    post = httpx.Client.post

    def after_that(self: httpx.Client, *asked: object, **more: object) -> httpx.Response:
        return answers.pop() if answers else post(self, *asked, **more)  # type: ignore[arg-type]

    patch.setattr(httpx.Client, "post", after_that)
    _, demo, _ = await asyncio.to_thread(prepare_demo, stack)
    assert demo.event_id
    assert not answers


async def test_a_passing_fault_ends_no_start(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_passing_fault(stack, monkeypatch)


async def test_control_one_who_asks_only_once_is_noticed(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_calls, "PATIENCE_S", 0.0)
    with pytest.raises(CallRefused):
        await check_passing_fault(stack, monkeypatch)

"""The demo's event at a start: found again at every later one, and one clear line where it cannot be had."""

import asyncio
from pathlib import Path

import httpx
import msgspec
import pytest

from serve import http_client, refused_calls
from serve.demo import demo_key_file, prepare_demo, ready_text
from serve.local.preflight import CannotStart
from serve.local.stack import DataFolder, Stack, write_private
from serve.refused_calls import CallRefused
from serve.settings import Settings
from tests.edges.edge_stack import Edges

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
    key, event_id = await asyncio.to_thread(prepare_demo, stack)
    assert await asyncio.to_thread(prepare_demo, stack) == (key, event_id)
    event = await edges.http.get(f"/v1/events/{event_id}", headers={"Authorization": f"Bearer {key}"})
    assert event.json()["status"] == "ON_SALE"


async def check_kept(stack: Stack, patch: pytest.MonkeyPatch) -> None:
    """A later release has another layout: the event stays, as its buyers have bought; without it there is a new one."""
    key, event_id = await asyncio.to_thread(prepare_demo, stack)
    patch.setattr("serve.demo.EVENT_NAME", "Another night")
    assert await asyncio.to_thread(prepare_demo, stack) == (key, event_id)
    (stack.settings.data_dir / "demo-event").write_text("event_0000000000000000")
    patch.undo()
    assert await asyncio.to_thread(prepare_demo, stack) == (key, event_id)


async def test_it_is_kept_whatever_a_later_release_would_make(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_kept(stack, monkeypatch)


async def test_control_asked_for_again_it_is_another(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: self.name != "demo-event" and exists(self))
    with pytest.raises(CallRefused, match="IDEMPOTENCY_KEY_REUSED"):
        await check_kept(stack, monkeypatch)


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
    _, event_id = await asyncio.to_thread(prepare_demo, stack)
    assert event_id
    assert not answers


async def test_a_passing_fault_ends_no_start(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_passing_fault(stack, monkeypatch)


async def test_control_one_who_asks_only_once_is_noticed(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_calls, "PATIENCE_S", 0.0)
    with pytest.raises(CallRefused):
        await check_passing_fault(stack, monkeypatch)

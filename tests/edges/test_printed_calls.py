"""Both calls that are printed at the start work as they stand, in whatever shell `sh` is."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from serve.demo import ready_text
from serve.local.stack import DataFolder, Stack
from serve.settings import Settings
from tests.edges.edge_stack import Edges
from tests.edges.printed_calls import printed_call, run_by_sh

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def said(edges: Edges, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """What is printed at the start, over the edges; the commands find them as they find a stack. All has blanks."""
    root = tmp_path_factory.mktemp("data")
    programs, folder = root / "the programs", DataFolder(root / "a folder")
    programs.symlink_to(Path(sys.executable).parent)
    with folder.held(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "executable", str(programs / "python"))
        folder.secret("link")
        stack = Stack(
            settings=Settings(data_dir=folder.root),
            pid=0,
            database_url=database_url,
            redis_url="",
            http_url=edges.http_url,
            grpc_target=edges.grpc_address,
        )
        text = await asyncio.to_thread(ready_text, stack)
        folder.publish(stack)
        yield text


async def answer_of(call: str, folder: Path) -> Any:
    """What it prints, as JSON; it must end well."""
    ended = await asyncio.to_thread(run_by_sh, call, folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


async def check_curl(call: str, folder: Path) -> None:
    """The call holds two seats; pasted again it is the same hold."""
    first = await answer_of(call, folder)
    assert "hold_id" in first, f"at first: {first}"
    again = await answer_of(call, folder)
    assert again.get("hold_id") == first["hold_id"], f"again: {again}"
    assert len(first["units"]) == 2


@pytest.fixture(params=["curl", "no curl"])
def curl(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The machine's own curl, and none."""
    if request.param == "curl" and shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    if request.param == "no curl":
        monkeypatch.setattr(shutil, "which", lambda program: None)
    return str(request.param)


async def test_the_http_call_works_as_printed_and_may_be_pasted_again(said: str, curl: str, tmp_path: Path) -> None:
    await check_curl(printed_call(said, "curl "), tmp_path)


@pytest.mark.parametrize(
    ("key", "noticed"),
    [
        ("$NO_SUCH_VARIABLE", "at first: .*INVALID_ARGUMENT"),
        ("$(cat /proc/sys/kernel/random/uuid)", "again: .*UNITS_HELD"),
    ],
)
async def test_the_check_notices_a_key_that_the_shell_makes(
    said: str, curl: str, tmp_path: Path, key: str, noticed: str
) -> None:
    """Negative control: one that is empty here, and one that is another each time."""
    call, changed = re.subn("'Idempotency-Key: [0-9a-f]+'", f'"Idempotency-Key: {key}"', printed_call(said, "curl "))
    assert changed == 1
    row = "101/B" if curl == "curl" else "101/C"
    seats_of_its_own, changed = re.subn(r'"units": \[[^]]+\]', f'"units": ["{row}/1", "{row}/2"]', call)
    assert changed == 1
    with pytest.raises(AssertionError, match=noticed):
        await check_curl(seats_of_its_own, tmp_path)


async def test_the_grpc_call_works_as_printed(said: str, tmp_path: Path) -> None:
    held = await answer_of(printed_call(said, " hold event_"), tmp_path)
    assert held["units"] == ["Floor x 2"]

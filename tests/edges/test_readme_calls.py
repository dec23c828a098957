"""What the README says to paste works as it stands there, in whatever shell `sh` is."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from serve.local.stack import DataFolder
from tests.edges.edge_stack import Edges
from tests.edges.printed_calls import run_by_sh
from tests.edges.published import published

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
async def checkout(edges: Edges, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """Where the README is, with a server on the data folder there."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "serve").symlink_to(ROOT / "serve")
    folder = DataFolder(root / ".holdfast")
    with folder.held():
        published(folder, edges, edges.grpc_address)
        yield root


def calls(readme: str) -> str:
    """The lines that end in the call for two events, as they stand."""
    end = readme.index("\n", readme.index("    post holds "))
    return readme[readme.rindex("\n\n", 0, end) : end]


async def answers(said: str, edges: Edges, folder: Path) -> list[Any]:
    """What each call is answered; all must end well."""
    said, served = re.subn(r"http://127\.0\.0\.1:8000", edges.http_url, said)
    assert served == 1
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = await asyncio.to_thread(run_by_sh, f"cd '{folder}'; PATH='{path}'; {said}", folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    decoder, shown, place = json.JSONDecoder(), [], 0
    while place < len(ended.stdout.rstrip()):
        answer, place = decoder.raw_decode(ended.stdout, place)
        shown.append(answer)
    return shown


async def check(readme: str, edges: Edges, folder: Path) -> None:
    """The best seats side by side, an hour of a court, and both events or neither."""
    best, hour, both = shown = await answers(calls(readme), edges, folder)
    assert "best" not in best
    assert [answer.get("code") for answer in shown] == [None] * 3, shown
    assert (len(best["units"]), len(best["choices"])) == (2, 1)
    assert hour["units"] == ["Court 1/2030-05-01T18:00+02:00", "Court 1/2030-05-01T18:30+02:00"]
    assert sorted(leg["units"] for leg in both["legs"]) == [["101/A/1"], ["Court 2/2030-05-01T18:00+02:00"]]


async def test_the_calls_work_as_they_stand_and_may_be_pasted_again(edges: Edges, checkout: Path) -> None:
    await check(README, edges, checkout)
    await check(README, edges, checkout)


@pytest.mark.parametrize(
    ("wrong", "instead"), [('"Club"', '"Clubb"'), ("18:00:00+02:00", "18:10:00+02:00"), ('"101/A/1"', '"101/I/1"')]
)
async def test_the_check_notices_what_cannot_be_had(edges: Edges, checkout: Path, wrong: str, instead: str) -> None:
    """Negative control."""
    assert wrong in calls(README)
    with pytest.raises(AssertionError):
        await check(README.replace(wrong, instead), edges, checkout)

"""What was done stays done, whatever fails after it: who asked is never told that it was not, and the key finds out."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from actors.core.outcomes import Reason, Rejected
from serve.grpc_api import calls, replies
from serve.http_api import order_views, problems
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges
from tests.stack.load import HALL

pytestmark = pytest.mark.anyio

Asking = Callable[[Edges, Ask], Awaitable[Answered]]
PROTOCOLS = pytest.mark.parametrize("asking", [ask_http, ask_grpc])


def fail(*_: object) -> Any:
    raise RuntimeError("the password is swordfish")


async def check_a_bug_after_a_write(edges: Edges, asking: Asking, patch: pytest.MonkeyPatch) -> str:
    """A hold that was placed and cannot be shown. The code of a read of it, likewise."""
    name = str(uuid4())
    event = str(
        (await ask_http(edges, Ask("create_event", {"name": name, "layout": HALL}, key=name))).reply["event_id"]
    )
    assert not (await ask_http(edges, Ask("open_sale", event_id=event, key=f"open {name}"))).code
    hold = Ask("place_hold", {"areas": [{"area": "Hall", "quantity": 1}]}, event_id=event, key=f"hold {name}")
    with patch.context() as broken:
        for module in (order_views, replies):
            broken.setattr(module, "had", fail)
        told = await asking(edges, hold)
    assert told.code == "OUTCOME_UNKNOWN"
    assert "swordfish" not in f"{told.reply}"
    other = hold._replace(body={"areas": [{"area": "Hall", "quantity": 2}]})
    assert (await asking(edges, other)).code == "IDEMPOTENCY_KEY_REUSED", "it was done"
    placed = await ask_http(edges, hold)
    assert not placed.code
    with patch.context() as broken:
        for module in (order_views, replies):
            broken.setattr(module, "had", fail)
        return (await asking(edges, Ask("get_hold", hold_id=placed.reply["hold_id"]))).code


@PROTOCOLS
async def test_a_bug_after_a_write_leaves_its_outcome_open_and_is_logged(
    edges: Edges, asking: Asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await check_a_bug_after_a_write(edges, asking, monkeypatch) == "INTERNAL", "a read changes nothing"
    assert capsys.readouterr().out.count("a request met a bug") == 2


@PROTOCOLS
async def test_control_a_final_no_after_a_write_is_noticed(
    edges: Edges, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    for front in (calls, problems):
        monkeypatch.setattr(front, "report_bug", lambda *_, **__: Rejected(Reason.INTERNAL))
    with pytest.raises(AssertionError, match="OUTCOME_UNKNOWN"):
        await check_a_bug_after_a_write(edges, asking, monkeypatch)

"""A leg whose desk has not ended what is overdue asks it in rounds, and not without a pause."""

from types import SimpleNamespace

import pytest

from actors.core.commands import AskAboutLeg
from actors.core.ids import BlockId
from actors.core.replies import LegFateReply
from actors.engine.errands import ROUND_MS, Errands, _Doubt
from actors.link.batch import Replied, encoder
from tests.engine.stage import on_virtual_time

NOW_MS = 1_700_000_000_000
OVERDUE_MS = NOW_MS - 60_000


async def _asks_again_ms() -> int | None:
    async def answered(*_: object) -> Replied:
        return Replied(encoder.encode(LegFateReply(1, ask_at_ms=OVERDUE_MS)))

    errands = Errands.__new__(Errands)
    clock = SimpleNamespace(now_ms=lambda: NOW_MS)
    vars(errands).update(_ask=answered, _clock=clock)
    doubt = _Doubt(BlockId("0" * 16), AskAboutLeg("arena", 2, 1, 1))
    return await Errands._ask_desk(errands, None, doubt)  # type: ignore[arg-type]


@on_virtual_time
async def test_it_waits_for_a_round() -> None:
    assert await _asks_again_ms() == NOW_MS + ROUND_MS


@on_virtual_time
async def test_control_without_a_round_it_would_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Errands, "_soon", lambda _: 0)
    again_ms = await _asks_again_ms()
    assert again_ms is not None
    assert again_ms < NOW_MS

"""A cycle that its line cannot carry within a statement's bound goes in parts, and nothing else becomes of it."""

import asyncio
from collections.abc import Callable

import pytest

from actors.core.commands import EditEvent
from actors.core.entries import HoldPlaced
from actors.core.ids import BlockId
from actors.engine.portions import Portions
from actors.journal.journal import MAX_ROWS_BYTES, JournalUnavailable
from actors.journal.memory import Statement
from actors.link.batch import Answer, Replied
from tests.engine.refusing import bears, check_journal, refuse
from tests.engine.stage import FENCED, Running, Stage, answered, hold, on_virtual_time, read_event, settle, stamp

PATIENCE_S = 120.0


class SlowLine:
    """Each block that a statement is about takes so many seconds of it; `late`: statements that were cut meanwhile.

    `arrives`: what was cut is carried out all the same, when it has come; else it is lost on its way.
    """

    def __init__(self, owner: Running, name: str, block_s: float, *, arrives: bool = False) -> None:
        self.block_s = block_s
        self.late = 0
        self.carried: list[int] = []
        self._name = name
        self._arrives = arrives
        self._before = owner.script.before
        owner.script.before = self._slow  # type: ignore[method-assign]

    async def _slow(self, statement: Statement) -> None:
        await self._before(statement)
        if statement.name == self._name:
            await asyncio.sleep(self.block_s * len(statement.blocks))
            if statement.cut.is_set():
                self.late += 1
                if not self._arrives:
                    raise JournalUnavailable("lost on its way")
            self.carried.append(len(statement.blocks))


def placed(stage: Stage, block: BlockId) -> list[int]:
    """The holds in the block's journal."""
    return [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)]


async def sent_in_one_cycle(owner: Running, number: int, blocks: list[BlockId]) -> list[Answer]:
    """The answers to a hold in each of these blocks."""
    sent = owner.send_calls([(block, hold(number, f"{number}/1")) for block in blocks])
    return await answered(sent, PATIENCE_S)


async def check_cycle(*, arrives: bool) -> None:
    """One row alone is answered, and so are those of a cycle that is too much for the line; each stands once."""
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(3)]
    line = SlowLine(owner, "append", 3.0, arrives=arrives)
    assert isinstance((await answered(owner.send(blocks[0], hold(1, "1/1")), PATIENCE_S))[0], Replied)
    for number in (2, 3):
        assert all(isinstance(answer, Replied) for answer in await sent_in_one_cycle(owner, number, blocks))
    assert line.late, "it was too much"
    await asyncio.sleep(60)  # whatever is still on its way
    assert [placed(stage, block) for block in blocks] == [[1, 2, 3], [2, 3], [2, 3]]
    check_journal(stage)


@pytest.mark.parametrize("arrives", [False, True])
def test_a_cycle_that_is_too_much_for_its_line_goes_in_parts(arrives: bool) -> None:
    on_virtual_time(check_cycle)(arrives=arrives)


async def check_heads() -> None:
    """So do looks at heads."""
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(3)]
    SlowLine(owner, "heads", 3.0)
    sent = owner.send_calls([(block, read_event()) for block in blocks])
    assert all(isinstance(answer, Replied) for answer in await answered(sent, PATIENCE_S))


def test_looks_at_heads_go_in_parts_too() -> None:
    on_virtual_time(check_heads)()


async def check_quick_again() -> None:
    """One statement has all of them as soon as the line is quick; and so it is after one that refused connections."""
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(8)]
    line = SlowLine(owner, "append", 3.0)
    assert all(isinstance(answer, Replied) for answer in await sent_in_one_cycle(owner, 1, blocks))
    assert max(line.carried) == 1
    line.block_s = 0.001
    await sent_in_one_cycle(owner, 2, blocks)
    owner.script.away = True
    line.carried.clear()
    sent = owner.send_calls([(block, hold(3, "3/1")) for block in blocks])
    await asyncio.sleep(20)
    owner.script.away = False
    assert all(isinstance(answer, Replied) for answer in await answered(sent, PATIENCE_S))
    assert line.carried == [len(blocks)]


def test_one_statement_has_all_again_when_the_line_is_quick() -> None:
    on_virtual_time(check_quick_again)()


def the_same_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Portions, "given_up", lambda *_: None)


def never_more_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Portions, "answered", lambda *_: None)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (the_same_again, lambda: on_virtual_time(check_cycle)(arrives=False)),
        (the_same_again, lambda: on_virtual_time(check_cycle)(arrives=True)),
        (the_same_again, lambda: on_virtual_time(check_heads)()),
        (never_more_again, lambda: on_virtual_time(check_quick_again)()),
    ],
)
def test_control_it_is_noticed(
    sabotage: Callable[[pytest.MonkeyPatch], None], check: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        check()


@on_virtual_time
async def test_who_was_overtaken_meanwhile_is_fenced_and_its_neighbours_are_not() -> None:
    stage = Stage()
    former = await stage.engine(1, bound_ms=500)
    blocks = [await stage.on_sale(former) for _ in range(4)]
    line = SlowLine(former, "append", 0.2)
    sent = former.send_calls([(block, hold(1, "1/1")) for block in blocks])
    await settle()
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(max(blocks), hold(2, "1/1")), Replied)
    answers = dict(zip(blocks, await answered(sent, PATIENCE_S), strict=True))
    assert line.late
    assert answers.pop(max(blocks)) == FENCED
    assert all(isinstance(answer, Replied) for answer in answers.values())
    assert [placed(stage, block) for block in sorted(blocks)] == [[1], [1], [1], [2]]
    check_journal(stage)


@on_virtual_time
async def test_a_row_that_is_refused_on_a_slow_line_stops_its_block_alone() -> None:
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(5)]
    refuse(owner, bears(sorted(blocks)[2]))
    SlowLine(owner, "append", 2.0)
    answers = dict(zip(blocks, await sent_in_one_cycle(owner, 1, blocks), strict=True))
    assert answers.pop(sorted(blocks)[2]) == FENCED
    assert all(isinstance(answer, Replied) for answer in answers.values())
    assert [placed(stage, block) for block in sorted(blocks)] == [[1], [1], [], [1], [1]]
    check_journal(stage)


@on_virtual_time
async def test_large_rows_of_one_cycle_go_in_statements_of_their_own() -> None:
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(4)]
    before = len(owner.script.appends())
    name = "n" * (3 * MAX_ROWS_BYTES // 4)
    edits = [(block, EditEvent(stamp(f"edit-{block}"), 2, name)) for block in blocks]
    assert all(isinstance(answer, Replied) for answer in await answered(owner.send_calls(edits), 5))
    assert [len(rows) for rows in owner.script.appends()[before:]] == [1] * 4
    check_journal(stage)

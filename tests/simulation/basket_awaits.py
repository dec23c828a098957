"""Which awaits of the protocol's code somebody stood at, while a run came by its points."""

import ast
import asyncio
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import actors.baskets
from actors.engine import errands
from actors.reservations import asks, baskets, divisions, holds, orders
from tests.simulation.basket_stage import Stage
from tests.simulation.virtual_time import VirtualLoop

_MODULES = (actors.baskets, errands, asks, baskets, divisions, holds, orders)
PROTOCOL = {str(module.__file__): inspect.getsource(module) for module in _MODULES}
"""The text of each file."""


class Awaits:
    """All awaits of some modules, and those that were seen. An await is (file, first line, last line)."""

    def __init__(self, texts: Mapping[str, str] = PROTOCOL) -> None:
        self.all = {wait for file, text in texts.items() for wait in awaits_of(text, file)}
        self._missing = set(self.all)
        self._files = set(texts)

    @property
    def missing(self) -> list[str]:
        """Those at which nobody ever stood at a point, as `file:line`."""
        return sorted(f"{Path(file).name}:{first}" for file, first, _ in self._missing)

    def look(self, _: Stage) -> None:
        """Note where everybody stands."""
        if not self._missing:
            return
        loop = _running_loop()
        for task in loop.tasks:
            for frame in _frames(task.get_coro()):
                if frame.f_code.co_filename in self._files:
                    self._note(frame.f_code, frame.f_lineno)

    def _note(self, code: CodeType, line: int) -> None:
        self._missing -= {
            wait for wait in self._missing if wait[0] == code.co_filename and wait[1] <= line <= wait[2]
        }  # fmt: skip


def awaits_of(text: str, file: str) -> set[tuple[str, int, int]]:
    """Every place of a module where a coroutine can be suspended."""
    found = set()
    for part in ast.walk(ast.parse(text)):
        if isinstance(part, ast.Await):
            found.add((file, part.lineno, part.end_lineno or part.lineno))
        elif isinstance(part, ast.AsyncWith) and _is_timeout(part.items[0].context_expr):
            pass
        elif isinstance(part, ast.AsyncWith | ast.AsyncFor):
            found.add((file, part.lineno, part.lineno))
        elif isinstance(part, ast.comprehension) and part.is_async:
            found.add((file, part.target.lineno, part.target.lineno))
    return found


def _is_timeout(manager: ast.expr) -> bool:
    """Nobody waits there: a limit of time is set, and taken away."""
    return isinstance(manager, ast.Call) and ast.unparse(manager.func) == "asyncio.timeout"


def _running_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def _frames(coroutine: Any) -> Iterable[FrameType]:
    """Where a coroutine stands, and those that it waits for."""
    while coroutine is not None:
        if inspect.iscoroutine(coroutine):
            if coroutine.cr_frame is not None:
                yield coroutine.cr_frame
            coroutine = coroutine.cr_await
        elif inspect.isgenerator(coroutine):
            coroutine = coroutine.gi_yieldfrom
        else:
            coroutine = getattr(coroutine, "cr_await", None)

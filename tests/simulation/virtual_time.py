"""An event loop with virtual time, on which whole processes can be paused, resumed and killed.

Time stands still while anything can run and then jumps to the next timer. A process is a context: whatever is started
in it, and whatever that starts, belongs to it. The callbacks of a paused process are kept until it is resumed; those of
a dead one are dropped.
"""

import asyncio
import inspect
import selectors
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_current: ContextVar["Process | None"] = ContextVar("process", default=None)


class Process:
    """Something that can be paused, resumed and killed as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.paused = False
        self.dead = False
        self.parked: list[tuple[Callable[..., object], tuple[Any, ...], Context]] = []
        self.context = copy_context()
        self.context.run(_current.set, self)

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run this in the process."""
        return asyncio.get_running_loop().create_task(work, context=self.context)

    def pause(self) -> None:
        """Like SIGSTOP: nothing of it runs any more, and nothing is lost."""
        self.paused = True

    def resume(self) -> None:
        """Like SIGCONT."""
        self.paused = False
        parked, self.parked = self.parked, []
        for callback, args, context in parked:
            asyncio.get_running_loop().call_soon(callback, *args, context=context)

    def kill(self) -> None:
        """Like SIGKILL."""
        self.dead = True
        self.parked.clear()


def current_process() -> Process | None:
    """The process that runs now, if it is one."""
    return _current.get()


def is_dead() -> bool:
    """Whether what runs now belongs to a process that was killed just now."""
    process = _current.get()
    return process is not None and process.dead


class _Jumping(selectors.SelectSelector):
    """Instead of waiting for a timer, makes time jump to it."""

    def __init__(self, now_s: float) -> None:
        super().__init__()
        self.now_s = now_s

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("the simulation is stuck: nothing can run and no timer is set")
        self.now_s += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `time()` begins at 0, unless it is to go on from somewhere."""

    def __init__(self, at_s: float = 0.0) -> None:
        self._jumping = _Jumping(at_s)
        super().__init__(self._jumping)
        self._tasks: set[asyncio.Task[Any]] = set()  # those of dead processes too, which nobody else may know any more
        self.set_task_factory(self._new_task)
        self.step_count = 0

    def time(self) -> float:
        return self._jumping.now_s

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self.step_count += 1
        context = context if context is not None else copy_context()
        return super().call_soon(self._guarded, callback, args, context, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = context if context is not None else copy_context()
        return super().call_at(when, self._guarded, callback, args, context, context=context)

    @property
    def tasks(self) -> Iterable["asyncio.Task[Any]"]:
        """Those that have not ended, of dead processes too."""
        return self._tasks

    def abandon_tasks(self) -> None:
        """Give up whatever has not ended. What has not even begun is closed: else Python would ask who awaits it."""
        for task in self._tasks:
            coroutine = task.get_coro()
            if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()
            task.cancel()

    def _new_task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _guarded(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        process = context.get(_current)
        if process is None or not (process.dead or process.paused):
            callback(*args)
        elif not process.dead:
            process.parked.append((callback, args, context))


def run(main: Callable[[], Coroutine[Any, Any, T]], at_s: float = 0.0) -> T:
    """Run this to its end on a fresh virtual loop, whose time begins at `at_s`."""
    loop = VirtualLoop(at_s)
    try:
        return loop.run_until_complete(main())
    finally:
        loop.abandon_tasks()
        loop.set_exception_handler(lambda *_: None)
        loop.close()

"""An event loop with virtual time, on which whole processes can be paused, resumed and killed.

Time stands still while anything can run and then jumps to the next timer. A process is a context: whatever is started
in it, and whatever that starts, belongs to it. The callbacks of a paused process are kept until it is resumed; those of
a dead one are dropped.
"""

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
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
        """Run this in the process. If it fails while the process lives, the loop's exception handler is told."""
        task = asyncio.get_running_loop().create_task(work, context=self.context)
        task.add_done_callback(self._tell_of_failure, context=self.context)
        return task

    def _tell_of_failure(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            _tell(task, f"in {self.name} a task failed", fault)

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


def _tell(task: "asyncio.Task[Any]", what: str, fault: BaseException) -> None:
    """Tell the exception handler. The task is named and not handed over: it would be entered to say so."""
    task.get_loop().call_exception_handler({"message": f"{what}: {_name(task)}", "exception": fault})


def _name(task: "asyncio.Task[Any]") -> str:
    return str(getattr(task.get_coro(), "__qualname__", task.get_coro()))


def current_process() -> Process | None:
    """The process that runs now, if it is one."""
    return _current.get()


def is_dead() -> bool:
    """Whether what runs now belongs to a process that was killed just now."""
    process = _current.get()
    return process is not None and process.dead


class _Callback(asyncio.TimerHandle):
    """What is to run, soon or at its time; cancelled, it does not."""

    __slots__ = ("args", "callback", "context", "when_s")

    def __init__(self, when_s: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self.when_s = when_s
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = context

    def cancel(self) -> None:
        self.callback = None
        self.args = ()

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        return self.when_s


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop; `time()` begins at 0, unless it is to go on from somewhere. Timers of one moment run in their order.

    A queue and timers of its own: asyncio's, with its handles and a selector, would be half of what a run costs.
    """

    MOST_ENDED = 500  # are kept before those are let go of that did not fail, or whose failure somebody has heard

    def __init__(self, at_s: float = 0.0) -> None:
        super().__init__()
        self._now_s = at_s
        self._is_over = False
        self._soon: deque[_Callback] = deque()
        self._timers: list[tuple[float, int, _Callback]] = []
        self._timer_count = 0
        # Those of dead processes too, which nobody else may know any more.
        self._tasks: list[tuple[asyncio.Task[Any], Process | None]] = []
        self._most_tasks = self.MOST_ENDED
        self.set_task_factory(self._new_task)
        self.step_count = 0

    def time(self) -> float:
        return self._now_s

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self.step_count += 1
        soon = _Callback(self._now_s, callback, args, copy_context() if context is None else context)
        self._soon.append(soon)
        return soon

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._timer_count += 1
        timer = _Callback(when, callback, args, copy_context() if context is None else context)
        heappush(self._timers, (when, self._timer_count, timer))
        return timer

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def stop(self) -> None:
        self._is_over = True

    def run_forever(self) -> None:
        """Until `stop`. Nothing that could run and no timer: RuntimeError."""
        asyncio._set_running_loop(self)
        try:
            while not self._is_over:
                self._let_time_pass()
                for _ in range(len(self._soon)):
                    self._step(self._soon.popleft())
        finally:
            self._is_over = False
            asyncio._set_running_loop(None)

    def _let_time_pass(self) -> None:
        """Jump to the next timer if nothing can run; the timers that are due come after what can."""
        timers, soon = self._timers, self._soon
        while timers and timers[0][2].callback is None:
            heappop(timers)
        if not soon:
            if not timers:
                raise RuntimeError("the simulation is stuck: nothing can run and no timer is set")
            self._now_s = max(self._now_s, timers[0][0])
        while timers and timers[0][0] <= self._now_s:
            soon.append(heappop(timers)[2])

    def _step(self, one: _Callback) -> None:
        callback, args, context = one.callback, one.args, one.context
        if callback is None:
            return
        process = context.get(_current)
        if process is None or not (process.dead or process.paused):
            try:
                context.run(callback, *args)
            except Exception as fault:
                self.call_exception_handler({"message": f"{callback!r} failed", "exception": fault})
        elif not process.dead:
            process.parked.append((callback, args, context))

    @property
    def tasks(self) -> Iterable["asyncio.Task[Any]"]:
        """Those that have not ended, of dead processes too."""
        return (task for task, _ in self._tasks if not task.done())

    def tell_of_unheard(self) -> None:
        """Tell the exception handler of each task that failed and that nobody has asked, though its process lives."""
        for task, process in self._tasks:
            if _is_unheard(task) and not (process is not None and process.dead):
                fault = task.exception()
                assert fault is not None, "it failed"
                _tell(task, "nobody heard that a task failed", fault)

    def abandon_tasks(self) -> None:
        """Give up whatever has not ended. What has not even begun is closed: else Python would ask who awaits it."""
        for task in self.tasks:
            coroutine = task.get_coro()
            if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()
            task.cancel()

    def _new_task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        self._tasks.append((task, options.get("context", copy_context()).get(_current)))
        if len(self._tasks) > self._most_tasks:
            self._tasks = [(kept, process) for kept, process in self._tasks if not kept.done() or _is_unheard(kept)]
            self._most_tasks = len(self._tasks) + self.MOST_ENDED
        return task


def _is_unheard(task: "asyncio.Task[Any]") -> bool:
    """Whether it failed, and nobody has asked so far."""
    return task.done() and not task.cancelled() and task._log_traceback


def run(main: Callable[[], Coroutine[Any, Any, T]], at_s: float = 0.0, hear: Callable[[str], None] | None = None) -> T:
    """Run this to its end on a fresh virtual loop, whose time begins at `at_s`.

    `hear` is told of whatever a callback raises and of tasks that fail without anybody to hear it; else it is logged.
    """
    loop = VirtualLoop(at_s)
    if hear is not None:
        loop.set_exception_handler(lambda _, said: hear(f"{said['message']}: {said.get('exception')!r}"))
    try:
        done = loop.run_until_complete(main())
        loop.tell_of_unheard()
        return done
    finally:
        loop.abandon_tasks()
        loop.set_exception_handler(lambda *_: None)
        loop.close()

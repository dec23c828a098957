"""Being told to stop: TERM reaches the event loop of a Ray actor, which Ray itself would end in the middle of its work.

An actor's loop runs in a thread, and Python lets only the main thread set handlers. That one is Ray's: it ends the
process at once where it gets TERM, and calls `__ray_shutdown__` when the loop runs no more. So it is asked to set our
handler, as soon as it next runs Python, which it does several times a second to look for signals.
"""

import asyncio
import ctypes
import signal
import threading
from collections.abc import Callable
from types import FrameType

_Pending = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_kept: list[object] = []  # what C still has a pointer to


def on_stop_signal(tell: Callable[[], None]) -> None:
    """Call `tell` on the running event loop whenever this process gets TERM, from a moment after now."""
    loop = asyncio.get_running_loop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(tell)

    def install(_argument: object) -> int:
        signal.signal(signal.SIGTERM, handle)
        return 0

    if threading.current_thread() is threading.main_thread():
        install(None)
        return
    pending = _Pending(install)
    _kept.append(pending)
    if ctypes.pythonapi.Py_AddPendingCall(pending, None) != 0:
        raise RuntimeError("Python has no room for one more pending call")

"""TERM reaches an event loop that runs in a thread, as an actor's does, whoever had the signal before."""

import signal
import subprocess
import sys

PROGRAM = """
import asyncio, os, signal, sys, threading, time
from actors.stop_signal import on_stop_signal

def told():
    print("told in", threading.current_thread().name, flush=True)
    os._exit(0)

async def serve():
    on_stop_signal(told)
    await asyncio.sleep(0.2)
    print("serving", flush=True)
    await asyncio.sleep(10)

signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # as Ray does, which ends the process
if sys.argv[1] == "thread":
    threading.Thread(target=asyncio.run, args=(serve(),), name="the loop's thread", daemon=True).start()
    while True:
        time.sleep(0.05)  # as Ray looks for signals
asyncio.run(serve())
"""


def said(where: str) -> tuple[str, int]:
    """What it says when it gets TERM, and its exit code."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, where], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        process.send_signal(signal.SIGTERM)
        return process.stdout.read(), process.wait(10)


def test_term_reaches_a_loop_in_a_thread() -> None:
    assert said("thread") == ("told in the loop's thread\n", 0)


def test_term_reaches_a_loop_in_the_main_thread() -> None:
    assert said("main") == ("told in MainThread\n", 0)

"""One process of buyers: `python -m loadtests.load_process`, driven over its standard input and output.

In: a `Task`; a line with the moment to begin, by the machine's monotonic clock; perhaps a line (or the end of the
input) to stop early. Out: a line when it is ready, a `Pulse` every now and then, `Done` at the end.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import BinaryIO

import msgspec
import uvloop

from loadtests.buyers import Buyer, Notebook
from loadtests.buyers_grpc import CALLS_PER_CHANNEL, GrpcShop
from loadtests.buyers_http import HttpShop
from loadtests.calls import Insistent
from loadtests.figures import Figures
from loadtests.history.calls import Call, Recorder, line_of
from loadtests.history.recorded import RecordedShop
from loadtests.house import EAGER_SHARE, Belief, House, HouseKind

PULSE_S = 0.2


class Task(msgspec.Struct, frozen=True):
    """What a process is to do: be the buyers `part` of `parts`. `calls_file`: where to write their calls.

    `clock_ahead_us`: so far the clock of the run, in µs since 1970, is ahead of the machine's monotonic one.
    `front`, `eager_share`: see `Belief`.
    """

    http_url: str
    grpc_target: str
    api_key: str
    event_id: str
    units: int
    house: HouseKind
    best_share: float
    http_buyers: int
    grpc_buyers: int
    duration_ms: int
    part: int
    parts: int
    run: str
    calls_file: str
    clock_ahead_us: int
    front: tuple[int, int] | None = None
    eager_share: float = EAGER_SHARE


class Pulse(msgspec.Struct, frozen=True, tag=True):
    """Where a process is."""

    accepted: int = 0
    new: int = 0
    refused: int = 0
    asked_again: int = 0
    errors: int = 0
    in_flight: int = 0


class Done(msgspec.Struct, frozen=True, tag=True):
    """A process is at its end."""

    figures: Figures


def main() -> None:
    """Run the task that comes on standard input; INT is for the parent, which then closes that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(_run(sys.stdin.buffer, sys.stdout.buffer))


async def _run(orders: BinaryIO, answers: BinaryIO) -> None:
    task = msgspec.json.decode(orders.readline(), type=Task)
    shops: list[HttpShop | GrpcShop] = _shops(task)
    with Path(task.calls_file).open("wb", buffering=1 << 20) as calls:  # noqa: ASYNC230  (buffered, and local)

        def keep(call: Call) -> None:
            calls.write(line_of(call))

        recorder = Recorder(lambda: time.monotonic_ns() // 1000 + task.clock_ahead_us, keep)
        _say(answers, b"ready")
        starts_at_s = float(orders.readline())
        await asyncio.sleep(max(starts_at_s - time.monotonic(), 0))
        cpu_before_s = time.process_time()
        figures = Figures(
            accepted_at=bytearray(task.duration_ms),
            accepted_over={shop.protocol: bytearray(task.duration_ms) for shop in shops},
        )
        notebook = Notebook(figures, starts_at_s)
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_later(starts_at_s + task.duration_ms / 1000 - time.monotonic(), over.set)
        loop.add_reader(orders.fileno(), _end_early, over, orders)
        pulsing = asyncio.create_task(_pulse(answers, notebook))
        await asyncio.gather(*(buyer.visit_until(over) for buyer in _buyers(task, shops, notebook, recorder)))
        recorder.close()
        figures.cpu_s = time.process_time() - cpu_before_s
        pulsing.cancel()
    for shop in shops:
        await shop.close()
    _say(answers, msgspec.json.encode(Done(figures)))


def _end_early(over: asyncio.Event, orders: BinaryIO) -> None:
    asyncio.get_running_loop().remove_reader(orders.fileno())
    over.set()


def _shops(task: Task) -> list[HttpShop | GrpcShop]:
    """One storefront for all buyers over HTTP, and as many channels as those over gRPC need."""
    http = [HttpShop(task.http_url, task.api_key, task.event_id)] if task.http_buyers else []
    channels = -(-task.grpc_buyers // CALLS_PER_CHANNEL)
    return [*http, *(GrpcShop(task.grpc_target, task.api_key, task.event_id) for _ in range(channels))]


def _buyers(task: Task, shops: list[HttpShop | GrpcShop], notebook: Notebook, recorder: Recorder) -> Iterator[Buyer]:
    random = Random(f"{task.run}-{task.part}")
    house = House(task.units, task.house)
    belief = Belief(house, task.part, task.parts, random, task.front, task.eager_share)
    keys = (f"{task.run}-{task.part}-{number}" for number in count())
    for number in range(task.http_buyers + task.grpc_buyers):
        over_grpc = number - task.http_buyers
        first_channel = 1 if task.http_buyers else 0
        shop = shops[0] if over_grpc < 0 else shops[first_channel + over_grpc // CALLS_PER_CHANNEL]
        recorded = RecordedShop(shop, recorder, task.event_id, f"{task.part}-{number}")
        yield Buyer(Insistent(recorded, random), belief, notebook, random, keys, task.best_share)


async def _pulse(answers: BinaryIO, notebook: Notebook) -> None:
    while True:
        await asyncio.sleep(PULSE_S)
        figures = notebook.figures
        pulse = Pulse(
            figures.write_count,
            figures.new_count,
            sum(figures.refused.values()),
            sum(figures.asked_again.values()),
            sum(figures.errors.values()),
            notebook.in_flight,
        )
        _say(answers, msgspec.json.encode(pulse))


def _say(answers: BinaryIO, line: bytes) -> None:
    answers.write(line + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()

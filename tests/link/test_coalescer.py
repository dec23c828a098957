"""The coalescer: one call alone when idle, many together under load; bounded, fair, and deaf to whoever gives up."""

import asyncio
from collections import deque
from typing import Any

import msgspec
import pytest

from actors.core.ids import BlockId
from actors.link.batch import Answer, Call, Failed, Fault, Replied, calls_decoder, encoder
from actors.link.coalescer import CALL_OVERHEAD_BYTES, Coalescer, CoalescerBounds, Expired, Overloaded
from actors.link.transport import NotSent, OutcomeUnknown
from tests.link.loopback import Run

BLOCK = BlockId("0123456789abcdef")


class EchoShard:
    """A transport whose shard repeats each command; `let_go` lets one held batch be answered, or fail."""

    def __init__(self, held: bool = False) -> None:
        self.batches: list[list[bytes]] = []
        self.sizes: list[int] = []
        self.held = held
        self._gates: deque[asyncio.Future[Exception | bytes | None]] = deque()

    async def exchange(self, payload: bytes) -> bytes:
        calls = calls_decoder.decode(payload)
        self.batches.append([call.command for call in calls])
        self.sizes.append(len(payload))
        if self.held:
            self._gates.append(asyncio.get_running_loop().create_future())
            outcome = await self._gates[-1]
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is not None:
                return outcome
        return encoder.encode([Replied(call.command) for call in calls])

    def let_go(self, outcome: Exception | bytes | None = None) -> None:
        gate = self._gates.popleft()
        if not gate.done():  # else its batch was given up
            gate.set_result(outcome)


class Setting:
    """A coalescer before a shard, with a clock that stands still unless moved."""

    def __init__(self, shard: EchoShard, bounds: CoalescerBounds | None = None) -> None:
        self.now_ms = 1_000
        self.shard = shard
        self.coalescer = Coalescer(shard, lambda: self.now_ms, bounds)

    def call(
        self, command: bytes, tenant: str = "t", not_after_ms: int = 2_000, alone: bool = False
    ) -> asyncio.Task[Answer]:
        call = self.coalescer.call(BLOCK, command, tenant, not_after_ms, alone=alone)
        return asyncio.get_running_loop().create_task(call)


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(10):
        await asyncio.sleep(0)


def names(first: int, count: int) -> list[bytes]:
    return [b"%04d" % number for number in range(first, first + count)]


# --- coalescing


def test_a_lone_call_leaves_alone_and_a_burst_leaves_together(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard())
        for name in names(0, 3):
            assert await setting.call(name) == Replied(name)
        assert setting.shard.batches == [[b"0000"], [b"0001"], [b"0002"]]
        calls = [setting.call(name) for name in names(3, 300)]
        assert await asyncio.gather(*calls) == [Replied(name) for name in names(3, 300)]
        assert len(setting.shard.batches) == 4

    run(scenario())


def test_what_is_called_while_a_batch_is_under_way_forms_the_next_in_the_order_of_calling(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard(held=True), CoalescerBounds(max_batch_calls=400))
        first = setting.call(b"first")
        await settle()
        others = []
        for name in names(0, 500):
            others.append(setting.call(name))
            await asyncio.sleep(0)
        assert setting.shard.batches == [[b"first"]]
        for expected in (2, 3):
            setting.shard.let_go()
            await settle()
            assert len(setting.shard.batches) == expected
        setting.shard.let_go()
        assert await first == Replied(b"first")
        assert await asyncio.gather(*others) == [Replied(name) for name in names(0, 500)]
        assert setting.shard.batches[1:] == [names(0, 400), names(400, 100)]

    run(scenario())


def test_no_more_batches_are_in_flight_than_allowed(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard(held=True), CoalescerBounds(max_batches_in_flight=2, max_batch_calls=1))
        calls = [setting.call(name) for name in names(0, 5)]
        await settle()
        assert setting.coalescer.counters.batches_in_flight == 2
        assert len(setting.shard.batches) == 2
        for _ in calls:
            setting.shard.let_go()
            await settle()
            assert setting.coalescer.counters.batches_in_flight <= 2
        assert await asyncio.gather(*calls) == [Replied(name) for name in names(0, 5)]

    run(scenario())


def test_batches_keep_to_their_bytes_and_a_larger_command_goes_alone(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard(), CoalescerBounds(max_batch_bytes=1_000))
        commands = [bytes([number]) * 400 for number in range(5)]
        commands.insert(2, b"x" * 5_000)
        assert await asyncio.gather(*map(setting.call, commands)) == [Replied(command) for command in commands]
        assert [len(batch) for batch in setting.shard.batches] == [2, 1, 2, 1]
        small = [size for batch, size in zip(setting.shard.batches, setting.shard.sizes, strict=True) if len(batch) > 1]
        assert max(small) <= 1_000 + 5, "the estimate of a call's bytes holds; 5 encode the list"

    run(scenario())


@pytest.mark.parametrize("length", [0, 1, 255, 256, 65_535, 65_536])
def test_the_estimate_of_a_calls_bytes_is_never_too_low(length: int) -> None:
    encoded = len(encoder.encode(Call(BLOCK, bytes(length))))
    assert encoded <= len(BLOCK) + length + CALL_OVERHEAD_BYTES


def test_a_call_that_asks_to_be_alone_shares_no_batch_and_keeps_its_turn(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard())
        calls = [setting.call(name, alone=name in (b"0002", b"0003")) for name in names(0, 6)]
        assert await asyncio.gather(*calls) == [Replied(name) for name in names(0, 6)]
        assert setting.shard.batches == [[b"0000", b"0001"], [b"0002"], [b"0003"], [b"0004", b"0005"]]

    run(scenario())


# --- bounds


@pytest.mark.parametrize(
    "bounds",
    [
        CoalescerBounds(max_waiting_calls=3),
        CoalescerBounds(max_tenant_waiting_calls=3),
        CoalescerBounds(max_waiting_bytes=100),
        CoalescerBounds(max_tenant_waiting_bytes=100),
    ],
)
def test_above_each_cap_a_call_is_refused_at_once_and_nothing_is_sent(run: Run, bounds: CoalescerBounds) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard(held=True), bounds)
        calls = [setting.call(b"flying")]
        await settle()
        calls += [setting.call(name) for name in names(0, 3)]  # 29 bytes each
        await settle()
        assert setting.coalescer.counters.waiting_calls == 3
        with pytest.raises(Overloaded):
            await asyncio.wait_for(setting.call(b"over"), 1)
        calls[1].cancel()
        await settle()
        calls[1] = setting.call(b"fits")  # a place is free again
        await settle()
        for _ in range(2):
            setting.shard.let_go()
            await settle()
        await asyncio.gather(*calls)
        assert setting.shard.batches == [[b"flying"], [b"0001", b"0002", b"fits"]]
        assert setting.coalescer.counters.overloaded == 1
        assert setting.coalescer.counters.waiting_bytes == 0

    run(scenario())


def test_a_tenant_at_its_cap_leaves_room_for_others_and_takes_turns_with_them(run: Run) -> None:
    async def scenario() -> None:
        bounds = CoalescerBounds(max_waiting_calls=8, max_tenant_waiting_calls=4, max_batch_calls=4)
        setting = Setting(EchoShard(held=True), bounds)
        flying = setting.call(b"flying")
        await settle()
        greedy = [setting.call(name, "greedy") for name in names(0, 6)]
        modest = [setting.call(name, "modest") for name in names(100, 2)]
        for _ in range(3):
            await settle()
            setting.shard.let_go()
        outcomes = await asyncio.gather(*greedy, *modest, flying, return_exceptions=True)
        assert [isinstance(outcome, Overloaded) for outcome in outcomes] == [False] * 4 + [True] * 2 + [False] * 3
        assert setting.shard.batches[1:] == [[b"0000", b"0100", b"0001", b"0101"], [b"0002", b"0003"]]

    run(scenario())


# --- callers that give up


async def neighbours_of_a_cancelled_caller_are_answered() -> None:
    """The guarantee, as a check that its negative control runs as well."""
    setting = Setting(EchoShard(held=True))
    calls = [setting.call(name) for name in names(0, 20)]
    await settle()
    assert len(setting.shard.batches) == 1
    for call in calls[::3]:
        call.cancel()
    await settle()
    setting.shard.let_go()
    await asyncio.wait(calls, timeout=1)
    for number, (name, call) in enumerate(zip(names(0, 20), calls, strict=True)):
        assert call.done()
        assert call.cancelled() == (number % 3 == 0)
        assert call.cancelled() or call.exception() is None, "a neighbour's reply was broken"
        assert call.cancelled() or call.result() == Replied(name)
    setting.shard.held = False
    assert await setting.call(b"later") == Replied(b"later")


def test_a_caller_that_is_cancelled_in_flight_leaves_its_neighbours_alone(run: Run) -> None:
    run(neighbours_of_a_cancelled_caller_are_answered())


def test_control_a_batch_cancelled_with_its_caller_breaks_the_neighbours(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = Coalescer.call

    async def call_that_cancels_its_flight(self: Coalescer, *arguments: Any, **options: Any) -> Answer:
        try:
            return await sound(self, *arguments, **options)
        except asyncio.CancelledError:
            for flight in self._flights:
                flight.cancel()
            raise

    monkeypatch.setattr(Coalescer, "call", call_that_cancels_its_flight)
    with pytest.raises(AssertionError, match="a neighbour's reply was broken"):
        run(neighbours_of_a_cancelled_caller_are_answered())


def test_a_waiting_caller_that_is_cancelled_is_never_sent_and_leaves_nothing_behind(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard(held=True))
        flying = setting.call(b"flying")
        await settle()
        for round_number in range(50):  # a shard that hangs must not collect those who gave up
            waiting = [setting.call(name, f"tenant {round_number}") for name in names(0, 20)]
            await settle()
            for call in waiting:
                call.cancel()
            await settle()
        counters = setting.coalescer.counters
        assert (counters.waiting_calls, counters.waiting_bytes, counters.withdrawn) == (0, 0, 1_000)
        assert not setting.coalescer._queues
        setting.shard.let_go()
        assert await flying == Replied(b"flying")
        assert setting.shard.batches == [[b"flying"]]

    run(scenario())


async def what_is_late_is_not_sent(clock_moves: bool = True) -> None:
    """The guarantee, as a check that its negative control runs as well."""
    setting = Setting(EchoShard(held=True))
    flying = setting.call(b"flying")
    await settle()
    calls = [setting.call(name, not_after_ms=1_500 + number) for number, name in enumerate(names(0, 3))]
    await settle()
    if clock_moves:
        setting.now_ms = 1_501
    for _ in range(2):
        setting.shard.let_go()
        await settle()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    await flying
    assert setting.shard.batches[1:] == [[b"0001", b"0002"]], "not_after_ms itself is in time"
    assert isinstance(outcomes[0], Expired)
    assert outcomes[1:] == [Replied(b"0001"), Replied(b"0002")]
    assert setting.coalescer.counters.expired == 1


def test_what_is_late_is_not_sent(run: Run) -> None:
    run(what_is_late_is_not_sent())


def test_control_with_a_clock_that_stands_still_late_calls_are_sent(run: Run) -> None:
    with pytest.raises(AssertionError, match="in time"):
        run(what_is_late_is_not_sent(clock_moves=False))


# --- failures


@pytest.mark.parametrize("failure", [NotSent("refused"), OutcomeUnknown("the connection broke")])
def test_everyone_in_a_batch_gets_its_failure_and_the_next_batch_goes_on(
    run: Run, failure: NotSent | OutcomeUnknown
) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard(held=True))
        calls = [setting.call(name) for name in names(0, 3)]
        await settle()
        later = setting.call(b"later")
        await settle()
        setting.shard.let_go(failure)
        await settle()
        setting.shard.let_go()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(failure)] * 3
        assert [str(outcome) for outcome in outcomes] == [str(failure)] * 3
        assert len({id(outcome) for outcome in outcomes}) == 3, "a raised exception belongs to one caller"
        assert await later == Replied(b"later")

    run(scenario())


@pytest.mark.parametrize(
    "answers",
    [
        encoder.encode([Replied(b"1")]),
        encoder.encode([Replied(b"1"), Replied(b"2"), Replied(b"3")]),
        encoder.encode([Replied(b"1"), "no answer"]),
        b"",
        b"\xff\xff",
    ],
)
def test_answers_that_do_not_fit_the_batch_leave_the_outcome_unknown_to_all(run: Run, answers: bytes) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard(held=True))
        calls = [setting.call(name) for name in names(0, 2)]
        await settle()
        setting.shard.let_go(answers)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] * 2
        setting.shard.held = False
        assert await setting.call(b"later") == Replied(b"later")

    run(scenario())


def test_a_transport_that_breaks_its_contract_leaves_nobody_waiting_and_is_reported(run: Run) -> None:
    async def scenario() -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        setting = Setting(EchoShard(held=True))
        call = setting.call(b"1")
        await settle()
        setting.shard.let_go(ZeroDivisionError("a bug"))
        with pytest.raises(OutcomeUnknown):
            await call
        setting.shard.held = False
        assert await setting.call(b"later") == Replied(b"later")
        assert [type(context["exception"]) for context in reported] == [ZeroDivisionError]

    run(scenario())


def test_a_command_that_is_no_encoding_at_all_spoils_only_itself(run: Run) -> None:
    class Shard(EchoShard):
        async def exchange(self, payload: bytes) -> bytes:
            answers: list[Answer] = []
            for call in calls_decoder.decode(payload):
                try:
                    msgspec.msgpack.decode(call.command)
                    answers.append(Replied(call.command))
                except msgspec.DecodeError:
                    answers.append(Failed(Fault.BUG))
            return encoder.encode(answers)

    async def scenario() -> None:
        setting = Setting(Shard())
        commands = [b"\x01", b"\x93\x01", b"\x02"]  # in the middle: a list of three that ends after its first
        answers = await asyncio.gather(*map(setting.call, commands))
        assert answers == [Replied(b"\x01"), Failed(Fault.BUG), Replied(b"\x02")]

    run(scenario())


def test_closing_fails_everyone_with_what_is_true_of_them(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard(held=True))
        flying = setting.call(b"flying")
        await settle()
        waiting = setting.call(b"waiting")
        await settle()
        await setting.coalescer.close()
        later = setting.call(b"later")
        outcomes = await asyncio.gather(flying, waiting, later, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, NotSent, NotSent]
        assert setting.shard.batches == [[b"flying"]]
        assert setting.coalescer.counters.waiting_calls == 0

    run(scenario())


def test_counters_add_up(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard())
        await asyncio.gather(*map(setting.call, names(0, 10)))
        counters = setting.coalescer.counters
        assert (counters.calls, counters.sent_calls, counters.answered_calls, counters.batches) == (10, 10, 10, 1)
        assert counters.sent_bytes >= setting.shard.sizes[0] - 5
        assert (counters.waiting_calls, counters.waiting_bytes, counters.batches_in_flight) == (0, 0, 0)

    run(scenario())

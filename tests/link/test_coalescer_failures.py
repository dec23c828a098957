"""Whoever gives up or comes too late leaves the neighbours alone; whatever fails, nobody is left waiting."""

import asyncio
from typing import Any

import msgspec
import pytest

from actors.link.batch import Answer, Failed, Fault, Replied, calls_decoder, encoder
from actors.link.coalescer import Coalescer, Expired
from actors.link.transport import NotSent, OutcomeUnknown
from tests.link.echo_shard import EchoShard, Setting, names, settle
from tests.link.loopback import Run


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

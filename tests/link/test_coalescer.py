"""The coalescer: one call alone when idle, many together under load; bounded, and fair between tenants."""

import asyncio

import pytest

from actors.link.batch import Call, Replied, encoder
from actors.link.coalescer import CALL_OVERHEAD_BYTES, CoalescerBounds, Overloaded
from tests.link.echo_shard import BLOCK, EchoShard, Setting, names, settle
from tests.link.loopback import Run


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


def test_control_without_caps_more_waits(run: Run) -> None:
    with pytest.raises(TimeoutError):
        test_above_each_cap_a_call_is_refused_at_once_and_nothing_is_sent(run, CoalescerBounds())


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


def test_counters_add_up(run: Run) -> None:
    async def scenario() -> None:
        setting = Setting(EchoShard())
        await asyncio.gather(*map(setting.call, names(0, 10)))
        counters = setting.coalescer.counters
        assert (counters.calls, counters.sent_calls, counters.answered_calls, counters.batches) == (10, 10, 10, 1)
        assert counters.sent_bytes >= setting.shard.sizes[0] - 5
        assert (counters.waiting_calls, counters.waiting_bytes, counters.batches_in_flight) == (0, 0, 0)

    run(scenario())

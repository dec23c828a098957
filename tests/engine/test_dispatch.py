"""What a caller is told when shards refuse, fall silent or go: never "no" where the command may have been served."""

import asyncio
from collections.abc import Callable

import pytest

from actors.core.ids import BlockId
from actors.core.outcomes import Details, Reason, Rejected
from actors.dispatch import TRIES_ALONE, Dispatcher, RoutesUnavailable
from actors.link.batch import Answer, Failed, Fault, Refused, Replied, calls_decoder, encoder
from actors.link.coalescer import Coalescer, CoalescerBounds
from actors.link.transport import Hangs, NotSent, OutcomeUnknown, never
from tests.engine import stage
from tests.engine.stage import on_virtual_time
from tests.simulation.world import now_ms

BLOCK = BlockId("block")
COMMAND = b"command"
YES = Replied(b"yes", False, 7)
SILENCE = "silence"
Step = Answer | Exception | str | None  # None: the catalogue cannot be reached, or knows no such block (see `Shard`)


class Shard:
    """A shard and the way to it: each try meets the next step, the last one for ever."""

    def __init__(self, *steps: Step, block_is_gone: bool = False, hangs: Hangs = never) -> None:
        self._steps = list(steps)
        self._block_is_gone = block_is_gone
        self.tries = 0
        self.doubts = 0
        self.moves = 0
        self.batch_sizes: list[int] = []
        self._way = Coalescer(self, now_ms, CoalescerBounds(max_waiting_calls=100), hangs=hangs)

    async def route(self, block: BlockId) -> Coalescer | None:
        if self._next() is None:
            if not self._block_is_gone:
                self._step()
                raise RoutesUnavailable("away")
            return None
        return self._way

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        assert (block, way) == (BLOCK, self._way)
        self.doubts += 1

    def moved(self, block: BlockId) -> None:
        assert block == BLOCK
        self.moves += 1

    async def exchange(self, payload: bytes) -> bytes:
        self.tries += 1
        self.batch_sizes.append(len(calls_decoder.decode(payload)))
        step = self._step()
        if isinstance(step, Exception):
            raise step
        if step == SILENCE:
            await asyncio.Event().wait()
        return encoder.encode([step] * self.batch_sizes[-1])

    def is_at_last(self) -> bool:
        """Whether only the last step is left."""
        return len(self._steps) == 1

    def _next(self) -> Step:
        return self._steps[0]

    def _step(self) -> Step:
        return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


async def told(shard: Shard, *, to_write: bool = True) -> Replied | Rejected:
    """What the dispatcher says within 10 s."""
    begun_s = asyncio.get_running_loop().time()
    dispatcher = Dispatcher(shard, now_ms)
    answer = await dispatcher.ask(BLOCK, COMMAND, "arena", now_ms() + 10_000, Reason.EVENT_NOT_FOUND, to_write=to_write)
    assert asyncio.get_running_loop().time() - begun_s <= 10.1
    assert shard.tries < 2_000
    return answer


def reason(answer: Replied | Rejected) -> Reason | None:
    """None for yes."""
    return answer.reason if isinstance(answer, Rejected) else None


UNKNOWN = OutcomeUnknown("the connection broke")
HELD = Refused(Reason.UNITS_HELD, Details(units=("A/1/1",)))

# What each try meets; what the caller of a write is told; what the caller of a read is told.
VERDICTS: list[tuple[tuple[Step, ...], Reason | None, Reason | None]] = [
    ((YES,), None, None),
    ((HELD,), Reason.UNITS_HELD, Reason.UNITS_HELD),
    ((NotSent("refused"), YES), None, None),
    ((NotSent("refused"),), Reason.UNAVAILABLE, Reason.UNAVAILABLE),
    ((None, YES), None, None),
    ((None,), Reason.UNAVAILABLE, Reason.UNAVAILABLE),
    ((UNKNOWN, YES), None, None),
    ((UNKNOWN, HELD), Reason.UNITS_HELD, Reason.UNITS_HELD),  # judged anew, behind whatever became of the first try
    ((UNKNOWN, NotSent("refused")), Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE),
    ((UNKNOWN, None), Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE),
    ((UNKNOWN,), Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE),
    ((SILENCE,), Reason.OUTCOME_UNKNOWN, Reason.DEADLINE_EXCEEDED),
    ((Failed(Fault.NOT_READY), Failed(Fault.NOT_READY), YES), None, None),
    ((Failed(Fault.NOT_READY),), Reason.UNAVAILABLE, Reason.UNAVAILABLE),
    ((Failed(Fault.NOT_OWNER, "s2"), YES), None, None),
    ((Failed(Fault.NOT_OWNER),), Reason.UNAVAILABLE, Reason.UNAVAILABLE),
    ((Failed(Fault.UNAVAILABLE), YES), None, None),
    ((Failed(Fault.UNAVAILABLE),), Reason.UNAVAILABLE, Reason.UNAVAILABLE),
    ((Failed(Fault.FENCED), YES), None, None),
    ((Failed(Fault.FENCED),), Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE),
    ((Failed(Fault.OVERLOADED),), Reason.OVERLOADED, Reason.OVERLOADED),
    ((Failed(Fault.BUG),), Reason.INTERNAL, Reason.INTERNAL),
    ((Failed(Fault.QUARANTINED),), Reason.UNAVAILABLE, Reason.UNAVAILABLE),
    ((Failed(Fault.DEFERRED), YES), None, None),
    ((Failed(Fault.DEFERRED),), Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE),
    ((UNKNOWN, Failed(Fault.OVERLOADED)), Reason.OUTCOME_UNKNOWN, Reason.OVERLOADED),
    ((UNKNOWN, Failed(Fault.BUG)), Reason.OUTCOME_UNKNOWN, Reason.INTERNAL),
    ((UNKNOWN, Failed(Fault.QUARANTINED)), Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE),
    ((UNKNOWN, Refused(Reason.DEADLINE_EXCEEDED, Details())), Reason.OUTCOME_UNKNOWN, Reason.DEADLINE_EXCEEDED),
    ((UNKNOWN, Refused(Reason.OVERLOADED, Details())), Reason.OUTCOME_UNKNOWN, Reason.OVERLOADED),
]


async def check_write(steps: tuple[Step, ...], of_write: Reason | None) -> None:
    assert reason(await told(Shard(*steps))) == of_write


@pytest.mark.parametrize(("steps", "of_write", "of_read"), VERDICTS)
@on_virtual_time
async def test_what_a_caller_is_told(steps: tuple[Step, ...], of_write: Reason | None, of_read: Reason | None) -> None:
    await check_write(steps, of_write)
    assert reason(await told(Shard(*steps), to_write=False)) == of_read


@on_virtual_time
async def test_a_block_that_does_not_exist_is_a_no_unless_the_command_was_sent_before() -> None:
    assert reason(await told(Shard(None, block_is_gone=True))) is Reason.EVENT_NOT_FOUND
    assert reason(await told(Shard(UNKNOWN, None, block_is_gone=True))) is Reason.OUTCOME_UNKNOWN


@on_virtual_time
async def test_a_refusal_that_may_pass_says_when_to_ask_again() -> None:
    for step in (NotSent("refused"), Failed(Fault.OVERLOADED), Failed(Fault.QUARANTINED)):
        answer = await told(Shard(step))
        assert isinstance(answer, Rejected)
        assert answer.details.retry_at_ms is not None
        assert answer.details.retry_at_ms > now_ms()


@on_virtual_time
async def test_a_command_after_which_the_shard_is_gone_is_not_sent_for_ever() -> None:
    shard = Shard(UNKNOWN)
    assert reason(await told(shard)) is Reason.OUTCOME_UNKNOWN
    assert shard.tries == 1 + TRIES_ALONE
    assert shard.doubts == shard.tries


@on_virtual_time
async def test_a_shard_that_names_the_owner_is_not_in_doubt_and_one_that_cannot_is() -> None:
    for note, counted in (("s2", (0, 2)), ("", (2, 0))):
        shard = Shard(Failed(Fault.NOT_OWNER, note), Failed(Fault.NOT_OWNER, note), YES)
        assert reason(await told(shard)) is None
        assert (shard.doubts, shard.moves) == counted


@pytest.mark.parametrize("first", [UNKNOWN, Failed(Fault.DEFERRED)])
@on_virtual_time
async def test_after_a_crash_or_a_lack_of_room_commands_go_out_one_by_one(first: Step) -> None:
    shard = Shard(first, YES)
    dispatcher = Dispatcher(shard, now_ms)
    asked = [dispatcher.ask(BLOCK, COMMAND, "arena", now_ms() + 10_000, Reason.EVENT_NOT_FOUND) for _ in range(20)]
    assert await asyncio.gather(*asked) == [YES] * 20
    together, *others = shard.batch_sizes
    assert together == 20
    assert others == [1] * 20


@on_virtual_time
async def test_a_caller_that_leaves_ends_its_errand() -> None:
    shard = Shard(NotSent("refused"))
    asking = asyncio.get_running_loop().create_task(told(shard))
    await asyncio.sleep(1)
    asking.cancel()
    await stage.settle()
    tries = shard.tries
    await asyncio.sleep(5)
    assert asking.cancelled()
    assert shard.tries == tries


async def check_that_errands_are_bounded() -> None:
    """80 in all and 40 of a tenant, or their bytes, while the catalogue is away: nobody gets past the dispatcher."""
    dispatcher = Dispatcher(Shard(None), now_ms)

    def ask(tenant: str, count: int) -> list[asyncio.Task[Replied | Rejected]]:
        loop = asyncio.get_running_loop()
        return [
            loop.create_task(dispatcher.ask(BLOCK, COMMAND, tenant, now_ms() + 1_000, Reason.EVENT_NOT_FOUND))
            for _ in range(count)
        ]

    errands = ask("arena", 40)
    refused = ask("arena", 1)
    errands += ask("club", 40)
    refused += ask("theatre", 1)
    await stage.settle()
    for errand in refused:
        assert errand.done()
        answer = errand.result()
        assert isinstance(answer, Rejected)
        assert answer.reason is Reason.OVERLOADED
        assert answer.details.retry_at_ms is not None
    assert not any(errand.done() for errand in errands)
    assert {reason(answer) for answer in await asyncio.gather(*errands)} == {Reason.UNAVAILABLE}
    (later,) = ask("arena", 1)
    assert reason(await later) is Reason.UNAVAILABLE


NO_BOUND = 1 << 40
BOUNDS = [  # the name of a bound, what it is when 80 errands fit into it, and when 40 of a tenant do
    ("MAX_ERRANDS", 80, 40),
    ("MAX_ERRANDS_BYTES", 80 * len(COMMAND), 40 * len(COMMAND)),
]


def bound_errands(patch: pytest.MonkeyPatch, bound: str, in_all: int, of_tenant: int) -> None:
    """By this bound, and by no other."""
    for name, _, _ in BOUNDS:
        patch.setattr(f"actors.dispatch.{name}", in_all if name == bound else NO_BOUND)
        patch.setattr(f"actors.dispatch.{name}_PER_TENANT", of_tenant if name == bound else NO_BOUND)


@pytest.mark.parametrize(("bound", "in_all", "of_tenant"), BOUNDS)
def test_more_than_there_is_room_for_are_refused_at_once_wherever_they_would_wait(
    monkeypatch: pytest.MonkeyPatch, bound: str, in_all: int, of_tenant: int
) -> None:
    bound_errands(monkeypatch, bound, in_all, of_tenant)
    on_virtual_time(check_that_errands_are_bounded)()


@pytest.mark.parametrize(
    ("bound", "in_all", "of_tenant"),
    [(name, NO_BOUND, of_tenant) for name, _, of_tenant in BOUNDS]
    + [(name, in_all, NO_BOUND) for name, in_all, _ in BOUNDS],
)
def test_errands_without_a_bound_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, bound: str, in_all: int, of_tenant: int
) -> None:
    bound_errands(monkeypatch, bound, in_all, of_tenant)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_errands_are_bounded)()


def a_second_no_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.dispatch._Errand._unless_served", lambda self, reason: Rejected(reason))


def silence_is_a_no(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.dispatch._Errand.out_of_time", lambda self: Rejected(Reason.UNAVAILABLE))


@pytest.mark.parametrize(
    ("sabotage", "steps", "of_write"),
    [
        (a_second_no_is_believed, (UNKNOWN, Failed(Fault.QUARANTINED)), Reason.OUTCOME_UNKNOWN),
        (a_second_no_is_believed, (Failed(Fault.FENCED),), Reason.OUTCOME_UNKNOWN),
        (silence_is_a_no, (SILENCE,), Reason.OUTCOME_UNKNOWN),
        (silence_is_a_no, (UNKNOWN, NotSent("refused")), Reason.OUTCOME_UNKNOWN),
    ],
)
def test_a_false_no_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
    sabotage: Callable[[pytest.MonkeyPatch], None],
    steps: tuple[Step, ...],
    of_write: Reason,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check_write)(steps, of_write)

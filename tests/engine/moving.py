"""What the tests of moves share: two shards, wishes, and buyers who follow a block wherever it is."""

import asyncio
from collections import Counter

from actors.core.commands import Command
from actors.core.entries import HoldPlaced
from actors.core.ids import BlockId
from actors.link.batch import Answer, Failed, Fault, Replied
from tests.engine.stage import Running, Stage, answered, hold, release

WITHIN_S = 8.0
COMMIT_S = 0.002


class Moving:
    """Shards `s1`, which is at its seventh incarnation, and `s2`, at its first; and a block that `s1` has on sale."""

    def __init__(self, stage: Stage, first: Running, second: Running, block: BlockId) -> None:
        self.stage = stage
        self.engines = {"s1": first, "s2": second}
        self.block = block
        self.faults: Counter[Fault] = Counter()
        self.replied: set[int] = set()  # numbers of holds

    @classmethod
    async def begin(cls) -> "Moving":
        stage = Stage()
        first, second = await stage.engine(7, shard="s1"), await stage.engine(1, shard="s2")
        first.script.delay_s = second.script.delay_s = COMMIT_S
        return cls(stage, first, second, await stage.on_sale(first))

    @property
    def owner(self) -> str:
        """By the catalogue."""
        return self.stage.catalogue.owners[self.block]

    async def move(self, to_shard: str) -> None:
        """Wish it, and wait until it is done."""
        self.stage.catalogue.wishes[self.block] = to_shard
        async with asyncio.timeout(WITHIN_S):
            while self.owner != to_shard:  # noqa: ASYNC110  (it is another's to say)
                await asyncio.sleep(0.01)

    async def ask(self, command: Command) -> Answer:
        """The outcome, from whoever has the block, asked again as a gateway does; faults are counted."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                answer = (await answered(self.engines[self.owner].send(self.block, command)))[0]
                if not isinstance(answer, Failed):
                    return answer
                self.faults[answer.fault] += 1
                await asyncio.sleep(0.01)

    async def hold_and_release(self, numbers: range, seat: str) -> None:
        """Hold the seat and release it, time and again, from commits that take a while."""
        for number in numbers:
            assert isinstance(await self.ask(hold(number, seat)), Replied)
            self.replied.add(number)
            assert isinstance(await self.ask(release(number)), Replied)

    def placed(self) -> list[int]:
        """The holds in the journal, in order."""
        return [entry.hold for entry in self.stage.entries(self.block) if isinstance(entry, HoldPlaced)]

    def writers(self) -> list[int]:
        """The incarnations that wrote the journal, in turn; its epochs rise."""
        epochs = [row.epoch for row in self.stage.store.journals[self.block]]
        assert epochs == sorted(epochs), "an older owner has written behind a newer one"
        numbers = self.stage.epochs(self.block)
        return [number for number, before in zip(numbers, [0, *numbers], strict=False) if number != before]

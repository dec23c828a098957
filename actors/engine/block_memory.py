"""The blocks in a shard's memory, what they weigh in all, and which of them was used longest ago."""

import asyncio
from collections import OrderedDict, UserDict
from collections.abc import Iterator, ValuesView
from itertools import takewhile

from actors.core.ids import BlockId
from actors.engine.hosted import HostedBlock
from actors.engine.weights import weight_of


class BlockMemory(UserDict[BlockId, HostedBlock]):
    """Blocks by id, in the order of coming. `weight`: bytes, as each was weighed last.

    `to_read` and `to_write`: those that were loaded to answer reads, and those that are claimed; in both, what was used
    longest ago comes first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = 0
        self.to_read = OrderedDict[BlockId, HostedBlock]()
        self.to_write = OrderedDict[BlockId, HostedBlock]()

    def __setitem__(self, block: BlockId, hosted: HostedBlock) -> None:
        if block in self.data:
            self._forget(block)
        super().__setitem__(block, hosted)
        hosted.weight = weight_of(hosted.state)
        hosted.used_s = asyncio.get_running_loop().time()
        self.weight += hosted.weight
        (self.to_write if hosted.claimed else self.to_read)[block] = hosted

    def __delitem__(self, block: BlockId) -> None:
        self._forget(block)
        super().__delitem__(block)

    def values(self) -> ValuesView[HostedBlock]:
        """All of them; as of a dict, which is ten times as fast as of what is made of one."""
        return self.data.values()

    def one_by_one(self) -> Iterator[HostedBlock]:
        """Those that are here now, each if it is still here when its turn comes: whoever iterates may give way."""
        return filter(None, map(self.data.get, list(self.data)))

    def used_since(self, since_s: float) -> Iterator[HostedBlock]:
        """Those that somebody has used since then, by the loop's time, in no order; as `one_by_one`."""
        used = [*_last(self.to_read, since_s), *_last(self.to_write, since_s)]
        return filter(None, map(self.data.get, used))

    def clear(self) -> None:
        """All at once."""
        self.data.clear()
        self.to_read.clear()
        self.to_write.clear()
        self.weight = 0

    def use(self, hosted: HostedBlock) -> None:
        """Somebody uses this one now, which is here."""
        hosted.used_s = asyncio.get_running_loop().time()
        self._order_of(hosted.block).move_to_end(hosted.block)

    def weigh_anew(self, hosted: HostedBlock) -> None:
        """This one, which is here, may have grown."""
        weight = weight_of(hosted.state)
        self.weight += weight - hosted.weight
        hosted.weight = weight

    def _forget(self, block: BlockId) -> None:
        self.weight -= self.data[block].weight
        del self._order_of(block)[block]

    def _order_of(self, block: BlockId) -> OrderedDict[BlockId, HostedBlock]:
        return self.to_write if block in self.to_write else self.to_read


def _last(order: OrderedDict[BlockId, HostedBlock], since_s: float) -> list[BlockId]:
    return [hosted.block for hosted in takewhile(lambda one: one.used_s >= since_s, reversed(order.values()))]

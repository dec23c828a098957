"""How an event is split by sections, as it is shown: which block has which of them.

A part is followed like an event, and is told from one by its home. A ledger has nothing to sell, and is not shown.
"""

import msgspec

from actors.core.events import event_layout
from actors.core.ids import BlockId
from actors.core.state import BlockState

_encoder = msgspec.msgpack.Encoder()


class Split(msgspec.Struct, frozen=True, array_like=True):
    """Each section in the order of the event's layout, and the block that has it, empty: its home; the ledgers' blocks.

    Nothing at all: the event is not split.
    """

    sections: tuple[tuple[str, str], ...] = ()
    ledgers: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[BlockId, ...]:
        """The blocks beside the home that have sections."""
        return tuple(dict.fromkeys(BlockId(block) for _, block in self.sections if block))


NOT_SPLIT = Split()
_splits = msgspec.msgpack.Decoder(Split)


def sells_units(state: BlockState) -> bool:
    """Whether the block has units of an event."""
    return state.layout is not None and not state.is_ledger


def split_of(state: BlockState) -> Split:
    """How the event that is at home in the block is split."""
    if not state.parts:
        return NOT_SPLIT
    part_of = {section: part.block for part in state.parts for section in part.sections}
    names = (section.name for section in event_layout(state).sections)
    ledgers = tuple(part.block for part in state.parts if part.is_ledger)
    return Split(tuple((name, part_of.get(name, "")) for name in names), ledgers)


def encode_split(split: Split) -> bytes:
    """As it is kept; empty for an event that is not split."""
    return _encoder.encode(split) if split.sections else b""


def decode_split(kept: bytes) -> Split:
    """What `encode_split` made these bytes of."""
    return _splits.decode(kept) if kept else NOT_SPLIT

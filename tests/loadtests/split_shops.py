"""A desk, an event that is split by sections, and a plain one: the real core, a command at a time."""

from collections.abc import Iterator, Mapping

import msgspec

from actors.baskets import WishedLeg
from actors.core import commands as c
from actors.core.baskets import LegPlan
from actors.core.events import event_reply
from actors.core.following import what_to_follow
from actors.core.ids import BlockId, event_block
from actors.core.layout import Layout, Row, Section
from actors.core.outcomes import Rejected
from actors.core.parts import Part
from actors.core.rules import Rules
from actors.core.wishes import Wish
from actors.reservations.divisions import Division
from actors.reservations.events import parts_of
from actors.reservations.recent_refusals import RecentRefusals
from actors.reservations.ways import Way
from tests.loadtests.basket_shops import SECOND, BasketShops
from tests.loadtests.journals import HOLD_TTL_MS, LAYOUT, TENANT
from tests.loadtests.whole_house import WHOLE_LAYOUT, WHOLE_RULES, another_layout

HOME = event_block(TENANT, "an event that is split")
PARTS = parts_of(HOME, (("A", "L"), ("T",)))
STALLS, TABLES, *LEDGERS = (BlockId(part.block) for part in PARTS)
"""H, the areas and the courts of the whole house are at home."""
PLAIN = SECOND
SPLIT_RULES = msgspec.structs.replace(WHOLE_RULES, waiting_list=None, max_per_buyer=12)


def split_layout(number: int = 0) -> Layout:
    """The whole house with a loge; or another layout of it."""
    layout = another_layout(number) if number else WHOLE_LAYOUT
    return msgspec.structs.replace(layout, sections=(*layout.sections, Section("L", (Row("1", 0, 1, 2),))))


class SplitShops(BasketShops):
    """Seven blocks with one clock."""

    def __init__(self, rules: Rules = SPLIT_RULES) -> None:
        super().__init__((HOME, *(BlockId(part.block) for part in PARTS), PLAIN))
        self.home = self.events[HOME]
        self.rules = rules

    def open(self) -> None:
        """Put the events on sale, and tell the parts."""
        for shop in self.all:
            shop.take_over()
        plain = self.events[PLAIN]
        plain.ask(c.CreateEvent(plain.stamp("create"), "A concert", LAYOUT, HOLD_TTL_MS))
        plain.ask(c.OpenSale(plain.stamp("open")))
        self.home.ask(
            c.CreateEvent(self.home.stamp("create"), "A final", split_layout(), HOLD_TTL_MS, self.rules, PARTS)
        )
        self.follow()
        self.home.ask(c.OpenSale(self.home.stamp("open")))
        self.follow()
        self.commit()

    def tell(self, part: Part) -> int:
        """The part becomes what its event is; which revision it knows."""
        follow = what_to_follow(self.home.state, HOME, part)
        self.events[BlockId(part.block)].ask(follow)
        return follow.revision

    def follow(self) -> None:
        """All parts know what the event is, and the event knows that."""
        for part in self.home.state.parts_behind:
            self.home.ask(c.AcknowledgePart(TENANT, part.block, self.tell(part)))

    def legs(self, wishes: Mapping[BlockId, Wish], buyer: str, numbers: Iterator[int]) -> tuple[LegPlan, ...]:
        """What is wished for of the event that is split is its parts' to place, and its ledgers' to count."""
        wished: list[WishedLeg] = []
        for block, wish in wishes.items():
            wished += self._divided(wish, buyer) if block == HOME else [WishedLeg(block, wish)]
        return tuple(
            LegPlan(leg.block, next(numbers), leg.wish, (), leg.counted_by, leg.counts)
            for leg in sorted(wished, key=lambda leg: leg.block)
        )

    def _divided(self, wish: Wish, buyer: str) -> list[WishedLeg]:
        division = Division(HOME, event_reply(self.home.state), self.now_ms, RecentRefusals())
        asked = division.read(wish)
        if isinstance(asked, Rejected):
            return [WishedLeg(HOME, wish)]  # which refuses it as well
        way = Way(HOME, wish, division, buyer, asked.quantity)
        for choice in way.open:
            way.seek(choice, self.now_ms)
        return way.legs()

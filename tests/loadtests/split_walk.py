"""Baskets at random over an event that is split and a plain one, whose parts hear late of what becomes of it."""

import msgspec

from actors.core import commands as c
from actors.core.replies import EventStatus
from actors.core.rules import Rules
from actors.core.snapshot import freeze, restore
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.basket_walk import PLAIN_SEATS, BasketWalk
from tests.loadtests.journals import TENANT
from tests.loadtests.split_shops import HOME, PLAIN, SPLIT_RULES, SplitShops, split_layout
from tests.loadtests.whole_house import SLOT_MS, SLOTS_FROM_MS

SEATS = (
    *(f"A/1/{seat}" for seat in range(1, 9)), *(f"A/2/{seat}" for seat in (1, 2, 7, 8)), "A/3/1", "A/3/2", "L/1/1",
    *(f"T/t1/{seat}" for seat in range(1, 5)), "T/t2", *(f"H/2/{seat}" for seat in (1, 2, 3)),
)  # fmt: skip


class SplitWalk(BasketWalk):
    """Does this and that, with an event that is split."""

    steps = 600
    changes = ("cancel", "some", *("give",) * 8, *("exchange",) * 6)
    shops: SplitShops

    def __init__(self, seed: int) -> None:
        rules = msgspec.structs.replace(SPLIT_RULES, max_per_buyer=4 + 4 * (seed % 3))
        targets = (HOME, PLAIN) if seed % 4 else (PLAIN, HOME)  # the last of which may be cancelled
        super().__init__(seed, SplitShops(rules), targets)
        self._numbered = 0

    def wish(self, block: str) -> Wish:
        """Over several parts now and then."""
        random = self.random
        if block != HOME:
            first = random.randrange(len(PLAIN_SEATS))
            return Wish(PLAIN_SEATS[first : first + random.randint(1, 2)])
        seats: tuple[str, ...] = ()
        areas: tuple[AreaPlaces, ...] = ()
        best: tuple[BestSeats, ...] = ()
        spans: tuple[Span, ...] = ()
        for kind in random.choices(("seats", "seats", "areas", "best", "spans"), k=random.choice((1, 2))):
            match kind:
                case "areas":
                    areas = (AreaPlaces("floor", random.randint(1, 3), random.choice(("", "child"))),)
                case "best":
                    best = (BestSeats(random.randint(1, 3), random.choice(((), ("A",), ("T", "H")))),)
                case "spans":
                    starts_ms = SLOTS_FROM_MS + random.randrange(6) * SLOT_MS
                    spans = (Span("court 2", starts_ms, starts_ms + SLOT_MS),)
                case _:
                    seats = tuple(random.sample(SEATS, random.randint(1, 2)))
        return Wish(seats, areas, best, spans, channel=random.choice(("", "", "partner")))

    def of_event(self) -> None:
        """What else goes on: the event is edited, paused and opened again; other owners, memory that is read anew."""
        random, home = self.random, self.shops.home
        shop = random.choice(self.shops.all)
        match random.choice(("layout", "rules", "status", "owner", "memory")):
            case "layout":
                self._numbered += 1
                layout = split_layout(self._numbered)
                self.ask(home, c.EditEvent(self.own_stamp(home), home.state.revision, layout=layout))
            case "rules":
                rules = self.rules()
                self.ask(
                    home,
                    c.EditEvent(self.own_stamp(home), home.state.revision, f"Final {rules.max_per_buyer}", rules=rules),
                )
            case "status" if home.state.status is EventStatus.PAUSED:
                self.ask(home, c.OpenSale(self.own_stamp(home)))
            case "status" if random.random() < 0.3:
                self.ask(home, c.ChangeStatus(self.own_stamp(home), EventStatus.PAUSED))
            case "owner" if shop.epochs == 1:
                self.shops.commit()
                shop.take_over(shop.now_ms - 1_000, shop.now_ms)
            case "memory":
                shop.state = restore(freeze(shop.state))

    def rules(self) -> Rules:
        """Another limit; rarely none, which no edit can take back."""
        return msgspec.structs.replace(SPLIT_RULES, max_per_buyer=self.random.choice((*(3, 4, 4, 6, 8) * 8, 0)))

    def errands(self, share: float) -> None:
        """Some parts hear of the event, and some of them are heard."""
        super().errands(share)
        for part in self.shops.home.state.parts_behind:
            if self.random.random() < share:
                revision = self.shops.tell(part)
                self.met["followed"] += 1
                if self.random.random() < 0.7:
                    self.ask(self.shops.home, c.AcknowledgePart(TENANT, part.block, revision))

"""What the auditor keeps of each leg of a basket for as long as it runs: `python -m tests.measure.audited_legs`.

Paid baskets of two legs, each of two seats, in rows of six entries at their desk and of two at the events: what it
takes to audit them, to keep them, and to hold them against each other; and what letting their audits go gives back.
"""

import gc
import time
import tracemalloc

from actors.audit.baskets import BasketCheck
from actors.audit.rows import Row
from actors.auditor.follower import LEG_BYTES, Follower
from actors.core import commands as c
from actors.core.layout import Category, Layout, Section
from actors.core.layout import Row as SeatRow
from actors.core.rules import Rules
from actors.core.wishes import Wish
from tests.loadtests.basket_shops import FIRST, SECOND, BasketShops

BASKETS = 4_000
ROWS, SEATS = 200, 50
NAMES = ("at the desk", "at one event", "at the other")

_SEATS = tuple(SeatRow(str(row), 0, 1, SEATS) for row in range(ROWS))
_LAYOUT = Layout("EUR", (Category("near", 5_000),), (Section("S", _SEATS),), ())


def sold() -> list[list[Row]]:
    """The journals of a desk and of two events, all of whose baskets are paid."""
    shops = BasketShops((FIRST, SECOND))
    for shop in shops.all:
        shop.take_over()
    for shop in shops.events.values():
        shop.ask(c.CreateEvent(shop.stamp("create"), "A concert", _LAYOUT, 60_000, Rules()))
        shop.ask(c.OpenSale(shop.stamp("open")))
    shops.commit()
    for number in range(BASKETS):
        row, seat = divmod(2 * number, SEATS)
        wish = Wish((f"S/{row}/{seat + 1}", f"S/{row}/{seat + 2}"))
        basket = 1_000_000 + number
        shops.hold(basket, {FIRST: wish, SECOND: wish}, buyer=f"buyer {number}")
        order = 2_000_000 + number
        shops.desk.ask(c.PlaceOrder(shops.stamp(), basket, order))
        shops.desk.ask(c.ConfirmOrder(shops.stamp(), order))
        shops.carry_out()
        shops.commit()
    return [journal.rows() for journal in shops.journals()]


def traced() -> int:
    """Bytes that are in use."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def followed(rows: list[Row]) -> Follower:
    """All of it is audited."""
    follower = Follower(rows[0].block)
    follower.begin()
    for row in rows:
        follower.take(row)
    return follower


def main() -> None:
    """Print it for each of the three blocks, and for all together."""
    journals = sold()
    for name, rows in zip(NAMES, journals, strict=True):
        begun_s = time.process_time()
        entry_count = followed(rows).entry_count
        cost_us = (time.process_time() - begun_s) / entry_count * 1e6
        print(f"{name:14} {entry_count / len(rows):.0f} entries a row, audited in {cost_us:.0f} µs each")
    tracemalloc.start()
    followers = []
    kept_bytes = 0
    for name, rows in zip(NAMES, journals, strict=True):
        before = traced()
        follower = followed(rows)
        whole = traced()
        said = follower.size_bytes
        follower.let_go()
        after = traced()
        legs = follower.shown_leg_count
        kept_bytes += after - before
        given = f"letting go gives back {(whole - after) / 1e6:.1f} MB ({said / 1e6:.1f} by estimate)"
        print(f"{name:14} {legs:6,} legs, kept of each {(after - before) / legs:5.0f} bytes; {given}")
        followers.append(follower)
    all_legs = sum(follower.shown_leg_count for follower in followers)
    print(f"{'of each':14} {kept_bytes / all_legs:.0f} bytes on average ({LEG_BYTES} by estimate)")
    tracemalloc.stop()
    begun_s = time.process_time()
    check = BasketCheck()
    for follower in followers:
        check.take(follower.note_sides())
    assert list(check.finish(whole=True)) == []
    print(f"{'comparing':14} {(time.process_time() - begun_s) / all_legs * 1e6:.1f} µs a leg")


if __name__ == "__main__":
    main()

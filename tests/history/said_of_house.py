"""By what each refusal is judged, with calls that may be refused so, and that may not, in the house of `house`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from actors.audit.ids import WAITER, id_of
from actors.core.outcomes import Reason
from loadtests.history.calls import Call, Kind, Term
from tests.history.house import slot, span
from tests.history.notes import fail

HOLD, ORDER, CONFIRM, CANCEL, CLOSE = Kind.HOLD, Kind.ORDER, Kind.CONFIRM, Kind.CANCEL, Kind.CLOSE
PARTLY, EXCHANGE, REASSIGN, WAIT, LEAVE = Kind.CANCEL_PARTLY, Kind.EXCHANGE, Kind.REASSIGN, Kind.WAIT, Kind.LEAVE
FREE, SOLD, HELD = "A/1/6", "A/1/1", "A/1/4"
REST_OF_TABLE = ("T/T1/2", "T/T1/3", "T/T1/4")

Case = Callable[[str], Call]
"""A call that is refused between the two holds, for this reason."""


def of(kind: Kind, number: int = 0, *units: str, **asked: Any) -> Case:
    """Of the hold, order or waiter of this number, or of a wish."""
    is_waiters = kind in (WAIT, LEAVE)

    def case(reason: str) -> Call:
        call = fail(kind, 0 if is_waiters else number, (12, 15), reason, units=units, **asked)
        own = id_of(WAITER, call.block, number) if number else ""
        return msgspec.structs.replace(call, id=own) if is_waiters else call

    return case


def wish(*units: str, **asked: Any) -> Case:
    """A hold of this; what is named to it is what it wishes for, if nothing else is said."""
    return of(HOLD, 0, *units, **{"named": units, **asked})


class Judged(NamedTuple):
    """By what a reason is judged. `right`, `false`: calls that may be refused for it, and that may not."""

    by: str
    right: Mapping[str, Case]
    false: Mapping[str, Case]


def bound(*terms: tuple[Term, str]) -> dict[str, Any]:
    """To these; as who asks tells it."""
    return {"terms": terms, "is_particular": True}


OF_HOLDS = (Kind.EXTEND, Kind.RELEASE, ORDER)
OF_TICKETS = (PARTLY, EXCHANGE, REASSIGN)


def each(kinds: tuple[Kind, ...], number: int, what: str) -> dict[str, Case]:
    """One call of each kind."""
    return {f"{kind}: {what}": of(kind, number, tickets=(0,)) for kind in kinds}


JUDGED = {
    Reason.EVENT_NOT_FOUND: Judged(
        "whether there is an event in the block",
        {},
        {"hold": wish(FREE), "wait": of(WAIT, 0, SOLD), "exchange": of(EXCHANGE, 103, FREE, tickets=(4,))},
    ),
    Reason.HOLD_NOT_FOUND: Judged(
        "the hold's fate",
        each(OF_HOLDS, 77, "never was"),
        {**each(OF_HOLDS, 10, "is there"), **each((Kind.READ_HOLD,), 10, "is there")},
    ),
    Reason.HOLD_EXPIRED: Judged("the hold's fate", each(OF_HOLDS, 12, "ran out"), each(OF_HOLDS, 10, "is there")),
    Reason.HOLD_RELEASED: Judged(
        "the hold's fate",
        each(OF_HOLDS, 11, "released"),
        {**each(OF_HOLDS, 10, "is there"), **each((Kind.READ_HOLD,), 11, "is shown")},
    ),
    Reason.HOLD_CONFIRMED: Judged("the hold's fate", each(OF_HOLDS, 3, "ordered"), each(OF_HOLDS, 10, "is there")),
    Reason.ORDER_NOT_FOUND: Judged(
        "the order's fate",
        each((CONFIRM, CANCEL, CLOSE, *OF_TICKETS), 177, "never was"),
        each((CONFIRM, CANCEL, CLOSE, *OF_TICKETS, Kind.READ_ORDER), 103, "is there"),
    ),
    Reason.ORDER_EXPIRED: Judged(
        "the order's fate",
        each((CONFIRM, CANCEL, CLOSE, *OF_TICKETS), 107, "ran out"),
        each((CONFIRM, CANCEL), 105, "unpaid"),
    ),
    Reason.ORDER_CANCELLED: Judged(
        "the order's fate",
        each((CONFIRM, CANCEL, CLOSE, *OF_TICKETS), 106, "cancelled"),
        {**each((CANCEL, CLOSE, *OF_TICKETS), 103, "paid"), **each((Kind.READ_ORDER,), 106, "is shown")},
    ),
    Reason.ORDER_CONFIRMED: Judged(
        "the order's fate",
        {**each((CONFIRM,), 103, "paid"), **each((CONFIRM,), 104, "partly given back")},
        {**each((CONFIRM,), 105, "unpaid"), **each((CANCEL, *OF_TICKETS), 103, "which is no hindrance")},
    ),
    Reason.ORDER_PENDING: Judged(
        "the order's fate",
        each((CLOSE, *OF_TICKETS), 105, "unpaid"),
        {**each(OF_TICKETS, 103, "paid"), **each((CONFIRM, CANCEL), 105, "which is no hindrance")},
    ),
    Reason.ORDER_CLOSED: Judged(
        "the order's fate",
        each((CONFIRM, CANCEL, CLOSE, *OF_TICKETS), 108, "closed"),
        each((CONFIRM, CANCEL, CLOSE, *OF_TICKETS), 101, "in force"),
    ),
    Reason.ORDER_NOT_DUE: Judged(
        "when the order's slots begin",
        {"tomorrow": of(CLOSE, 102), "never": of(CLOSE, 103)},
        {"it has begun": of(CLOSE, 101), "it is unpaid": of(CLOSE, 105)},
    ),
    Reason.TICKET_VOID: Judged(
        "the order's tickets",
        each(OF_TICKETS, 104, "given back"),
        {f"{kind}: good": of(kind, 104, tickets=(1,)) for kind in OF_TICKETS},
    ),
    Reason.TABLE_NOT_WHOLE: Judged(
        "the tables of the layout, what is wished for of them, and what the order has",
        {
            "a part": wish("T/T2/1", "T/T2/2", named=("T/T2/3", "T/T2/4")),
            "a part, unnamed": wish("T/T2/1", named=()),
            "waits for a part": of(WAIT, 0, "T/T1/1", named=REST_OF_TABLE),
            "a part given back": of(PARTLY, 103, tickets=(0,), named=REST_OF_TABLE),
            "a part exchanged": of(EXCHANGE, 103, FREE, tickets=(0, 4), named=REST_OF_TABLE),
            "exchanged for a part": of(EXCHANGE, 103, "T/T2/1", tickets=(4,), named=("T/T2/2", "T/T2/3", "T/T2/4")),
        },
        {
            "no table": wish(FREE),
            "a whole one": wish("T/T2"),
            "a whole one, chair by chair": wish(*(f"T/T2/{chair}" for chair in range(1, 5)), named=()),
            "another's chairs": wish("T/T2/1", named=("T/T1/2",)),
            "a seat given back": of(PARTLY, 103, tickets=(4,), named=REST_OF_TABLE),
            "the table given back": of(PARTLY, 103, tickets=(0, 1, 2, 3)),
            "what is not left": of(PARTLY, 103, tickets=(0,), named=("T/T2/2",)),
            "a seat exchanged": of(EXCHANGE, 103, FREE, tickets=(4,)),
            "of who has no table": of(PARTLY, 104, tickets=(1,)),
        },
    ),
    Reason.UNIT_UNKNOWN: Judged(
        "the names that are wished for, and the layout and channels",
        {
            "seat": wish("Z/9/9", FREE, named=("Z/9/9",)),
            "seat, unnamed": wish("Z/9/9", named=()),
            "area": wish(areas=(("attic", 1),), named=("attic",)),
            "no such slot": wish(spans=(("court", 0, 1),), named=("court",)),
            "channel": wish(FREE, named=("nobody",), **bound((Term.CHANNEL, "nobody"))),
            "section": wish(best=(1,), named=("Z",), **bound((Term.SECTION, "Z"))),
            "category": wish(best=(1,), named=("gold",), **bound((Term.CATEGORY, "gold"))),
            "price type": wish(FREE, named=("dog",), terms=((Term.PRICE_TYPE, "dog"),)),
            "not sold so": wish(spans=(span(2),), named=("child (court)",), terms=((Term.PRICE_TYPE, "child"),)),
            "none of them is sold so": wish(
                best=(1,), named=("child",), terms=((Term.PRICE_TYPE, "child"), (Term.CATEGORY, "court"))
            ),
        },
        {
            "seat": wish(FREE),
            "seat, unnamed": wish(FREE, named=()),
            "another than is wished for": wish(FREE, named=("Z/9/9",)),
            "one that is there among them": wish(FREE, "Z/9/9"),
            "area": wish(areas=(("floor", 1),), named=("floor",)),
            "slot": wish(spans=(span(2),), named=("court",)),
            "channel": wish(FREE, named=("fans",), **bound((Term.CHANNEL, "fans"))),
            "channel, unnamed": wish(FREE, named=(), **bound((Term.CHANNEL, "fans"))),
            "section": wish(best=(1,), named=("A",), **bound((Term.SECTION, "A"))),
            "category": wish(best=(1,), named=("seat",), **bound((Term.CATEGORY, "seat"))),
            "accessible": wish("A/2/6", named=(), terms=((Term.ACCESSIBLE, ""),)),
            "price type": wish(FREE, named=("child",), terms=((Term.PRICE_TYPE, "child"),)),
            "sold so": wish(FREE, named=("child (seat)",), terms=((Term.PRICE_TYPE, "child"),)),
            "they are sold so": wish(
                best=(1,), named=("child",), terms=((Term.PRICE_TYPE, "child"), (Term.CATEGORY, "seat"))
            ),
        },
    ),
    Reason.SALE_NOT_OPEN: Judged(
        "the event's state, and when it or the channel sells",
        {"early": wish(FREE, named=(), **bound((Term.CHANNEL, "early")))},
        {
            "all": wish(FREE, named=()),
            "channel": wish(FREE, named=(), **bound((Term.CHANNEL, "fans"))),
            "late": of(WAIT, 0, SOLD, **bound((Term.CHANNEL, "late"))),
        },
    ),
    Reason.SALE_CLOSED: Judged(
        "the event's state, when it or the channel sells, and when the slots begin",
        {
            "late": wish(FREE, named=(), **bound((Term.CHANNEL, "late"))),
            "slot": wish(slot(1)),
            "time": wish(spans=(span(0),), named=(slot(0),)),
            "one of two": wish(slot(0), slot(2), named=(slot(0),)),
        },
        {
            "seat": wish(FREE),
            "seat, unnamed": wish(FREE, named=()),
            "early": wish(FREE, named=(), **bound((Term.CHANNEL, "early"))),
            "slot": wish(slot(2)),
            "time": wish(spans=(span(2),), named=(slot(2),)),
            "both of two": wish(slot(0), slot(2)),
            "a slot that is not wished for": wish(slot(2), named=(slot(0),)),
            "a slot, and a seat was wished for": wish(FREE, named=(slot(0),)),
            "exchange": of(EXCHANGE, 103, FREE, tickets=(4,), named=(FREE,)),
        },
    ),
    Reason.WAITER_NOT_FOUND: Judged(
        "who waits, and who did", {"never waited": of(LEAVE, 77)}, {"waits": of(LEAVE, 20), "waited": of(LEAVE, 21)}
    ),
    Reason.WAITER_GONE: Judged(
        "who waits, and who did", {"has left": of(LEAVE, 21)}, {"waits": of(LEAVE, 20), "never waited": of(LEAVE, 77)}
    ),
    Reason.NO_WAITING_LIST: Judged("the event's rules", {}, {"wait": of(WAIT, 0, SOLD), "hold": wish(FREE)}),
    Reason.BUYER_LIMIT_EXCEEDED: Judged(
        "what the buyer has, and gives back",
        {
            "a table and more": of(HOLD, 0, "T/T2", "A/1/6", FREE, best=(3,), buyer="ana"),
            "many": of(HOLD, 0, best=(13,), buyer="nobody yet"),
            "exchange": of(EXCHANGE, 103, "T/T2", areas=(("yard", 6),), tickets=(4,)),
        },
        {
            "few": of(HOLD, 0, FREE, buyer="ana"),
            "few of who has nothing": of(HOLD, 0, best=(12,), buyer="nobody yet"),
            "wait": of(WAIT, 0, SOLD, buyer="eve"),
            "as many as are given back": of(EXCHANGE, 109, areas=(("yard", 5),), tickets=(0, 1, 2, 3, 4)),
        },
    ),
    Reason.UNITS_BLOCKED: Judged(
        "what is set aside for the house, or for who needs it",
        {"house": wish("A/2/1"), "accessible": wish("A/2/6"), "one of two": wish(FREE, "A/2/1", named=("A/2/1",))},
        {
            "free": wish(FREE),
            "one that is free among them": wish(FREE, "A/2/1"),
            "another than is wished for": wish(FREE, named=("A/2/1",)),
            "of a channel": wish("A/2/2", **bound((Term.CHANNEL, "fans"))),
            "accessible": wish("A/2/6", terms=((Term.ACCESSIBLE, ""),)),
        },
    ),
    Reason.CHANNEL_REQUIRED: Judged(
        "what is set aside for channels",
        {"no channel": wish("A/2/2"), "another": wish("A/2/2", **bound((Term.CHANNEL, "late")))},
        {
            "free": wish(FREE),
            "another than is wished for": wish(FREE, named=("A/2/2",)),
            "one that is free among them": wish(FREE, "A/2/2"),
            "the house's": wish("A/2/1"),
            "its channel": wish("A/2/2", **bound((Term.CHANNEL, "fans"))),
        },
    ),
    Reason.UNITS_SOLD: Judged(
        "who has the units",
        {
            "sold": wish(SOLD),
            "its own, and not given back": of(EXCHANGE, 103, SOLD, tickets=(0, 1, 2, 3), named=(SOLD,)),
        },
        {
            "free": wish(FREE),
            "held": wish(HELD),
            "one that is free among them": wish(FREE, SOLD),
            "another than is wished for": wish(FREE, named=(SOLD,)),
            "its own, given back": of(EXCHANGE, 103, SOLD, tickets=(4,), named=(SOLD,)),
        },
    ),
    Reason.UNITS_HELD: Judged(
        "who has the units",
        {"held": wish(HELD), "unpaid": wish("A/1/5")},
        {
            "free": wish(FREE),
            "sold": wish(SOLD),
            "released": wish("A/2/3"),
            "another than is wished for": wish(FREE, named=(HELD,)),
        },
    ),
    Reason.NOT_ENOUGH_AVAILABLE: Judged(
        "what nobody has, and what is given back",
        {
            "places": wish(areas=(("floor", 1),), named=("floor",)),
            "choice": of(HOLD, best=(5,)),
            "choice of a section": wish(best=(4,), named=("T",), **bound((Term.SECTION, "Z"), (Term.CATEGORY, "seat"))),
            "waits for a choice of a category": of(WAIT, best=(1,), **bound((Term.CATEGORY, "court"))),
            "waits for more than there are": of(WAIT, areas=(("floor", 11),)),
            "waits for a longer row": of(WAIT, best=(7,)),
            "waits for the rest of a row": of(WAIT, 0, "A/1/2", "A/2/5", best=(5,)),
        },
        {
            "places": wish(areas=(("yard", 10),), named=("yard",)),
            "choice": of(HOLD, best=(4,)),
            "seat": wish(FREE),
            "waits for what others have": of(WAIT, areas=(("floor", 10),)),
            "waits for a row of which others have some": of(WAIT, best=(6,)),
            "as many places as are given back": of(
                EXCHANGE, 109, areas=(("floor", 1),), tickets=(0,), named=("floor",)
            ),
        },
    ),
}
"""By reason, what a witness holds against the states of the journal."""

"""Which faults stop a block, and which only raise an alarm, each with the reason.

A block is stopped where it has sold, or would go on to sell, what it must not: a unit to two, what is not for sale, for
another price, what somebody was promised; or where its journal or its agreement with other blocks cannot be trusted any
more. It is not where too little is sold, or where what was sold is wrong in a way that the next buyer does not
suffer from: to stop a sale would then harm more people than it protects.
"""

from enum import Enum

import msgspec

from actors.audit.findings import TOLD, Fault


class Danger(msgspec.Struct, frozen=True):
    """What a fault means to who buys next. `stops`: the block is quarantined."""

    stops: bool
    because: str


def _all(stops: bool, because: str, *faults: Fault) -> dict[Fault, Danger]:
    return dict.fromkeys(faults, Danger(stops, because))


DANGERS: dict[Fault, Danger] = {
    # Stop.
    **_all(
        True,
        "the journal is not what its owner wrote",
        Fault.ROW_MISSING,
        Fault.CHAIN_BROKEN,
        Fault.ENTRIES_UNREADABLE,
        Fault.ENTRY_COUNT_WRONG,
    ),
    **_all(
        True,
        "two may have written at once",
        Fault.EPOCH_WENT_BACK,
        Fault.EPOCH_NOT_ACTIVATED,
        Fault.ACTIVATION_MISPLACED,
        Fault.NONCE_REUSED,
    ),
    **_all(
        True,
        "a unit is, or can be, two buyers'",
        Fault.UNIT_CLAIMED_TWICE,
        Fault.AREA_OVER_CAPACITY,
        Fault.UNITS_DO_NOT_ADD_UP,
        Fault.UNIT_OUT_OF_RANGE,
        Fault.UNIT_ASTRAY,
        Fault.BUFFER_BROKEN,
    ),
    **_all(
        True,
        "what is sold by is not what was made known",
        Fault.EVENT_ILLEGAL,
        Fault.CORRECTION_WRONG,
        Fault.LAYOUT_WRONG,
        Fault.RULES_WRONG,
        Fault.UNIT_LOST,
        Fault.SPLIT_WRONG,
        Fault.PART_ASTRAY,
        Fault.PART_DIFFERS,
        Fault.PART_BEHIND,
    ),
    **_all(
        True,
        "what is not for sale is sold",
        Fault.NOT_ON_SALE,
        Fault.CHANNEL_UNKNOWN,
        Fault.SET_ASIDE,
        Fault.RETURN_WRONG,
        Fault.TABLE_NOT_WHOLE,
        Fault.HELD_ALONE,
    ),
    **_all(True, "the next buyer would pay a wrong price too", Fault.PRICE_WRONG),
    **_all(
        True,
        "a buyer loses, or shares, what was promised",
        Fault.NUMBER_REUSED,
        Fault.HOLD_MALFORMED,
        Fault.HOLD_UNKNOWN,
        Fault.HOLD_NOT_ACTIVE,
        Fault.ORDER_UNKNOWN,
        Fault.ORDER_ENDED,
        Fault.ORDER_MALFORMED,
        Fault.TICKETS_WRONG,
        Fault.BEFORE_DEADLINE,
    ),
    **_all(True, "one request has two effects", Fault.KEY_USED_TWICE),
    **_all(
        True,
        "a basket and its legs do not agree on who has what",
        Fault.BASKET_MALFORMED,
        Fault.BASKET_ENDED,
        Fault.EXCHANGE_OPEN,
        Fault.NOT_DEMANDED,
        Fault.LEG_UNKNOWN,
        Fault.LEG_ENDED,
        Fault.REVISION_WRONG,
        Fault.LEG_ASTRAY,
        Fault.LEG_MISSING,
        Fault.LEG_DIFFERS,
        Fault.DEED_NOT_DEMANDED,
        Fault.DEED_MISSING,
        Fault.TICKETS_DIFFER,
        Fault.VOIDED_WRONGLY,
    ),
    # Alarm.
    **_all(
        False,
        "too little is sold: units are kept from buyers, and nobody has them twice",
        Fault.NEVER_RETURNED,
        Fault.NEVER_EXPIRED,
        Fault.LEG_LEFT_OVER,
        Fault.DEADLINE_WRONG,
        Fault.OUTAGE_WRONG,
    ),
    **_all(False, "it came late, and the units were still that buyer's", Fault.AFTER_DEADLINE, Fault.SLOT_BEGUN),
    **_all(
        False,
        "a clock was wrong: deadlines suffer, which have faults of their own",
        Fault.TIME_WENT_BACK,
        Fault.TIME_AHEAD,
    ),
    **_all(False, "one buyer has too much, and nobody lacks what is his", Fault.OVER_LIMIT, Fault.COUNTED_WRONGLY),
    **_all(
        False,
        "somebody else should have had the first choice; who has the units has them alone",
        Fault.CHOICE_WRONG,
        Fault.OUT_OF_TURN,
        Fault.OFFER_DIFFERS,
        Fault.WAITER_MALFORMED,
        Fault.WAITER_UNKNOWN,
    ),
    **_all(False, "it is about what was sold long ago", Fault.ORDER_NOT_DUE),
    **_all(
        False,
        "its owner wrote it, and this auditor cannot tell what it means: a block that is not audited is not stopped",
        Fault.ENTRIES_UNKNOWN,
    ),
    **_all(
        False,
        "a repetition may not be recognised; if it has an effect, that has a fault of its own",
        Fault.KEY_MALFORMED,
    ),
    **_all(
        False,
        "a replica that took over without the last rows looks alike, and goes on from what it has",
        Fault.JOURNAL_EMPTY,
        Fault.TAIL_MISSING,
    ),
    **_all(
        False,
        "nobody tells the auditor what clients were told: `holdfast audit` finds it",
        *TOLD,
    ),
}
"""Every fault there is."""


class Replays(Enum):
    """Whether a shard can replay the row that shows a fault: only from there can it end the quarantine (`withholding`).

    A snapshot behind the row spares that, as long as releases read it; and what is no damage can be struck.
    """

    ALWAYS = "what the row says is wrong, and can be done"
    SOME = "some such rows can be replayed, and some cannot"
    NEVER = "no such row can be replayed"


def _rows(replays: Replays, *faults: Fault) -> dict[Fault, Replays]:
    return dict.fromkeys(faults, replays)


REPLAYS: dict[Fault, Replays] = {
    **_rows(
        Replays.NEVER,
        Fault.UNIT_CLAIMED_TWICE,
        Fault.AREA_OVER_CAPACITY,
        Fault.HOLD_UNKNOWN,
        Fault.ORDER_UNKNOWN,
        Fault.LEG_UNKNOWN,
        Fault.NOT_DEMANDED,
        Fault.BASKET_ENDED,
    ),
    **_rows(
        Replays.SOME,
        Fault.ROW_MISSING,  # these three never; but of what is old there is a snapshot behind it
        Fault.CHAIN_BROKEN,
        Fault.ENTRIES_UNREADABLE,
        Fault.NUMBER_REUSED,
        Fault.HOLD_NOT_ACTIVE,
        Fault.HOLD_MALFORMED,
        Fault.ORDER_ENDED,
        Fault.ORDER_MALFORMED,
        Fault.TICKETS_WRONG,
        Fault.KEY_USED_TWICE,
        Fault.UNIT_OUT_OF_RANGE,
        Fault.UNITS_DO_NOT_ADD_UP,
        Fault.PRICE_WRONG,
        Fault.EVENT_ILLEGAL,
        Fault.CORRECTION_WRONG,
        Fault.LAYOUT_WRONG,
        Fault.RULES_WRONG,
        Fault.RETURN_WRONG,
        Fault.PART_ASTRAY,
        Fault.BASKET_MALFORMED,
        Fault.LEG_ENDED,
        Fault.REVISION_WRONG,
        Fault.DEED_NOT_DEMANDED,
        Fault.EPOCH_NOT_ACTIVATED,
    ),
    **_rows(
        Replays.ALWAYS,
        Fault.ENTRY_COUNT_WRONG,
        Fault.EPOCH_WENT_BACK,
        Fault.ACTIVATION_MISPLACED,
        Fault.NONCE_REUSED,
        Fault.BUFFER_BROKEN,
        Fault.UNIT_ASTRAY,
        Fault.UNIT_LOST,
        Fault.SPLIT_WRONG,
        Fault.PART_DIFFERS,
        Fault.PART_BEHIND,
        Fault.NOT_ON_SALE,
        Fault.CHANNEL_UNKNOWN,
        Fault.SET_ASIDE,
        Fault.TABLE_NOT_WHOLE,
        Fault.HELD_ALONE,
        Fault.BEFORE_DEADLINE,
        Fault.EXCHANGE_OPEN,
        Fault.LEG_ASTRAY,
        Fault.LEG_MISSING,
        Fault.LEG_DIFFERS,
        Fault.DEED_MISSING,
        Fault.TICKETS_DIFFER,
        Fault.VOIDED_WRONGLY,
    ),
}
"""Every fault that stops a block."""

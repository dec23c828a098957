"""What an audit can find."""

from enum import StrEnum

import msgspec


class Fault(StrEnum):
    """What is wrong with a journal, or with what was said of it."""

    # Rows.
    JOURNAL_EMPTY = "no row at all"
    ROW_MISSING = "row missing"
    TAIL_MISSING = "last rows missing"
    CHAIN_BROKEN = "chain broken"
    EPOCH_WENT_BACK = "epoch went back"
    EPOCH_NOT_ACTIVATED = "new epoch without an activation"
    ACTIVATION_MISPLACED = "activation out of place"
    NONCE_REUSED = "nonce of an activation reused"
    ENTRIES_UNREADABLE = "entries unreadable"
    ENTRIES_UNKNOWN = "entries of a newer release"
    ENTRY_COUNT_WRONG = "entry count wrong"
    # Entries.
    TIME_WENT_BACK = "time went back"
    TIME_AHEAD = "time ahead of the row's"
    OUTAGE_WRONG = "outage that was none"
    CORRECTION_WRONG = "correction of what cannot be corrected so"
    EVENT_ILLEGAL = "event created or changed illegally"
    LAYOUT_WRONG = "layout cannot be sold"
    RULES_WRONG = "rules cannot be sold by"
    UNIT_LOST = "layout without a unit that somebody has"
    RETURN_WRONG = "returned what was not due"
    NEVER_RETURNED = "set aside long after its time"
    NOT_ON_SALE = "units claimed while not on sale"
    CHANNEL_UNKNOWN = "channel unknown"
    SET_ASIDE = "units claimed that are set aside for others"
    TABLE_NOT_WHOLE = "part of a table that is sold only whole"
    SLOT_BEGUN = "slot claimed after it began"
    BUFFER_BROKEN = "slot claimed too near to another hold's"
    OVER_LIMIT = "more than a buyer may have"
    UNIT_OUT_OF_RANGE = "unit out of range"
    HOLD_MALFORMED = "hold malformed"
    PRICE_WRONG = "price is not the layout's"
    DEADLINE_WRONG = "deadline out of bounds"
    NUMBER_REUSED = "number of a hold, an order or a waiter reused"
    HOLD_UNKNOWN = "hold unknown"
    HOLD_NOT_ACTIVE = "hold not active"
    ORDER_UNKNOWN = "order unknown"
    ORDER_ENDED = "order not in the state that this needs"
    AFTER_DEADLINE = "done after the deadline"
    BEFORE_DEADLINE = "expired before the deadline"
    NEVER_EXPIRED = "not expired long after the deadline"
    ORDER_MALFORMED = "order malformed"
    ORDER_NOT_DUE = "order closed that has no slot, or before it began"
    TICKETS_WRONG = "tickets that the order does not have"
    WAITER_MALFORMED = "waiter malformed"
    WAITER_UNKNOWN = "nobody waits under this number"
    OFFER_DIFFERS = "offered otherwise than waited for"
    OUT_OF_TURN = "claimed before who could have had something first"
    CHOICE_WRONG = "seats chosen otherwise than said"
    # Events that are split by sections.
    SPLIT_WRONG = "event split illegally"
    HELD_ALONE = "held, or waited for, of an event that is split, but not as a basket's"
    PART_ASTRAY = "part that its event does not know"
    PART_DIFFERS = "part is otherwise than its event was"
    PART_BEHIND = "part is behind what it acknowledged"
    UNIT_ASTRAY = "unit of a split event in no part of it, or in several"
    COUNTED_WRONGLY = "counted by no ledger, or otherwise than its basket has"
    # Baskets, at their desk and at the blocks of their legs.
    BASKET_MALFORMED = "basket or exchange malformed"
    BASKET_ENDED = "basket or exchange not in the state that this needs"
    EXCHANGE_OPEN = "order changed while it is being exchanged"
    NOT_DEMANDED = "acknowledged, but not demanded"
    LEG_UNKNOWN = "leg unknown"
    LEG_ENDED = "leg not in the state that this needs"
    REVISION_WRONG = "revision of a leg is not the next"
    KEY_MALFORMED = "key or fingerprint malformed"
    KEY_USED_TWICE = "key used for two effects"
    # Units.
    UNIT_CLAIMED_TWICE = "unit claimed twice"
    AREA_OVER_CAPACITY = "area over capacity"
    UNITS_DO_NOT_ADD_UP = "units do not add up"
    # Legs against desks.
    LEG_ASTRAY = "leg that its desk does not know"
    LEG_MISSING = "held by a desk, but by no leg"
    LEG_DIFFERS = "leg is otherwise than its desk says"
    DEED_NOT_DEMANDED = "done to a leg otherwise than its desk demanded"
    DEED_MISSING = "acknowledged by a leg, but not done"
    LEG_LEFT_OVER = "leg has what is not its basket's"
    TICKETS_DIFFER = "leg has other tickets than its desk's order"
    VOIDED_WRONGLY = "basket lost something, but no event of it is cancelled"
    # What clients were told.
    REPLY_NOT_IN_JOURNAL = "acknowledged, but not in the journal"
    REPLY_AHEAD_OF_JOURNAL = "acknowledged before it was in the journal"
    REPLY_DIFFERS = "acknowledged otherwise than journaled"
    REPLY_OF_ANOTHER_KEY = "acknowledged to another key than journaled"
    DENIED_WRONGLY = "denied although it was available"
    AGAINST_REAL_TIME = "took effect before what had been answered when it was asked for"
    DONE_THOUGH_REFUSED = "refused, and done"
    DONE_TOO_LATE = "done when it could no longer be"
    REFUSED_WRONGLY = "refused for what was so at no moment of the call"
    READ_WRONGLY = "read as what was so at no moment of the call"
    READ_STALE = "read as of before what had been answered when it was asked for"
    DIGEST_DIFFERS = "live state differs from the journal"
    DIGEST_AHEAD_OF_JOURNAL = "live state is ahead of the journal"


TOLD = frozenset(
    {
        Fault.REPLY_NOT_IN_JOURNAL,
        Fault.REPLY_AHEAD_OF_JOURNAL,
        Fault.REPLY_DIFFERS,
        Fault.REPLY_OF_ANOTHER_KEY,
        Fault.DENIED_WRONGLY,
        Fault.AGAINST_REAL_TIME,
        Fault.DONE_THOUGH_REFUSED,
        Fault.DONE_TOO_LATE,
        Fault.REFUSED_WRONGLY,
        Fault.READ_WRONGLY,
        Fault.READ_STALE,
        Fault.DIGEST_DIFFERS,
        Fault.DIGEST_AHEAD_OF_JOURNAL,
    }
)
"""What is wrong with what clients were told: no correction of the journal makes that right."""


_NEVER_SETTLED = TOLD | {Fault.ENTRIES_UNKNOWN}
"""That a row cannot be judged here stays so, whoever has looked at others."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong. `position`: of the row where it shows; 0 if it shows in none."""

    block: str
    position: int
    fault: Fault
    sentence: str

    def __str__(self) -> str:
        where = f"row {self.position}" if self.position else "no row"
        return f"{self.block}, {where}: {self.fault}: {self.sentence}"


def is_settled(finding: Finding, settled_position: int) -> bool:
    """Whether corrections that settle what shows up to this row settle it: not what shows in no row, or elsewhere."""
    return 0 < finding.position <= settled_position and finding.fault not in _NEVER_SETTLED

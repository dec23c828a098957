"""What holds, orders, tickets and waiters look like over HTTP."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.baskets import LegReply
from actors.core.ids import BlockId, Kind, event_id, outside_id, ticket_id
from actors.core.prices import Price
from actors.core.replies import (
    Choice,
    HoldReply,
    HoldStatus,
    OrderReply,
    OrderStatus,
    WaiterReply,
    WaiterStatus,
)
from actors.core.wishes import AreaPlaces
from serve.had import had
from serve.http_api.views import Currency, Millionths, Minor, Time, TypeName, names_of
from serve.wire_time import rfc3339


class PriceLineView(msgspec.Struct, frozen=True):
    """So many units of one category and price type at one price."""

    category: str
    quantity: int
    unit_price_minor: Minor
    amount_minor: Minor
    price_type: TypeName


class FeeLineView(msgspec.Struct, frozen=True):
    """A fee, so many times the same amount."""

    name: str
    quantity: int
    unit_amount_minor: Minor
    amount_minor: Minor


class TaxLineView(msgspec.Struct, frozen=True):
    """A tax on lines and fees, included in them or on top. It is rounded for each unit, halves up."""

    name: str
    rate_ppm: Millionths
    included: bool
    amount_minor: Minor


class PriceView(msgspec.Struct, frozen=True):
    """An itemised price, frozen when its units were held, or exchanged. `total_minor`: what is to be paid, the lines,
    the fees, and the taxes that they do not include.
    """

    currency: Currency
    lines: list[PriceLineView]
    total_minor: Minor
    fees: list[FeeLineView]
    taxes: list[TaxLineView]


class AreaQuantityView(msgspec.Struct, frozen=True):
    """Places of an area."""

    area: str
    quantity: int
    price_type: TypeName


class ChoiceView(msgspec.Struct, frozen=True):
    """How good the seats are that the server chose for one of `best`: the lower the score, the better. `orphans`: how
    many single seats between others they leave behind.
    """

    score: int
    orphans: int


class LegView(msgspec.Struct, frozen=True):
    """What a hold or an order over several events has of one of them. Its price is a part of the whole price.

    Fees that an event of which nothing is left has charged once are in the whole price alone.
    """

    event_id: str
    units: list[str]
    areas: list[AreaQuantityView]
    price: PriceView


EventOfAll = Annotated[str | None, Meta(description="null where it is over several events: see `legs`")]
Legs = Annotated[list[LegView], Meta(description="by event, where it is over several; `units` and `areas` are empty")]


class HoldView(msgspec.Struct, frozen=True):
    """A hold. Its `units` are those that were asked for by name, then those of `slots`, then those of `best`, of which
    `choices` has one each; of an event that is split they stand group by group, and those of a hold over several events
    leg by leg. Once it is ordered, `expires_at` says until when the order is to be paid. After an outage one that is
    due may be shown as ACTIVE for a moment: whether it is given a little longer is not known yet. Ordering it tells.
    """

    hold_id: str
    status: Annotated[str, Meta(description=f"{names_of(HoldStatus)}; CONFIRMED is for good: see the order")]
    event_id: EventOfAll
    units: list[str]
    areas: list[AreaQuantityView]
    price: PriceView
    expires_at: Time
    expires_in_seconds: int
    max_expires_at: Time
    buyer_id: str
    order_id: str | None
    channel: str
    choices: list[ChoiceView]
    legs: Legs


class TicketView(msgspec.Struct, frozen=True):
    """One admission: a seat, a slot, or one place of the area that `unit` names. `holder`: who has it since it was
    reassigned; empty: the order's buyer.
    """

    ticket_id: str
    unit: str
    code_revision: int
    holder: str
    event_id: str


class OrderView(msgspec.Struct, frozen=True):
    """An order, with what it has, or had when it ended; it has tickets once it is confirmed, and none any more for what
    was cancelled or exchanged. `choices`: of its last exchange, one for each of `best`. After an outage one that is due
    may be shown as PENDING for a moment: whether it is given a little longer is not known yet. Confirming it tells.
    """

    order_id: str
    status: Annotated[str, Meta(description=names_of(OrderStatus))]
    event_id: EventOfAll
    hold_id: str
    units: list[str]
    areas: list[AreaQuantityView]
    price: PriceView
    placed_at: Time
    pay_by: Time
    tickets: list[TicketView]
    buyer_id: str
    legs: Legs
    choices: list[ChoiceView]


class WaiterView(msgspec.Struct, frozen=True):
    """Somebody in the waiting list of an event. `ahead`: how many wait that came before, whatever they wish for.
    `hold_id`: what was offered, once it was.
    """

    waiter_id: str
    status: Annotated[str, Meta(description=names_of(WaiterStatus))]
    event_id: str
    ahead: int
    joined_at: Time
    hold_id: str | None
    buyer_id: str


def hold_view(block: BlockId, hold: HoldReply) -> HoldView:
    """A hold as HTTP shows it."""
    of = had(block, hold)
    return HoldView(
        hold_id=outside_id(Kind.HOLD, block, hold.hold),
        status=hold.status.name,
        event_id=of.event_id or None,
        units=list(of.units),
        areas=_areas(of.areas),
        price=_price(hold.price),
        expires_at=rfc3339(hold.expires_at_ms),
        expires_in_seconds=hold.ends_in_seconds,
        max_expires_at=rfc3339(hold.max_expires_at_ms),
        buyer_id=hold.buyer,
        order_id=outside_id(Kind.ORDER, block, hold.order) if hold.order else None,
        channel=hold.channel,
        choices=_choices(hold.choices),
        legs=_legs(of.legs),
    )


def order_view(block: BlockId, order: OrderReply) -> OrderView:
    """An order as HTTP shows it."""
    of = had(block, order)
    return OrderView(
        order_id=outside_id(Kind.ORDER, block, order.order),
        status=order.status.name,
        event_id=of.event_id or None,
        hold_id=outside_id(Kind.HOLD, block, order.hold),
        units=list(of.units),
        areas=_areas(of.areas),
        price=_price(order.price),
        placed_at=rfc3339(order.placed_at_ms),
        pay_by=rfc3339(order.pay_by_ms),
        tickets=[
            TicketView(
                ticket_id(block, order.order, ticket.index),
                ticket.unit,
                ticket.code_revision,
                ticket.holder,
                event_id(BlockId(ticket.block or block)),
            )
            for ticket in order.tickets
        ],
        buyer_id=order.buyer,
        legs=_legs(of.legs),
        choices=_choices(order.choices),
    )


def waiter_view(block: BlockId, waiter: WaiterReply) -> WaiterView:
    """A waiter as HTTP shows it."""
    return WaiterView(
        waiter_id=outside_id(Kind.WAITER, block, waiter.waiter),
        status=waiter.status.name,
        event_id=event_id(block),
        ahead=waiter.ahead,
        joined_at=rfc3339(waiter.joined_at_ms),
        hold_id=outside_id(Kind.HOLD, block, waiter.hold) if waiter.hold else None,
        buyer_id=waiter.buyer,
    )


def _legs(legs: Iterable[LegReply]) -> list[LegView]:
    return [
        LegView(event_id(BlockId(leg.block)), list(leg.seats), _areas(leg.areas), _price(leg.price)) for leg in legs
    ]


def _choices(choices: Iterable[Choice]) -> list[ChoiceView]:
    return [ChoiceView(choice.score, choice.orphans) for choice in choices]


def _areas(areas: tuple[AreaPlaces, ...]) -> list[AreaQuantityView]:
    return [AreaQuantityView(places.area, places.quantity, places.price_type) for places in areas]


def _price(price: Price) -> PriceView:
    return PriceView(
        price.currency,
        [
            PriceLineView(
                line.category, line.quantity, line.unit_price, line.quantity * line.unit_price, line.price_type
            )
            for line in price.lines
        ],
        price.total,
        [FeeLineView(fee.name, fee.quantity, fee.unit_amount, fee.quantity * fee.unit_amount) for fee in price.fees],
        [TaxLineView(tax.name, tax.rate_ppm, tax.included, tax.amount) for tax in price.taxes],
    )

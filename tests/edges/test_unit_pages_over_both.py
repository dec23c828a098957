"""Seats and slots page by page, over both protocols."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from actors.core.commands import EditEvent, PlaceHold
from actors.core.ids import event_id
from actors.core.wishes import Span, Wish
from actors.projections import answers
from actors.projections.cursor import number_behind, number_cursor
from actors.projections.fresh import FRESH_S
from serve.wire_time import rfc3339
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import plain_of, thing
from tests.edges.club import HOUR_MS, club_layout
from tests.edges.edge_stack import Edges
from tests.edges.test_reads_over_both import at
from tests.projections.selling import START_MS, SellingEvent, World, follow_all, selling

pytestmark = pytest.mark.anyio

TOMORROW_MS = START_MS + 24 * HOUR_MS
ASKING = (ask_http, ask_grpc)


@pytest.fixture(scope="module")
async def world(edges: Edges, database_url: str) -> AsyncIterator[World]:
    """Events that sell in the database that the edges read."""
    async with selling(database_url) as world:
        yield world


async def club_in(world: World) -> SellingEvent:
    """An event with seats and slots, some of them held."""
    event = await world.event("alpha", "Club", club_layout(TOMORROW_MS, TOMORROW_MS))
    spans = (Span("Court 2", TOMORROW_MS + 2 * HOUR_MS, TOMORROW_MS + 9 * HOUR_MS),)
    units = ("Stalls/A/3", "Stalls/B/7", "Salon/T1")
    assert await event.sell(PlaceHold(event.stamp(), 7, Wish(units, spans=spans))) == 1
    await follow_all(world.projector())
    return event


async def page_of(edges: Edges, asking: Any, event: SellingEvent, asked: dict[str, Any]) -> tuple[list[Any], str]:
    """The units of a page, alike over both protocols, and the cursor of the next one."""
    shown = thing(await asking(edges, Ask("list_units", asked, event_id=event_id(event.block))), "")
    units = plain_of(shown["units"], "UNIT_STATUS_")
    bare = [{name: field for name, field in unit.items() if field} for unit in units]
    return bare, shown.get("next_cursor") or ""


async def check_pages_join_up(edges: Edges, world: World) -> None:
    """Whatever the limit, and also where each page is asked for over the other protocol."""
    event = await club_in(world)
    begins_ms, ends_ms = TOMORROW_MS + HOUR_MS, TOMORROW_MS + 20 * HOUR_MS
    for asked, count in (
        ({"section": "Stalls"}, 30),
        ({"section": "Salon"}, 4),
        ({"resource": "Court 2"}, 24),
        ({"resource": "Court 2", "from": begins_ms, "until": ends_ms}, 19),
    ):
        wholes = []
        for protocols in (ASKING[:1], ASKING[1:], ASKING):
            for limit in (None, 1, 7, count, 1_000):
                joined, cursor, pages = list[Any](), "", 0
                while cursor or not pages:
                    asking = protocols[pages % len(protocols)]
                    written = rfc3339 if asking is ask_http else at
                    body = {name: written(value) if isinstance(value, int) else value for name, value in asked.items()}
                    body |= ({"limit": limit} if limit else {}) | ({"cursor": cursor} if cursor else {})
                    units, cursor = await page_of(edges, asking, event, body)
                    joined += units
                    pages += 1
                assert pages == -(-count // (limit or 1_000))
                wholes.append(joined)
        assert len({unit["unit"] for unit in wholes[0]}) == count
        assert {"HELD"} <= {unit["status"] for unit in wholes[0]} <= {"HELD", "AVAILABLE", "BLOCKED"}
        assert all(whole == wholes[0] for whole in wholes)


async def test_pages_join_up_to_the_whole(edges: Edges, world: World) -> None:
    await check_pages_join_up(edges, world)


async def refused_fields(edges: Edges, event: SellingEvent, body: dict[str, Any], asking: Any) -> tuple[str, ...]:
    """The fields that a refusal names."""
    refused = await asking(edges, Ask("list_units", body, event_id=event_id(event.block)))
    assert refused.code == "INVALID_ARGUMENT", refused
    return tuple(field for field, _ in refused.fields)


async def test_a_limit_out_of_bounds_is_refused(edges: Edges, world: World) -> None:
    event = await club_in(world)
    for asking, limits in ((ask_http, (-1, 0, 1_001)), (ask_grpc, (-1, 1_001))):
        for limit in limits:
            body = {"section": "Stalls", "limit": limit}
            assert await refused_fields(edges, event, body, asking) == ("limit",)


async def check_astray_cursors(edges: Edges, world: World) -> None:
    """A cursor of another section, resource, event or list, and one that was never given out, name their field."""
    event, other = await club_in(world), await club_in(world)
    stalls: dict[str, Any] = {"section": "Stalls"}
    astray = ["bm90aGluZw", "x", "A" * 200]
    for of, asked in (
        (event, {"section": "Salon"}),
        (event, {"resource": "Court 1"}),
        (other, stalls),
    ):
        _, cursor = await page_of(edges, ask_http, of, asked | {"limit": 1})
        assert cursor
        astray.append(cursor)
    of_events = await ask_http(edges, Ask("list_events", {"limit": 1}))
    astray.append(of_events.reply["next_cursor"])
    for asking in ASKING:
        for cursor in astray:
            assert await refused_fields(edges, event, stalls | {"cursor": cursor}, asking) == ("cursor",)


async def test_a_cursor_that_went_astray_is_refused(edges: Edges, world: World) -> None:
    await check_astray_cursors(edges, world)


async def check_another_layout(edges: Edges, world: World) -> None:
    """A cursor outlives what is sold, and not the layout: that is said, and whoever begins anew has all."""
    event = await club_in(world)
    first, cursor = await page_of(edges, ask_http, event, {"section": "Stalls", "limit": 10})
    assert await event.sell(event.hold("Stalls/C/2")) == 1
    await follow_all(world.projector())
    await asyncio.sleep(2 * FRESH_S)  # what was read serves for so long
    rest, _ = await page_of(edges, ask_http, event, {"section": "Stalls", "cursor": cursor})
    assert len(first) + len(rest) == 30
    assert [unit["unit"] for unit in rest if unit["status"] == "HELD"] == ["Stalls/B/7", "Stalls/C/2"]
    box = msgspec.structs.replace(event.layout.sections[1], name="Box")
    grown = msgspec.structs.replace(event.layout, sections=(box, *event.layout.sections))
    assert await event.sell(EditEvent(event.stamp(), event.state.revision, layout=grown)) == 1
    await follow_all(world.projector())
    await asyncio.sleep(2 * FRESH_S)
    for asking in ASKING:
        refused = await refused_fields(edges, event, {"section": "Stalls", "cursor": cursor}, asking)
        assert refused == ("cursor",)
        anew, _ = await page_of(edges, asking, event, {"section": "Stalls"})
        assert len(anew) == 30


async def test_a_cursor_of_another_layout_is_refused(edges: Edges, world: World) -> None:
    await check_another_layout(edges, world)


def a_unit_is_skipped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers, "number_cursor", lambda owner, version, unit: number_cursor(owner, version, unit + 1))


def all_lists_are_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers, "number_cursor", lambda _, *place: number_cursor("", *place))
    patch.setattr(answers, "number_behind", lambda _, cursor: number_behind("", cursor))


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (a_unit_is_skipped, check_pages_join_up),
        (all_lists_are_one, check_astray_cursors),
    ],
)
async def test_the_checks_notice_pages_that_do_not_join_up(
    edges: Edges, world: World, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[Any], None], check: Any
) -> None:
    """Negative controls."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check(edges, world)

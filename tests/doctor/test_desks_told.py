"""`holdfast doctor` tells which desks are nearly full, as their baskets that were ever paid stay."""

from collections.abc import Callable

import msgspec
import pytest

from actors.core import desk
from actors.core.block import apply
from actors.core.ids import BlockId, TenantId, desks_of, event_id
from actors.core.state import BlockState
from actors.journal.codec import decode_entries
from actors.journal.journal import GENESIS, JournalRow, NewRow
from actors.projections.listing import ListingProjection
from serve.doctor import desk_checks
from serve.doctor.findings import SQL, Standing
from tests.doctor.ward import ward
from tests.loadtests.basket_planting import Journals
from tests.loadtests.journals import TENANT
from tests.projections.selling import World, follow_all

pytestmark = pytest.mark.anyio
OK, WARNING, WRONG = Standing


async def put_down(world: World) -> tuple[BlockId, BlockState]:
    """A real desk of some baskets, of which a part was paid; and its state."""
    rows = Journals().desk.rows()
    block, chain, state = BlockId(rows[0].block), GENESIS, BlockState()
    await world.connection.execute(
        "insert into blocks (block_id, tenant, shard) values ($1, $2, 'shard-1')", block, TENANT
    )
    for row in rows:
        new = NewRow(msgspec.convert(row, JournalRow, from_attributes=True), chain)
        assert (await world.journal.append([new])).durable == {block}
        chain = row.chain
        for entry in decode_entries(row.entries):
            apply(state, entry)
    await follow_all(world.projector(ListingProjection()))
    return block, state


async def check_told(world: World, patch: pytest.MonkeyPatch) -> None:
    """From 80 per cent of what it can have on, and otherwise when it refuses for good: as the core counts."""
    async with ward(world) as ill:
        block, state = await put_down(world)
        paid = state.paid_order_count
        assert 1 < paid < len(state.orders)
        for most, standing in ((paid * 2, OK), (paid + 1, WARNING), (paid, WRONG)):
            patch.setattr(desk_checks, "WARNED_FROM", (paid - 0.5) / (paid + 1) if standing is WARNING else 0.8)
            patch.setattr(desk, "MAX_BASKETS", most)
            assert desk.is_full_for_good(state) is (standing is WRONG)
            (finding,) = await ill.looked("desks")
            assert finding.standing is standing, finding
            if standing is not OK:
                said = (
                    f"{event_id(block)} of {TENANT} has {paid} baskets that were ever paid, of {most} that it can have"
                )
                assert finding.seen == said
                assert "as another tenant" in finding.advice
        assert not desks_of(TENANT) & desks_of(TenantId("another")), "another tenant has desks of its own"


async def test_a_desk_that_is_nearly_full_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_told(world, monkeypatch)


def test_it_is_warned_at_four_fifths() -> None:
    assert (desk_checks.WARNED_FROM, desk.MAX_BASKETS) == (0.8, 250_000)


def _counts_all(patch: pytest.MonkeyPatch) -> None:
    every = "select block_id, count(*) as paid_count from listed_orders"
    patch.setitem(SQL, "paid_orders", f"{every} where $1::text[] is not null and $2::int = $2 group by block_id")


def _counts_what_is_in_force(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(SQL, "paid_orders", SQL["paid_orders"].replace("status <> $2", "status = $2 + 1"))


@pytest.mark.parametrize("sabotage", [_counts_all, _counts_what_is_in_force])
async def test_control_another_count_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check_told(world, monkeypatch)

"""`holdfast doctor` tells what is not followed, by each projection that the projector keeps."""

import inspect
import re

import pytest

from actors.projections import service
from serve.doctor.findings import SQL, Standing
from serve.doctor.projection_checks import FOLLOWING
from tests.doctor.ward import ward
from tests.projections.selling import World

WARNING = Standing.WARNING


async def check_a_projection_that_has_not_begun(world: World) -> None:
    """With a block that others follow; or with any, as a new one before its first round."""
    async with ward(world) as ill:
        event = ill.events[0].block
        await ill.execute("delete from projection_positions where block_id = $1 and projection = 'listing'", event)
        assert "; 1 times a block is behind" in (await ill.found("projections", WARNING)).seen
        await ill.execute("delete from projection_positions where projection = 'listing'")
        assert "; 3 times a block is behind" in (await ill.found("projections", WARNING)).seen
        await ill.execute("delete from projection_positions")
        assert "; 9 times a block is behind" in (await ill.found("projections", WARNING)).seen


@pytest.mark.anyio
async def test_a_projection_that_has_not_begun_with_a_block_is_found(world: World) -> None:
    await check_a_projection_that_has_not_begun(world)


OF_ROWS_ALONE = """
select
  count(*) as block_count,
  extract(epoch from clock_timestamp())::bigint * 1000 - min(next.recorded_at_ms) as lag_ms
from blocks
left join projection_positions as seen on seen.block_id = blocks.block_id and cardinality($1::text[]) > 0
cross join lateral (
  select recorded_at_ms from journal
  where journal.block_id = blocks.block_id and journal.position = coalesce(seen.position, 0) + 1
) as next
where seen.quarantined_because is null
"""


@pytest.mark.anyio
async def test_control_a_doctor_that_asks_only_those_that_have_begun_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "unfollowed", OF_ROWS_ALONE)
    with pytest.raises((AssertionError, ValueError)):
        await check_a_projection_that_has_not_begun(world)


def test_the_doctor_asks_for_all_that_the_projector_keeps() -> None:
    source = inspect.getsource(service)
    assert len(re.findall(r"\w+Projection\(\)", source)) == len(FOLLOWING)
    assert all(f"{name.title()}Projection()" in source for name in FOLLOWING)

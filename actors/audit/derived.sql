-- How far snapshots and projections say that they have followed blocks: so far at least, the rows must be there.
select block_id, max(position) as position
from (
  select block_id, position from snapshots
  union all
  select block_id, position from projection_positions where position > 0
) as derived
where $1::text[] is null or block_id = any($1)
group by block_id

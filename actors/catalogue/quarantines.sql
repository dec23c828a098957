-- name: impose
-- Whether it is new. One that stands keeps its reason; how far it reaches is noted, so that one end settles all of it.
with imposed as (
  insert into quarantines (block_id, position, last_position, imposed_at_ms, imposed_by, why)
  select $1, $2::bigint, $2, (extract(epoch from clock_timestamp()) * 1000)::bigint, $3, $4
  where not exists (select from quarantines where block_id = $1)
  on conflict do nothing
  returning number
),
noted as (
  insert into quarantine_history (number, position, block_id, what, who, why)
  select number, $2, $1, 'imposed', $3, $4 from imposed
),
reached as (
  update quarantines set last_position = $2 where block_id = $1 and last_position < $2
)
select from imposed;

-- name: of
select number, block_id, position, last_position, imposed_at_ms, imposed_by, why, correction is not null as is_ending
from quarantines
where $1::text[] is null or block_id = any($1)
order by block_id;

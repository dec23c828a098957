-- name: impose
-- Whether it is new. One that stands keeps its reason; how far it reaches is noted, so that one end settles all of it.
-- Nothing of that where a cluster newer than $5 has said that it claims the block, and has; null: whoever has.
with newer as (
  select from blocks
  where block_id = $1
    and claiming_generation > $5::bigint
    and (select epoch from journal where block_id = $1 order by position desc limit 1) >> 40 > $5
),
imposed as (
  insert into quarantines (block_id, position, last_position, imposed_at_ms, imposed_by, why)
  select $1, $2::bigint, $2, (extract(epoch from clock_timestamp()) * 1000)::bigint, $3, $4
  where not exists (select from quarantines where block_id = $1) and not exists (select from newer)
  on conflict do nothing
  returning number
),
noted as (
  insert into quarantine_history (number, position, block_id, what, who, why)
  select number, $2, $1, 'imposed', $3, $4 from imposed
),
reached as (
  update quarantines set last_position = $2
  where block_id = $1 and last_position < $2 and not exists (select from newer)
)
select exists (select from imposed) as is_new, exists (select from newer) as is_newer;

-- name: ends_of
select
  coalesce(max(number), 0) as number,
  coalesce(max(position), 0) as up_to,
  exists (select from quarantines where block_id = $1 and correction is not null) as is_ending
from quarantine_history
where block_id = $1 and what = 'ended';

-- name: of
select
  number,
  block_id,
  position,
  last_position,
  imposed_at_ms,
  imposed_by,
  why,
  correction is not null as is_ending,
  coalesce(refused_because, '') as refused_because
from quarantines
where $1::text[] is null or block_id = any($1)
order by block_id;

-- name: wish
-- How the one that stands is to end, and up to which row: what is found later, nobody has looked at who wishes this. While
-- one wish is on its way there is no other: its outcome is to be known first.
update quarantines
set
  correction = coalesce(correction, $2::jsonb || jsonb_build_object('position', last_position)),
  refused_because = null
where block_id = $1 and (correction is null or correction - 'position' = $2::jsonb)
returning number;

-- name: outcome
select
  (select refused_because from quarantines where block_id = $1 and number = $2) as refused_because,
  exists (
    select from quarantine_history where block_id = $1 and number = $2 and what = 'ended'
  ) as has_ended;

-- name: head
select coalesce(max(position), 0) from journal where block_id = $1;

-- name: is_block
select from blocks where block_id = $1;

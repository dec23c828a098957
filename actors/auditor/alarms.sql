-- name: note
-- A new alarm, or that one was seen again; nothing is returned if there is no room for it: $8 of its kind in its block, $9
-- in all. With $10 one that was acknowledged is open again.
insert into audit_alarms (
  block_id, position, what, sentence, mark, old_chain, new_chain, first_seen_at_ms, last_seen_at_ms
)
select $1::text, $2::bigint, $3::text, $4::text, $5::bytea, $6::bytea, $7::bytea, now.ms, now.ms
from (select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms) as now
where exists (select from audit_alarms where block_id = $1 and mark = $5)
  or (
    (select count(*) from audit_alarms where block_id = $1 and what = $3) < $8::bigint
    and (select count(*) from audit_alarms) < $9::bigint
  )
on conflict (block_id, mark) do update
  set
    last_seen_at_ms = excluded.last_seen_at_ms,
    seen_count = audit_alarms.seen_count + 1,
    acknowledged_at_ms = case when not $10::boolean then audit_alarms.acknowledged_at_ms end,
    acknowledged_by = case when not $10 then audit_alarms.acknowledged_by end,
    acknowledged_because = case when not $10 then audit_alarms.acknowledged_because end
returning number;

-- name: make_room
-- Forget the alarm that was acknowledged first: of this kind in this block, or of all if there are $3.
delete from audit_alarms
where number = (
  select number
  from audit_alarms
  where acknowledged_at_ms is not null
    and ((block_id = $1::text and what = $2::text) or (select count(*) from audit_alarms) >= $3::bigint)
  order by acknowledged_at_ms, number
  limit 1
)
returning number;

-- name: kept
-- The alarms that are open, with $1 those that were acknowledged too: $2 at most, rows that are gone first.
select
  number,
  block_id,
  position,
  what,
  sentence,
  old_chain,
  new_chain,
  first_seen_at_ms,
  last_seen_at_ms,
  seen_count,
  coalesce(acknowledged_at_ms, 0) as acknowledged_at_ms,
  coalesce(acknowledged_by, '') as acknowledged_by,
  coalesce(acknowledged_because, '') as acknowledged_because
from audit_alarms
where $1::boolean or acknowledged_at_ms is null
order by old_chain = ''::bytea, number
limit $2::bigint;

-- name: open_counts
-- How many are open by kind.
select what, count(*) as alarm_count from audit_alarms where acknowledged_at_ms is null group by what order by what;

-- name: acknowledge
-- Those in $1 that are open, and all that are up to the number $2.
update audit_alarms
set
  acknowledged_at_ms = (extract(epoch from clock_timestamp()) * 1000)::bigint,
  acknowledged_by = $3,
  acknowledged_because = $4
where acknowledged_at_ms is null and (number = any($1::bigint[]) or number <= $2::bigint)
returning number;

-- name: create
-- What an event's creation fixed. The columns that change are filled by `change` in the same transaction.
insert into availability (
  block_id, tenant, name, currency, created_at_ms, layout, home, split,
  position, as_of_ms, status, capacity, available, held, sold, counts, statuses
)
select block_id, tenant, name, currency, created_at_ms, layout, home, split, 0, 0, 0, 0, 0, 0, 0, '', ''
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::text[], $8::bytea[])
  as new (block_id, tenant, name, currency, created_at_ms, layout, home, split)
on conflict (block_id) do update set
  tenant = excluded.tenant,
  name = excluded.name,
  currency = excluded.currency,
  created_at_ms = excluded.created_at_ms,
  layout = excluded.layout,
  home = excluded.home,
  split = excluded.split;

-- name: change
with changed as (
  update availability
  set
    position = new.position,
    as_of_ms = new.as_of_ms,
    status = new.status,
    capacity = new.capacity,
    available = new.available,
    held = new.held,
    sold = new.sold,
    layout_version = new.layout_version,
    counts = new.counts,
    statuses = new.statuses
  from unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::smallint[], $5::integer[], $6::integer[], $7::integer[],
    $8::integer[], $9::integer[], $10::bytea[], $11::bytea[]
  ) as new (block_id, position, as_of_ms, status, capacity, available, held, sold, layout_version, counts, statuses)
  where availability.block_id = new.block_id
  returning 1
)
select count(*) from changed;

-- name: shown
-- What is shown of these blocks ($1), as of one moment; of those that are no newer than their position of $2, `counts` and
-- `statuses` are null. The latter are as well if they are not asked for ($3). `head` is where a block's journal ends; what
-- goes that far holds all that was acknowledged before `now_ms`.
select
  availability.block_id, availability.position, as_of_ms, tenant, name, status, currency, layout_version, home, split,
  case when availability.position > known.position then counts end as counts,
  case when availability.position > known.position and $3 then statuses end as statuses,
  head.position as head,
  (extract(epoch from statement_timestamp()) * 1000)::bigint as now_ms
from unnest($1::text[], $2::bigint[]) as known (block_id, position)
join availability on availability.block_id = known.block_id
cross join lateral (
  select position from journal where journal.block_id = availability.block_id order by position desc limit 1
) as head;

-- name: layout
select layout_version, layout
from availability
where block_id = $1;

-- name: newest_events
-- A tenant's events before (created_at_ms, block_id), the newest first; of one status, unless $5 is null. What an event's
-- parts have is counted with it, and is as old as the oldest of that.
select
  block_id, tenant, name, status,
  event.capacity + parts.capacity as capacity,
  event.available + parts.available as available,
  created_at_ms,
  least(event.as_of_ms, parts.as_of_ms) as as_of_ms,
  split, parts.count as part_count
from availability as event
cross join lateral (
  select
    coalesce(sum(part.capacity), 0)::integer as capacity,
    coalesce(sum(part.available), 0)::integer as available,
    min(part.as_of_ms) as as_of_ms,
    count(*) as count
  from availability as part
  where event.split <> '' and part.home <> '' and part.home = event.block_id
) as parts
where tenant = $1 and (created_at_ms, block_id) < ($2, $3) and ($5::smallint is null or status = $5) and home = ''
order by created_at_ms desc, block_id desc
limit $4;

-- name: is_known
-- Whether a block that is of no split event that was followed was itself followed, and is no part of another.
select from projection_positions
where projection = 'availability' and block_id = $1 and position > 0
  and not exists (select from availability where block_id = $1 and home <> '');

-- name: splits
-- Every event that is split.
select block_id, split from availability where split <> '';

-- name: create
-- What an event's creation fixed. The columns that change are filled by `change` in the same transaction.
insert into availability (
  block_id, tenant, name, currency, created_at_ms, layout,
  position, as_of_ms, status, capacity, available, held, sold, counts, statuses
)
select block_id, tenant, name, currency, created_at_ms, layout, 0, 0, 0, 0, 0, 0, 0, '', ''
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[])
  as new (block_id, tenant, name, currency, created_at_ms, layout)
on conflict (block_id) do update set
  tenant = excluded.tenant,
  name = excluded.name,
  currency = excluded.currency,
  created_at_ms = excluded.created_at_ms,
  layout = excluded.layout;

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
    counts = new.counts,
    statuses = new.statuses
  from unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::smallint[], $5::integer[], $6::integer[], $7::integer[],
    $8::integer[], $9::bytea[], $10::bytea[]
  ) as new (block_id, position, as_of_ms, status, capacity, available, held, sold, counts, statuses)
  where availability.block_id = new.block_id
  returning 1
)
select count(*) from changed;

-- name: counts
select block_id, tenant, name, status, currency, position, as_of_ms, counts
from availability
where block_id = $1;

-- name: seats
select tenant, position, as_of_ms, layout, statuses
from availability
where block_id = $1;

-- name: newest_events
-- A tenant's events before (created_at_ms, block_id), the newest first.
select block_id, tenant, name, status, capacity, available, created_at_ms, as_of_ms
from availability
where tenant = $1 and (created_at_ms, block_id) < ($2, $3)
order by created_at_ms desc, block_id desc
limit $4;

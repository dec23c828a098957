-- name: begin_generation
select nextval('cluster_generation');

-- name: register
-- A new incarnation of a shard. Those before the last few are of no use to anybody.
with registered as (
  insert into shards (shard, epoch, address, pid) values ($1, $2, $3, $4)
  on conflict (shard, epoch) do update
    set address = excluded.address, pid = excluded.pid, started_at = now(), heartbeat_at = now()
)
delete from shards
where shard = $1 and epoch < (
  select epoch from shards where shard = $1 order by epoch desc offset 8 limit 1
);

-- name: heartbeat
-- One that is so old that its row is gone still learns that it has successors.
with beaten as (
  update shards set heartbeat_at = clock_timestamp(), counters = $3
  where shard = $1 and epoch = $2
)
select
  (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms,
  coalesce(max(epoch), 0) as newest_epoch
from shards
where shard = $1;

-- name: last_heartbeat
select (extract(epoch from heartbeat_at) * 1000)::bigint as heartbeat_at_ms
from shards
where shard = $1 and epoch = $2;

-- name: newest_incarnations
-- The newest incarnation of each shard of the newest generation, and the clock, which is there even if no shard is.
select clock.now_ms, newest.*
from (select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms) as clock
left join (
  select distinct on (shard) shard, epoch, address, pid, counters
  from shards
  where epoch >> 40 = (select max(epoch) >> 40 from shards)
  order by shard, epoch desc
) as newest on true;

-- name: owner
select shard from blocks where block_id = $1;

-- name: assign
-- The first to enter a block decides where it lives; everyone is told.
with entered as (
  insert into blocks (block_id, tenant, shard) values ($1, $2, $3)
  on conflict do nothing
  returning shard
)
select shard from entered
union all
select shard from blocks where block_id = $1
limit 1;

-- name: due_blocks
select block_id
from deadlines
join blocks using (block_id)
where due_at_ms <= $2 and shard = $1
order by due_at_ms
limit $3;

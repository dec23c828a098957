-- name: begin_generation
select nextval('cluster_generation');

-- name: register
-- A new incarnation of a shard, and nothing if it cannot be new: it or a higher one of its generation is known. Of its
-- own generation those before the last few are of no use to anybody, of another generation those that have not beaten
-- for a week: that cluster may be serving while this one waits.
-- Whoever enters something for a shard, here, in `assign` and in `witness_commit`, waits for whoever else does. So while
-- commits wait for replicas, one session a shard waits with them, however often it is tried by whom: the others wait for
-- that one, and end when they are cut off, which a commit that waits does not.
with registered as (
  insert into shards (shard, epoch, address, pid, heartbeat_at_ms)
  select $1, $2::bigint, $3, $4::integer, (extract(epoch from clock_timestamp()) * 1000)::bigint
  from pg_advisory_xact_lock(hashtextextended($1, 0))
  where not exists (select from shards where shard = $1 and epoch >> 40 = $2 >> 40 and epoch >= $2)
  on conflict do nothing
  returning epoch
),
forgotten as (
  delete from shards
  where shard = $1 and (
    epoch >> 40 = $2 >> 40 and epoch < (
      select epoch from shards where shard = $1 and epoch >> 40 = $2 >> 40 order by epoch desc offset 8 limit 1
    )
    or epoch >> 40 <> $2 >> 40
    and heartbeat_at_ms < (extract(epoch from clock_timestamp() - interval '7 days') * 1000)::bigint
  )
)
select epoch from registered;

-- name: heartbeat
-- One that is so old that its row is gone still learns that it has successors in its own generation. The time is the
-- shard's own: where the clock here jumps, a shard that does not believe it beats in the old time until it leaves.
with beaten as (
  update shards set heartbeat_at_ms = $3, counters = $4
  where shard = $1 and epoch = $2
)
select
  (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms,
  coalesce(max(epoch), 0) as newest_epoch
from shards
where shard = $1 and epoch >> 40 = $2 >> 40;

-- name: last_heartbeat
select heartbeat_at_ms
from shards
where shard = $1 and epoch = $2;

-- name: witness_heartbeat
-- The lock makes this a transaction with something to commit: where nobody's commits come through, neither does this.
-- And only one can have it: while commits wait for replicas, each further try waits for the first, and ends when it is
-- cut off, which a commit that waits does not.
select heartbeat_at_ms
from shards
where shard = $1 and epoch = $2
for no key update;

-- name: witness_commit
-- Answered only where something could be entered for the shard. The message is there to be committed; nobody reads it.
select pg_logical_emit_message(true, 'holdfast', '') is not null
from pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: newest_incarnations
-- The newest incarnation of each shard of one generation, and the clock, which is there even if no shard is.
select clock.now_ms, newest.*
from (select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms) as clock
left join (
  select distinct on (shard) shard, epoch, address, pid, counters
  from shards
  where epoch >> 40 = $1
  order by shard, epoch desc
) as newest on true;

-- name: owner
select shard from blocks where block_id = $1;

-- name: homes
select distinct shard from blocks;

-- name: assign
-- The first to enter a block decides where it lives; everyone is told.
with entered as (
  insert into blocks (block_id, tenant, shard)
  select $1, $2, $3
  from pg_advisory_xact_lock(hashtextextended($3, 0))
  where not exists (select from blocks where block_id = $1)
  on conflict do nothing
  returning shard
)
select shard from entered
union all
select shard from blocks where block_id = $1
limit 1;

-- name: due_blocks
select due_at_ms, block_id
from deadlines
join blocks using (block_id)
where shard = $1 and due_at_ms <= $2 and (due_at_ms, block_id) > ($3, $4)
order by due_at_ms, block_id
limit $5;

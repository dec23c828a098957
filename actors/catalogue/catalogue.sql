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
  coalesce(max(epoch), 0) as newest_epoch,
  (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'block', block_id,
          'number', number,
          'correct', jsonb_build_object('position', last_position)  -- of a wish that does not say, from a build before
            || correction || jsonb_build_object('quarantine', number, 'since_ms', imposed_at_ms)
        )
      ),
      '[]'
    )
    from quarantines
    join blocks using (block_id)
    where blocks.shard = $1
  ) as quarantined,
  exists (
    select from shards where epoch >> 40 = $2 >> 40 and (counters ->> 'row_count')::bigint > 0
  ) as is_cut_over
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

-- name: wants_successor
select coalesce((counters ->> 'wants_successor')::boolean, false) as wants_successor
from shards
where shard = $1 and epoch = $2;

-- name: witness_commit
-- Answered only where something could be entered for the shard. The message is there to be committed; nobody reads it.
select pg_logical_emit_message(true, 'holdfast', '') is not null
from pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: newest_incarnations
-- The newest incarnation of each shard of one generation, and the clock, which is there even if no shard is. A shard
-- whose newest number no process bears (`retire`) is gone.
select clock.now_ms, newest.*, coalesce(fleet.state = 'leaving', false) as is_leaving
from (select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms) as clock
left join (
  select distinct on (shard) shard, epoch, address, pid, counters
  from shards
  where epoch >> 40 = $1
  order by shard, epoch desc
) as newest on newest.address <> ''
left join fleet using (shard);

-- name: highest_epochs
select shard, max(epoch) as epoch
from shards
where epoch >> 40 = $1
group by shard;

-- name: owner
select shard from blocks where block_id = $1;

-- name: owners
select block_id, shard from blocks where block_id = any($1);

-- name: assignment
select
  shard,
  assigned_epoch,
  former_shard,
  moved_at_ms,
  exists (select from quarantines where quarantines.block_id = $1) as is_quarantined,
  claiming_generation
from blocks
where block_id = $1;

-- name: claim
-- From now on no older cluster moves the block away: it waits here for whoever does. No commit is waited for, as the row
-- that claims the block in the journal comes behind this one in Postgres' log.
update blocks
set claiming_generation = $3
from set_config('synchronous_commit', 'off', true)
where block_id = $1 and shard = $2 and claiming_generation < $3;

-- name: assign
-- The first to enter a block decides where it lives; everyone is told. Nothing is entered for a shard that leaves: whoever
-- says that it leaves waits for those who are just entering something for it.
with open as (
  select shard
  from fleet
  where shard = $3 and state in ('joining', 'serving') and not exists (select from blocks where block_id = $1)
  for share
),
entered as (
  insert into blocks (block_id, tenant, shard)
  select $1, $2, $3
  from pg_advisory_xact_lock(hashtextextended($3, 0))
  where not exists (select from blocks where block_id = $1)
    and (exists (select from open) or not exists (select from fleet where shard = $3))
  on conflict do nothing
  returning shard
)
select shard from entered
union all
select shard from blocks where block_id = $1
limit 1;

-- name: moves
-- What is to come to a shard, and what is to go from it to one that beats; none that `carry_out` would refuse.
select block_id, shard, moving_to, version
from blocks
where moving_to is not null
and (assigned_epoch >> 40 < $2 or assigned_epoch >> 40 = $2 and assigned_epoch >> 28 & 4095 < 4095)
and claiming_generation <= $2
and (
  moving_to = $1
  or shard = $1 and exists (
    select
    from shards
    where shards.shard = moving_to
      and shards.epoch >> 40 = $2
      and shards.heartbeat_at_ms > (extract(epoch from clock_timestamp() - interval '3 seconds') * 1000)::bigint
  )
)
order by block_id
limit $3;

-- name: carry_out
-- Once, whoever does it; and by no cluster that is older than one that has moved, claimed or written the block. The moves
-- are counted anew in each generation, above build and incarnation, so that the new owner's epoch is the highest. Who
-- moves something from a shard waits for whoever else does, as in `register`.
update blocks
set
  shard = moving_to,
  moving_to = null,
  version = version + 1,
  former_shard = shard,
  assigned_epoch = greatest(assigned_epoch, $5::bigint << 40) + (1::bigint << 28),
  moved_at_ms = (extract(epoch from clock_timestamp()) * 1000)::bigint,
  let_go_at_ms = $6
from pg_advisory_xact_lock(hashtextextended($2, 0))
where block_id = $1 and shard = $2 and moving_to = $3 and version = $4
  and assigned_epoch >> 40 <= $5
  and (assigned_epoch >> 40 < $5 or assigned_epoch >> 28 & 4095 < 4095)
  and claiming_generation <= $5
  and not exists (
    select
    from (select epoch from journal where block_id = $1 order by position desc limit 1) as head
    where head.epoch >> 40 > $5
  )
returning version;

-- name: end_quarantine
-- What was found behind the row up to which it is settled has not been looked at: the quarantine stands, as another. So
-- does one that was imposed since this one ended.
with renewed as (
  update quarantines
  set number = default, position = last_position, correction = null
  where block_id = $1 and number = $2 and last_position > $3
  returning number, last_position, imposed_by, why
),
ended as (
  delete from quarantines where block_id = $1 and number = $2 and last_position <= $3 returning number
),
noted as (
  insert into quarantine_history (number, position, block_id, what, who, why)
  select $2, $3, $1, 'ended', $4, $5 where exists (select from renewed) or exists (select from ended)
  union all
  select number, last_position, $1, 'imposed', imposed_by, why from renewed
  returning what
)
select what from noted
union all
select 'imposed' from quarantines where block_id = $1 and number <> $2;

-- name: refuse_correction
update quarantines set correction = null, refused_because = $3 where block_id = $1 and number = $2;

-- name: due_blocks
select due_at_ms, block_id
from deadlines
join blocks using (block_id)
where shard = $1 and due_at_ms <= $2 and (due_at_ms, block_id) > ($3, $4)
order by due_at_ms, block_id
limit $5;

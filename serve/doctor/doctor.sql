-- name: blocks
-- Blocks with rows, of the catalogue, whose last row is not older than $1; and how many rows each has: of one that is in an
-- archive, those behind the row that it ends with, if there are any.
select blocks.block_id, head.position - coalesce(archived_blocks.position, 0) as row_count
from blocks
left join archived_blocks on archived_blocks.block_id = blocks.block_id
cross join lateral (
  select position, recorded_at_ms from journal where journal.block_id = blocks.block_id order by position desc limit 1
) as head
where head.recorded_at_ms >= $1 and head.position > coalesce(archived_blocks.position, 0)
order by blocks.block_id;

-- name: rows
select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain
from journal
where block_id = $1 and position > $2
order by position
limit $3;

-- name: put_away
-- Blocks whose rows are in an archive, and whether the one that it ends with, and nothing before that, is here.
select
  archived_blocks.block_id,
  archived_blocks.position,
  coalesce(journal.chain = archived_blocks.chain, false)
  and not exists (
    select from journal as before
    where before.block_id = archived_blocks.block_id and before.position < archived_blocks.position
  ) as is_sound
from archived_blocks
left join journal on journal.block_id = archived_blocks.block_id and journal.position = archived_blocks.position
order by archived_blocks.block_id;

-- name: archived_at
-- The last row that an archive has of a block, which is in the journal too; no row: it has none.
select position from archived_blocks where block_id = $1;

-- name: archived
select block_id from archived_blocks order by block_id;

-- name: kept_snapshot
-- The snapshot that stands for the rows of an archived block, if it is of format $2; which formats there are at its place;
-- the chain of the row there; and whether its bytes are those that were kept, as far as that was noted.
select
  archived_blocks.block_id,
  place.position,
  archived_blocks.erased_at is not null as is_erased,
  kept.chain,
  kept.state,
  coalesce(sha256(kept.state) = archived_blocks.snapshot_hash, true) as is_the_one,
  array(
    select format from snapshots
    where snapshots.block_id = archived_blocks.block_id and snapshots.position = place.position
    order by format
  ) as formats,
  (
    select chain from journal
    where journal.block_id = archived_blocks.block_id and journal.position = place.position
  ) as row_chain
from archived_blocks
cross join lateral (
  select archived_blocks.position + case when archived_blocks.erased_at is null then 0 else 1 end as position
) as place
left join snapshots as kept
  on kept.block_id = archived_blocks.block_id and kept.position = place.position and kept.format = $2
where archived_blocks.block_id = $1;

-- name: snapshots
-- Of a block, in a format, above a row.
select position, chain, format, state
from snapshots
where block_id = $1 and format = $2 and position > $3
order by position;

-- name: row_chain
select chain from journal where block_id = $1 and position = $2;

-- name: delete_snapshot
-- Only the very one that was found to be of no use: its shard may have written it anew.
delete from snapshots
where block_id = $1 and format = $2 and position = $3 and chain = $4 and state = $5
returning position;

-- name: quarantined
select block_id, min(quarantined_because) as because, string_agg(projection, ', ' order by projection) as projections
from projection_positions
where quarantined_because is not null
group by block_id
order by block_id;

-- name: unfollowed
-- What is not followed to its end by one of the projections $1, whether it has begun with the block or not. Since when.
select
  count(*) as block_count,
  (extract(epoch from clock_timestamp()) * 1000)::bigint - min(next.recorded_at_ms) as lag_ms
from blocks
cross join unnest($1::text[]) as wanted (projection)
left join projection_positions as seen
  on seen.projection = wanted.projection and seen.block_id = blocks.block_id
cross join lateral (
  select recorded_at_ms
  from journal
  where journal.block_id = blocks.block_id and journal.position = coalesce(seen.position, 0) + 1
) as next
where seen.quarantined_because is null;

-- name: tenants
select distinct tenant from blocks order by tenant;

-- name: paid_orders
-- Of these blocks: how many orders that were ever paid are listed of each; those that came to nothing have ended, $2 are
-- not paid yet.
select block_id, count(*) as paid_count
from listed_orders
where block_id = any($1::text[]) and ended_at_ms is null and status <> $2
group by block_id
order by paid_count desc, block_id;

-- name: incarnations
-- Every incarnation that is known, the newest of its shard and generation first.
select
  shard,
  epoch,
  address,
  heartbeat_at_ms,
  (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms,
  (extract(epoch from clock_timestamp() - started_at) * 1000)::bigint as age_ms
from shards
order by shard, epoch desc;

-- name: stopped_blocks
-- Of the incarnations that beat: how many blocks each does not serve that nobody has told it not to.
select shard, (counters ->> 'quarantined_count')::bigint - told.count as stopped_count
from shards
cross join lateral (
  select count(*) from quarantines join blocks using (block_id) where blocks.shard = shards.shard
) as told
where (counters ->> 'quarantined_count')::bigint > told.count
  and heartbeat_at_ms > (extract(epoch from clock_timestamp() - interval '5 seconds') * 1000)::bigint
order by shard;

-- name: heads
-- The last row's epoch of each block, and whose the block is.
select blocks.block_id, blocks.shard, blocks.assigned_epoch, head.epoch
from blocks
cross join lateral (
  select epoch from journal where journal.block_id = blocks.block_id order by position desc limit 1
) as head;

-- name: owners
select shard, count(*) as block_count from blocks group by shard order by shard;

-- name: forget_the_dead
-- As whoever registers does (`register`), also of shards that never will again: no cluster of theirs has beaten for a
-- week. Numbers of the newest generation stay used.
delete from shards
where epoch >> 40 < (select max(epoch >> 40) from shards)
  and heartbeat_at_ms < (extract(epoch from clock_timestamp() - interval '7 days') * 1000)::bigint
returning shard;

-- name: now_ms
select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms;

-- name: durability
select
  current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_standby_names') as standby_names,
  (select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')) as synchronous_count,
  array(
    select distinct coalesce(substring(application_name from ' synchronous_commit=(.*)'), 'unknown')
    from pg_stat_activity
    where datname = current_database() and application_name ~ '^holdfast-.*-commit( |$)'
  ) as commits;

-- name: replicas
-- But for who receives the log for a backup of ours, or copies its base.
select
  application_name,
  coalesce(state, 'unknown') as state,
  coalesce(sync_state, 'unknown') as sync_state,
  coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn), -1)::bigint as behind_bytes
from pg_stat_replication
where coalesce(state, '') <> 'backup'
  and not exists (
    select from pg_replication_slots as slot
    where slot.active_pid = pg_stat_replication.pid and starts_with(slot.slot_name::text, $1::text)
  )
order by application_name;

-- name: waiting_commits
-- Of commits that have waited for a replica for $1 seconds, whatever the database: how many, and for how long.
select count(*) as session_count, max(extract(epoch from clock_timestamp() - state_change))::bigint as longest_s
from pg_stat_activity
where wait_event = 'SyncRep' and state_change < clock_timestamp() - $1::bigint * interval '1 second';

-- name: backup_slots
-- Of backups: whether Postgres still has all that is not received yet, whether somebody receives, from where on and how
-- much is not.
select
  slot_name,
  active,
  coalesce(wal_status, 'lost') as wal_status,
  restart_lsn::text as received_lsn,
  coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint as behind_bytes
from pg_replication_slots
where starts_with(slot_name::text, $1::text)
order by slot_name;

-- name: applied_migrations
select name, checksum from applied_migrations order by name;

-- name: long_transactions
-- The oldest first. Those of Postgres's own processes end by themselves.
select
  pid,
  application_name,
  coalesce(state, '') as state,
  extract(epoch from clock_timestamp() - xact_start)::bigint as age_s
from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() and datname = current_database()
  and xact_start < clock_timestamp() - $1::bigint * interval '1 second'
order by xact_start;

-- name: prepared_transactions
select gid, extract(epoch from clock_timestamp() - prepared)::bigint as age_s
from pg_prepared_xacts
where database = current_database() and prepared < clock_timestamp() - $1::bigint * interval '1 second'
order by prepared;

-- name: wraparound
select greatest(age(datfrozenxid), mxid_age(datminmxid)) as age from pg_database where datname = current_database();

-- name: size
select pg_database_size(current_database()) as size_bytes;

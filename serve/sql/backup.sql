-- name: slot
select wal_status, active from pg_replication_slots where slot_name = $1;

-- name: create_slot
-- Postgres keeps its log from now on until it is received.
select pg_create_physical_replication_slot($1, true);

-- name: other_slots
-- Those of backups but for this one's, $2.
select slot_name, active
from pg_replication_slots
where starts_with(slot_name::text, $1::text) and slot_name <> $2
order by slot_name;

-- name: drop_slot
select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active;

-- name: mark
-- Every commit that was acknowledged before this has its place in the log before this.
select pg_create_restore_point($1)::text as lsn, (extract(epoch from clock_timestamp()) * 1000)::bigint as at_ms;

-- name: file_of
select pg_walfile_name($1::text::pg_lsn - 1);

-- name: end_file
select pg_switch_wal();

-- name: archiver
-- Whether the log is archived by a command, and has been up to this file.
select
  current_setting('archive_mode') <> 'off' as goes_on,
  coalesce(last_archived_wal ~ '^[0-9A-F]{24}' and left(last_archived_wal, 24) >= $1, false) as has_file
from pg_stat_archiver;

-- name: beating
-- A shard that beats now.
select shard from shards
where heartbeat_at_ms > (extract(epoch from clock_timestamp() - interval '10 seconds') * 1000)::bigint
limit 1;

-- name: change_password
-- The statement that does it.
select format('alter role %I password %L', current_user, $1::text);

-- name: raise_generation
-- The next cluster is newer than all that has written here, by $1 and up to as many more: the history that this is a copy
-- of may have gone on, and been restored to the same place before.
with recursive found as (
  (select block_id from journal order by block_id limit 1)
  union all
  select (select journal.block_id from journal where journal.block_id > found.block_id order by block_id limit 1)
  from found
  where found.block_id is not null
),
known as (
  select greatest(
    (select last_value from cluster_generation),
    (select max(epoch >> 40) from shards),
    (select max(assigned_epoch >> 40) from blocks),
    (
      select max(head.epoch >> 40)
      from found
      cross join lateral (
        select epoch from journal where journal.block_id = found.block_id order by position desc limit 1
      ) as head
    ),
    1
  ) as generation
)
select setval('cluster_generation', generation + $1::integer + floor(random() * $1::integer)::integer) from known;

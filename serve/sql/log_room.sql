-- name: held
-- Slots of backups that more than $2 bytes of the log wait for.
select slot_name, behind_bytes
from (
  select slot_name, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint as behind_bytes
  from pg_replication_slots
  where starts_with(slot_name::text, $1::text)
) as slots
where behind_bytes > $2
order by slot_name;

-- name: is_there
select exists (select from pg_replication_slots where slot_name = $1);

-- name: end_receiving
-- Whoever receives by it, also one that hangs.
select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active;

-- name: drop
select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active;

-- name: make_room
checkpoint;

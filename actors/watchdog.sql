-- name: signs
-- Of the sessions of this name: how many there are; when one of them last asked or was answered, null where this role may
-- not see that; and whether Postgres is at work for one that still waits for it: no line waits for longer than 30 s.
select
  count(*) as session_count,
  max(state_change) as changed_at,
  coalesce(bool_or(state = 'active' and state_change > clock_timestamp() - interval '35 seconds'), false) as is_awaited
from pg_stat_activity
where datname = current_database() and application_name = $1;

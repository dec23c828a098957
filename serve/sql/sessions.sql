-- name: sessions
-- Of each of these names: whether any shard beats, whether there is a session of the name, and for how many seconds none of
-- them has asked or been answered; null where this role may not see that.
select
  wanted.name,
  exists (
    select from shards
    where heartbeat_at_ms > (extract(epoch from clock_timestamp() - interval '5 seconds') * 1000)::bigint
  ) as is_served,
  count(session.pid) > 0 as is_connected,
  extract(epoch from clock_timestamp() - max(session.state_change))::float8 as silent_s
from unnest($1::text[]) with ordinality as wanted (name, place)
left join pg_stat_activity as session
  on session.datname = current_database() and session.application_name = wanted.name
group by wanted.name, wanted.place
order by wanted.place;

-- name: wish
-- That these blocks go to these shards, which are to stay. Whoever says that one leaves waits for the wish to stand.
with open as (
  select shard
  from fleet
  where shard = any($2::text[]) and state in ('joining', 'serving')
  for share
)
update blocks
set moving_to = nullif(open.shard, blocks.shard)
from unnest($1::text[], $2::text[]) as wanted (block_id, to_shard)
join open on open.shard = wanted.to_shard
where blocks.block_id = wanted.block_id
  and blocks.moving_to is distinct from nullif(open.shard, blocks.shard)
  and (blocks.moving_to is null or $3);

-- name: whereabouts
select block_id, tenant, shard, version, moving_to, assigned_epoch, former_shard, moved_at_ms, let_go_at_ms
from blocks
where block_id = $1;

-- name: claimed
-- When the block was last written to before it was moved, and first after that. Of the last rows: a block that sells has
-- hundreds a second.
select
  max(recorded_at_ms) filter (where epoch < $2) as before_ms,
  min(recorded_at_ms) filter (where epoch >= $2) as after_ms
from (
  select epoch, recorded_at_ms from journal where block_id = $1 order by position desc limit 5000
) as tail;

-- name: blocks
-- A page of all blocks, or of those of one shard.
select block_id, tenant, shard, version, moving_to
from blocks
where block_id > $1 and ($2 = '' or shard = $2)
order by block_id
limit $3;

-- name: moving_count
select count(*) from blocks where moving_to is not null and ($1::text[] is null or block_id = any($1));

-- name: found
-- The first fleet: these shards, and whichever have blocks.
insert into fleet (shard, state)
select shard, 'serving'
from (select unnest($1::text[]) union select shard from blocks) as known (shard)
where not exists (select from fleet)
on conflict do nothing;

-- name: fleet
select shard, state from fleet where state <> 'gone' order by shard;

-- name: resize
-- From now on these are to stay, and whichever else there are to leave. Who comes back joins anew.
with staying as (
  insert into fleet (shard, state)
  select shard, 'joining' from unnest($1::text[]) as wanted (shard) order by shard
  on conflict (shard) do update set state = 'joining' where fleet.state in ('leaving', 'gone')
)
update fleet set state = 'leaving' where shard <> all($1::text[]) and state in ('joining', 'serving');

-- name: has_joined
update fleet set state = 'serving' where shard = $1 and state = 'joining';

-- name: retire
-- A shard that is to leave and has nothing left. Its next number goes to nobody: whoever serves as it learns that it is
-- replaced, and the number stays used should the shard come back.
with emptied as (
  update fleet set state = 'gone'
  where shard = $1 and state = 'leaving'
    and not exists (select from blocks where shard = $1)
    and not exists (select from blocks where moving_to = $1)
  returning shard
),
ended as (
  insert into shards (shard, epoch, address, pid, heartbeat_at_ms)
  select emptied.shard, max(shards.epoch) + 1, '', 0, 0
  from emptied
  join shards on shards.shard = emptied.shard and shards.epoch >> 40 = $2
  group by emptied.shard
)
select shard from emptied;

-- name: shards
-- Each shard of the fleet, what the newest cluster that beats says of it, and how many blocks it has.
with generation as (
  select coalesce(
    max(epoch >> 40) filter (where heartbeat_at_ms > (extract(epoch from clock_timestamp() - interval '10 seconds') * 1000)),
    max(epoch >> 40)
  ) as newest
  from shards
)
select
  fleet.shard,
  fleet.state,
  serving.epoch,
  serving.pid,
  serving.counters,
  (extract(epoch from clock_timestamp()) * 1000)::bigint - serving.heartbeat_at_ms as silent_ms,
  (select count(*) from blocks where blocks.shard = fleet.shard) as block_count,
  (select count(*) from blocks where blocks.moving_to = fleet.shard) as coming_count,
  serving.address
from fleet
left join lateral (
  select epoch, pid, counters, heartbeat_at_ms, address
  from shards, generation
  where shards.shard = fleet.shard and shards.epoch >> 40 = generation.newest and address <> ''
  order by epoch desc
  limit 1
) as serving on true
where fleet.state <> 'gone'
order by length(fleet.shard), fleet.shard;

-- name: session_limit
select current_setting('max_connections')::integer;

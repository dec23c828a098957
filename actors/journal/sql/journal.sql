-- name: introduce
-- Postgres shows others a session's name and none of its settings. So that they see how this one commits, whatever a
-- role, a database or a pooler has made of what was asked for, it adds to its name what holds for it.
select set_config(
  'application_name',
  current_setting('application_name') || ' synchronous_commit=' || current_setting('synchronous_commit'),
  false
);

-- name: append
-- Compare and append. A row goes in only if it follows its block's head and extends that head's chain ($9: the chain
-- before a first row), as the statement's snapshot shows the head; if another writer gets there between, the primary
-- key stops us. Ordered, so that two appends wait for each other in one direction only.
with appended as (
  insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, entries, chain)
  select new.block_id, new.position, new.epoch, new.recorded_at_ms, new.entry_count, new.entries, new.chain
  from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bytea[], $7::bytea[], $8::bytea[])
    as new (block_id, position, epoch, recorded_at_ms, entry_count, entries, chain, prev_chain)
  where coalesce(
    (
      select head.position = new.position - 1 and head.chain = new.prev_chain
      from journal as head
      where head.block_id = new.block_id
      order by head.position desc
      limit 1
    ),
    new.position = 1 and new.prev_chain = $9
  )
  order by new.block_id collate "C"
  on conflict do nothing
  returning block_id
)
select
  array(select block_id from appended) as block_ids,
  (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms;

-- name: already_there
-- Which of these rows are there under the same chain. The lock makes this a transaction with something to commit, so
-- that it waits for the replicas as an append does: a row may be visible whose own wait for them was cut short, and so
-- whoever has only read a row asks likewise. And only one can have it, so that however often the rows are sent, one session waits for the replicas, and the others for
-- it. Ordered, as an append is.
select block_id
from journal
join unnest($1::text[], $2::bigint[], $3::bytea[]) as sent (block_id, position, chain) using (block_id, position)
where journal.chain = sent.chain
order by block_id collate "C"
for no key update of journal;

-- name: heads
select clock.now_ms, head.block_id, head.position, head.epoch, head.chain
from (select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms) as clock
left join (
  select last.*
  from unnest($1::text[]) as wanted (block_id)
  cross join lateral (
    select block_id, position, epoch, chain
    from journal
    where journal.block_id = wanted.block_id
    order by position desc
    limit 1
  ) as last
) as head on true;

-- name: rows
-- The last row is the one with which the entries come to $4 bytes. How many a row has is known without reading them.
select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain
from (
  select
    following.*,
    sum(octet_length(entries)) over (order by position rows between unbounded preceding and 1 preceding) as bytes_before
  from (
    select *
    from journal
    where block_id = $1 and position > $2
    order by position
    limit $3
  ) as following
) as measured
where bytes_before is null or bytes_before < $4
order by position;

-- name: save_snapshot
-- Keeps this snapshot, the newest one below it, and the one that stands for rows that are in an archive. Snapshots above
-- it, if any, are not this writer's to judge. Of the formats before, the last is kept for who goes back to it. Of an event
-- that is erased nothing is saved: who has it in memory may know more than is to be kept.
with saved as (
  insert into snapshots (block_id, position, chain, format, state)
  select $1::text, $2::bigint, $3::bytea, $4::integer, $5::bytea
  where not exists (select from archived_blocks where block_id = $1 and erased_at is not null)
  on conflict (block_id, format, position) do update
    set chain = excluded.chain, state = excluded.state, saved_at = excluded.saved_at
)
delete from snapshots
where block_id = $1
  and (
    format < $4 - 1
    or format = $4 and position < (
      select position
      from snapshots
      where block_id = $1 and format = $4 and position < $2
      order by position desc
      limit 1
    )
  )
  and not exists (
    select from archived_blocks
    where archived_blocks.block_id = snapshots.block_id
      and (archived_blocks.position = snapshots.position or erased_at is not null)
  );

-- name: newest_snapshot
select snapshots.block_id, position, snapshots.chain, snapshots.format, snapshots.state
from snapshots
join journal using (block_id, position)
where block_id = $1 and format = $2 and position <= $3 and journal.chain = snapshots.chain
order by position desc
limit 1;

-- name: now_ms
select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms;

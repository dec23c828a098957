-- name: finished
-- Home blocks of events that are archived and were not written to since a time, with rows to put away: nothing is put away
-- of them yet, or they were written to since it was.
with written_behind as (
  select archived_blocks.home
  from archived_blocks
  cross join lateral (
    select position, recorded_at_ms from journal
    where journal.block_id = archived_blocks.block_id
    order by position desc
    limit 1
  ) as head
  where archived_blocks.erased_at is null
  group by archived_blocks.home
  having bool_or(head.position > archived_blocks.position) and max(head.recorded_at_ms) < $2
)
select availability.block_id
from availability
cross join lateral (
  select position, recorded_at_ms from journal
  where journal.block_id = availability.block_id
  order by position desc
  limit 1
) as head
where availability.status = $1 and availability.home = '' and head.recorded_at_ms < $2
  and (
    exists (
      select from journal where journal.block_id = availability.block_id and journal.position = 1 and head.position > 1
    )
    or availability.block_id in (select home from written_behind)
  )
order by availability.block_id;

-- name: unsettled
-- One of these blocks that somebody is still to look at: quarantined (alarm 0), or with an alarm that is open.
select block_id, 0::bigint as alarm from quarantines where block_id = any($1::text[])
union all
select block_id, number from audit_alarms where block_id = any($1) and acknowledged_at_ms is null
order by alarm, block_id
limit 1;

-- name: event_of
-- The home of the event that has this block as its home or a part, and since when it is erased; no row: there is none.
select
  coalesce(archived_blocks.home, nullif(availability.home, ''), availability.block_id) as home,
  archived_blocks.erased_at
from (select $1::text as block_id) as named
left join availability using (block_id)
left join archived_blocks using (block_id)
where availability.block_id is not null or archived_blocks.block_id is not null;

-- name: take_turn
select pg_advisory_xact_lock(hashtextextended('holdfast.archive ' || $1, 0));

-- name: take_all_turns
select pg_try_advisory_lock(hashtextextended('holdfast.retention', 0));

-- name: head
select position, chain, recorded_at_ms from journal where block_id = $1 order by position desc limit 1;

-- name: now_ms
select (extract(epoch from clock_timestamp()) * 1000)::bigint;

-- name: rows
select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain
from journal
where block_id = $1 and position <= $2
order by position;

-- name: rows_behind
select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain
from journal
where block_id = $1 and position > $2 and position <= $3
order by position
limit $4;

-- name: put_away
select position, chain, archive, erased_at from archived_blocks where block_id = $1;

-- name: followed
-- Whether every projection has followed the block to this row, and is not stopped.
select coalesce(bool_and(position = $2 and chain = $3 and quarantined_because is null), false)
from projection_positions
where block_id = $1;

-- name: save_snapshot
insert into snapshots (block_id, position, chain, format, state)
values ($1, $2, $3, $4, $5)
on conflict (block_id, format, position) do update
  set chain = excluded.chain, state = excluded.state, saved_at = excluded.saved_at;

-- name: drop_other_snapshots
delete from snapshots where block_id = $1 and (position, format) <> ($2, $3);

-- name: remember
insert into archived_blocks (block_id, home, position, chain, archive, snapshot_hash)
values ($1, $2, $3, $4, $5, sha256($6))
on conflict (block_id) do update
  set position = excluded.position,
    chain = excluded.chain,
    archive = excluded.archive,
    snapshot_hash = excluded.snapshot_hash;

-- name: note_snapshot
update archived_blocks set snapshot_hash = sha256($2) where block_id = $1;

-- name: drop_rows
delete from journal where block_id = $1 and position < $2;

-- name: chain_at
select chain from journal where block_id = $1 and position = $2;

-- name: first_position
select min(position) from journal where block_id = $1;

-- name: first_row
select position, chain from journal where block_id = $1 order by position limit 1;

-- name: forget
delete from archived_blocks where block_id = $1;

-- name: quiet_unarchived
-- Events that are not archived though nobody has written to them since a time, by status.
select availability.status, count(*)::integer as event_count
from availability
cross join lateral (
  select recorded_at_ms from journal
  where journal.block_id = availability.block_id
  order by position desc
  limit 1
) as head
where availability.status <> $1 and availability.home = '' and head.recorded_at_ms < $2
group by availability.status
order by availability.status;

-- name: erasable
-- Home blocks of events that are put away and were not written to since a time.
select home
from archived_blocks
cross join lateral (
  select recorded_at_ms from journal
  where journal.block_id = archived_blocks.block_id
  order by position desc
  limit 1
) as head
where erased_at is null
group by home
having max(head.recorded_at_ms) < $1
order by home;

-- name: archives_of_erased
-- Which of these files are of events that are erased.
select distinct home, archive from archived_blocks where erased_at is not null and archive = any($1::text[]) order by home;

-- name: blocks_of_event
select block_id, position, chain, archive from archived_blocks where home = $1 order by block_id;

-- name: desk_behind
-- A desk of the event's tenant that has had something to do since before a time, and has not done it: perhaps with a leg
-- of the event.
select waiting.block_id
from deadlines
join blocks as waiting on waiting.block_id = deadlines.block_id
join blocks as home on home.tenant = waiting.tenant
where deadlines.due_at_ms < $2 and home.block_id = $1
  and not exists (select from availability where availability.block_id = waiting.block_id)
order by waiting.block_id
limit 1;

-- name: last_row
select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain
from journal
where block_id = $1
order by position desc
limit 1;

-- name: epoch_of_move
-- Of one move more than there were, by nobody's incarnation: see `Epoch`. $2: of the block's last row.
select greatest(max(assigned_epoch), $2::bigint >> 28 << 28) + (1::bigint << 28) from blocks where block_id = $1;

-- name: assign_anew
update blocks set assigned_epoch = $2 where block_id = $1;

-- name: close_history
-- The last row of all: whoever has the block in memory does not speak for it any more.
insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, entries, chain)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: move_positions
-- It changes nothing that is derived.
update projection_positions set position = $2, chain = $3 where block_id = $1;

-- name: move_availability
update availability set position = $2 where block_id = $1;

-- name: move_listing
update listings set position = $2 where block_id = $1;

-- name: drop_holds
delete from listed_holds where block_id = $1;

-- name: drop_orders
delete from listed_orders where block_id = $1;

-- name: mark_erased
update archived_blocks set erased_at = clock_timestamp() where home = $1;

-- name: forget_alarms
-- What the audit found in blocks of events that are erased, and what somebody said to it: either may name who had what.
-- What nobody has looked at yet stays until somebody has. $1: of this event; null: of all.
delete from audit_alarms
using archived_blocks
where audit_alarms.block_id = archived_blocks.block_id and archived_blocks.erased_at is not null
  and ($1::text is null or archived_blocks.home = $1) and audit_alarms.acknowledged_at_ms is not null;

-- name: forget_why
-- Likewise why such blocks were quarantined, and why no longer: that they were, when, and by whom stays.
update quarantine_history set why = ''
from archived_blocks
where quarantine_history.block_id = archived_blocks.block_id and archived_blocks.erased_at is not null
  and ($1::text is null or archived_blocks.home = $1) and quarantine_history.why <> '';

-- name: unread
-- Archived blocks that have rows in an archive alone, or nowhere, and no snapshot of format $1 that stands for them: how
-- many, how many of those are erased, and one of each.
select
  count(*) as block_count,
  count(*) filter (where erased_at is not null) as erased_count,
  min(home) filter (where erased_at is null) as put_away,
  min(home) filter (where erased_at is not null) as erased
from archived_blocks
where not exists (
  select from snapshots
  where snapshots.block_id = archived_blocks.block_id and format = $1
    and snapshots.position = archived_blocks.position + case when erased_at is null then 0 else 1 end
);

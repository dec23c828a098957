-- name: behind
-- Blocks whose journal has moved beyond a projection: among up to $2 blocks of the catalogue behind $1, and among $3.
-- `page_end` is where the next page begins, null after the last one.
with page as (
  select block_id from blocks where block_id > $1 order by block_id limit $2
),
candidates as (
  select block_id from page
  union
  select unnest($3::text[])
)
select
  array(
    select candidates.block_id
    from candidates
    cross join lateral (
      select position from journal where journal.block_id = candidates.block_id order by position desc limit 1
    ) as head
    where exists (
      select
      from unnest($4::text[]) as wanted (projection)
      left join projection_positions as seen
        on seen.projection = wanted.projection and seen.block_id = candidates.block_id
      where seen.block_id is null or (seen.position <> head.position and seen.quarantined_because is null)
    )
    order by candidates.block_id
  ) as behind,
  (select max(block_id) from page having count(*) = $2) as page_end;

-- name: positions
select projection, block_id, position, chain, quarantined_because
from projection_positions
where projection = any($1::text[]) and block_id = any($2::text[]);

-- name: begin
-- Ordered, like all that takes rows of this table, so that two projectors wait for each other in one direction only.
insert into projection_positions (projection, block_id, position, chain)
select projection, block_id, 0, $3
from unnest($1::text[], $2::text[]) as missing (projection, block_id)
order by block_id, projection
on conflict do nothing;

-- name: rows
-- Up to $3 rows of each block behind a position: the first of all blocks, then the second, and so on. The last row is
-- the one with which the entries come to $4 bytes. What was acknowledged before `read_at_ms` is in the journal by then.
select
  (extract(epoch from statement_timestamp()) * 1000)::bigint as read_at_ms,
  block_id, position, epoch, recorded_at_ms, entry_count, entries, chain
from (
  select
    following.*,
    following.position - wanted.position as distance,
    sum(octet_length(entries)) over (
      order by following.position - wanted.position, following.block_id
      rows between unbounded preceding and 1 preceding
    ) as bytes_before
  from unnest($1::text[], $2::bigint[]) as wanted (block_id, position)
  cross join lateral (
    select *
    from journal
    where journal.block_id = wanted.block_id and journal.position > wanted.position
    order by position
    limit $3
  ) as following
) as measured
where bytes_before is null or bytes_before < $4
order by distance, block_id;

-- name: move
-- Compare and set: positions move only from where this projector saw them, quarantined or not, which ends with that. A
-- block not returned was moved or stopped by another, or the row that was read has gone since, lost by a failover.
-- Looked up one by one, in order: without statistics a join would look at every block of the projection.
with mine as (
  select moved.block_id, moved.to_position, moved.to_chain
  from (
    select *
    from unnest($2::text[], $3::bigint[], $4::bytea[], $5::text[], $6::bigint[], $7::bytea[])
      as step (block_id, from_position, from_chain, quarantined_because, to_position, to_chain)
    order by block_id collate "C"
  ) as moved
  cross join lateral (
    select
    from projection_positions as seen
    where seen.projection = $1
      and seen.block_id = moved.block_id
      and seen.position = moved.from_position
      and seen.chain = moved.from_chain
      and seen.quarantined_because is not distinct from moved.quarantined_because
      and exists (
        select
        from journal
        where journal.block_id = moved.block_id
          and journal.position = moved.to_position
          and journal.chain = moved.to_chain
      )
    for update
  ) as unmoved
)
update projection_positions as seen
set position = mine.to_position, chain = mine.to_chain, quarantined_because = null
from mine
where seen.projection = $1 and seen.block_id = mine.block_id
returning seen.block_id;

-- name: quarantine
-- Only where the projection still stands where it was seen: another projector, of a newer build, may know better.
update projection_positions as seen
set quarantined_because = $4
from unnest($2::text[], $3::bigint[]) as stuck (projection, position)
where seen.block_id = $1
  and seen.projection = stuck.projection
  and seen.position = stuck.position
  and seen.quarantined_because is distinct from $4
returning seen.projection;

-- name: end_quarantine
update projection_positions as seen
set quarantined_because = null
from unnest($2::text[], $3::bigint[]) as sound (projection, position)
where seen.block_id = $1
  and seen.projection = sound.projection
  and seen.position = sound.position
  and seen.quarantined_because is not null
returning seen.projection;

-- name: quarantined
select projection, block_id, quarantined_because
from projection_positions
where quarantined_because is not null
order by block_id, projection;

-- name: archive_of
select archive || coalesce(', which was deleted on ' || to_char(erased_at at time zone 'UTC', 'YYYY-MM-DD'), '') as archive
from archived_blocks
where block_id = $1;

-- name: rebuild
-- None where the rows to begin with are in an archive.
with begun as (
  update projection_positions
  set position = 0, chain = $2, quarantined_because = null
  where block_id = $1 and not exists (select from archived_blocks where archived_blocks.block_id = $1)
  returning projection
)
select projection from begun order by projection;

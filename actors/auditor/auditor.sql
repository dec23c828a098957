-- name: begin
-- The auditor changes nothing that it reads.
set session characteristics as transaction read only;

-- name: heads
-- Where the journals end, as of one moment: of up to $2 blocks of the catalogue behind $1, and of $3; 0: there are no
-- rows. `put_away`: all but the last are in an archive. `page_end` is where the next page begins, null after the last one.
with page as (
  select block_id from blocks where block_id > $1 order by block_id limit $2
),
candidates as (
  select block_id from page
  union
  select unnest($3::text[])
)
select
  candidates.block_id,
  coalesce(head.position, 0) as position,
  head.chain,
  exists (select from archived_blocks where archived_blocks.block_id = candidates.block_id) as put_away,
  (select max(block_id) from page having count(*) = $2) as page_end
from candidates
left join lateral (
  select position, chain from journal where journal.block_id = candidates.block_id order by position desc limit 1
) as head on true;

-- name: all_heads
-- Where every journal there is ends, as of one moment: one step down the primary key per block.
with recursive found as (
  (select block_id, position, chain from journal order by block_id desc, position desc limit 1)
  union all
  select before.block_id, before.position, before.chain
  from found
  cross join lateral (
    select block_id, position, chain
    from journal
    where journal.block_id < found.block_id
    order by block_id desc, position desc
    limit 1
  ) as before
)
select
  block_id,
  position,
  chain,
  exists (select from archived_blocks where archived_blocks.block_id = found.block_id) as put_away
from found;

-- name: rows
-- Up to $4 rows of each block behind a position ($2), up to another ($3): the first of all blocks, then the second, and
-- so on. The last row is the one with which the entries come to $5 bytes. Before them, without entries, the row at $2.
with wanted as (
  select * from unnest($1::text[], $2::bigint[], $3::bigint[]) as wanted (block_id, from_position, to_position)
  where not exists (select from archived_blocks where archived_blocks.block_id = wanted.block_id)
)
select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain
from (
  select 0 as distance, null::bigint as bytes_before, journal.*
  from wanted
  join journal on journal.block_id = wanted.block_id and journal.position = wanted.from_position
  union all
  select
    following.position - wanted.from_position,
    sum(octet_length(entries)) over (
      order by following.position - wanted.from_position, following.block_id
      rows between unbounded preceding and 1 preceding
    ),
    following.*
  from wanted
  cross join lateral (
    select *
    from journal
    where
      journal.block_id = wanted.block_id
      and journal.position > wanted.from_position
      and journal.position <= wanted.to_position
    order by position
    limit $4
  ) as following
) as measured
where bytes_before is null or bytes_before < $5
order by distance, block_id;

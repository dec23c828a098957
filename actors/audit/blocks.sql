-- Every block that has rows: one step down the primary key per block, whatever the number of its rows.
with recursive found as (
  (select block_id from journal order by block_id limit 1)
  union all
  select (select journal.block_id from journal where journal.block_id > found.block_id order by block_id limit 1)
  from found
  where found.block_id is not null
)
select block_id from found where block_id is not null

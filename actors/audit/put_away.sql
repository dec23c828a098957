-- Of which blocks only the last row is here, and the file that has those before, or had.
select
  block_id,
  archive || coalesce(', which was deleted on ' || to_char(erased_at at time zone 'UTC', 'YYYY-MM-DD'), '') as archive
from archived_blocks

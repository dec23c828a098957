select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain
from journal
where block_id = $1
order by position

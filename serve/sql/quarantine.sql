-- name: quarantined
-- Of each projection that does not follow some block any more: how many blocks.
select projection, count(*)
from projection_positions
where quarantined_because is not null
group by projection
order by projection;

-- name: quarantined_blocks
-- The blocks that nobody is served from, those that have waited for longest first.
select block_id, imposed_at_ms, imposed_by, last_position, why
from quarantines
order by imposed_at_ms, block_id
limit $1;

-- name: quarantined
-- Of each projection that does not follow some block any more: how many blocks.
select projection, count(*)
from projection_positions
where quarantined_because is not null
group by projection
order by projection;

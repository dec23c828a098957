-- Who serves a block: the newest incarnation of the shard to which the catalogue assigns it.
select shards.shard, shards.pid
from blocks
join shards using (shard)
where blocks.block_id = $1
order by shards.epoch desc
limit 1

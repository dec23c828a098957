-- Since when nothing of anybody is kept of the block's event, here or in its archive; null: it is kept.
alter table archived_blocks add column erased_at timestamptz;

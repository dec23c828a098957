-- Blocks that move between shards, and a number of shards that changes. The old code goes on as if nothing moved.
alter table blocks
  add column assigned_epoch bigint not null default 0,
  add column moved_at_ms bigint not null default 0,
  add column let_go_at_ms bigint,
  add column former_shard text not null default '',
  add column moving_to text;
create index blocks_moving on blocks (block_id) where moving_to is not null;

create table fleet (
  shard text not null,
  state text not null,
  constraint fleet_pkey primary key (shard),
  constraint fleet_state_check check (state in ('joining', 'serving', 'leaving', 'gone'))
);

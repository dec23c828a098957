-- Blocks of finished events of which only the last row is here: the rows before it are in an archive's file.
create table archived_blocks (
  position bigint not null,
  archived_at timestamptz not null default now(),
  block_id text collate "C" not null,
  home text collate "C" not null,
  chain bytea not null,
  archive text not null,
  constraint archived_blocks_pkey primary key (block_id)
);

-- The whole schema, to read. The database is made by the migrations; a test proves that they add up to this.

create table applied_migrations (
  name text collate "C" not null,
  checksum bytea not null,
  applied_at timestamptz not null default now(),
  constraint applied_migrations_pkey primary key (name)
);

-- Times that take part in a decision or a hash are milliseconds since 1970; the others are timestamptz.
-- Ids are compared as bytes (collate "C"), so that every writer, in every locale, orders them alike.

-- The truth. One row per block and commit; rows are only ever added. Fixed widths first: no padding between them.
-- Entries are mostly hashes: compressing them would cost the commit time and gain little.
create table journal (
  position bigint not null,
  epoch bigint not null,
  recorded_at_ms bigint not null,
  entry_count integer not null,
  block_id text collate "C" not null,
  chain bytea not null,
  entries bytea not null,
  constraint journal_pkey primary key (block_id, position),
  constraint journal_position_check check (position > 0),
  constraint journal_chain_check check (octet_length(chain) = 16)
) with (
  autovacuum_freeze_min_age = 0,  -- rows never change: freeze each page once, when it is first visited
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);
alter table journal alter column entries set storage external;

create table snapshots (
  position bigint not null,
  saved_at timestamptz not null default now(),
  format integer not null,
  block_id text collate "C" not null,
  chain bytea not null,
  state bytea not null,
  constraint snapshots_pkey primary key (block_id, format, position)
);
alter table snapshots alter column state set storage external;

-- Blocks of finished events of which only the last row is here, with a snapshot of the same position that stays: the
-- rows before it are in an archive's file.
create table archived_blocks (
  position bigint not null,
  archived_at timestamptz not null default now(),
  block_id text collate "C" not null,
  home text collate "C" not null,  -- of the event
  chain bytea not null,
  archive text not null,  -- the name that its file had
  erased_at timestamptz,  -- since when nothing of anybody is kept of its event, here or in the archive; null: it is kept
  snapshot_hash bytea,  -- SHA-256 of that snapshot; of an erased block's, which is of the row behind; null: not noted then
  constraint archived_blocks_pkey primary key (block_id)
);

create sequence cluster_generation as integer maxvalue 8388607;  -- 23 bits of an epoch

-- The catalogue: which blocks there are, and who serves them.
create table blocks (
  block_id text collate "C" not null,
  tenant text collate "C" not null,
  shard text not null,
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  assigned_epoch bigint not null default 0,  -- packed: the cluster that last moved it, and how often it has
  moved_at_ms bigint not null default 0,
  let_go_at_ms bigint,  -- since when its former shard served nobody from it; 0: nobody asked; null: it did not let go
  former_shard text not null default '',
  moving_to text,  -- a wish
  claiming_generation bigint not null default 0,  -- the newest cluster that has claimed it: no older one moves it
  constraint blocks_pkey primary key (block_id)
);
create index blocks_shard on blocks (shard);
create index blocks_moving on blocks (block_id) where moving_to is not null;

-- Which shards there are to be. One that joins draws blocks to itself, one that leaves gives them away and gets no more.
create table fleet (
  shard text not null,
  state text not null,
  constraint fleet_pkey primary key (shard),
  constraint fleet_state_check check (state in ('joining', 'serving', 'leaving', 'gone'))
);

create table shards (
  epoch bigint not null,
  heartbeat_at_ms bigint not null,  -- by the shard's own clock
  started_at timestamptz not null default now(),
  pid integer not null,
  shard text not null,
  address text not null,
  counters jsonb not null default '{}',
  constraint shards_pkey primary key (shard, epoch)
) with (
  fillfactor = 50,  -- a heartbeat a second each, in place
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 500
);

create table api_keys (
  key_id text collate "C" not null,
  tenant text collate "C" not null,
  name text not null default '',
  secret_hash bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  operator boolean not null default false,  -- may also ask for what costs much or concerns the whole cluster
  constraint api_keys_pkey primary key (key_id)
);
create index api_keys_tenant on api_keys (tenant);

-- How far each projection has followed each block, and the chain it saw there.
create table projection_positions (
  position bigint not null,
  projection text collate "C" not null,
  block_id text collate "C" not null,
  chain bytea not null,
  quarantined_because text,
  constraint projection_positions_pkey primary key (projection, block_id)
) with (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000
);
create index projection_positions_quarantined on projection_positions (projection, block_id)
where quarantined_because is not null;

-- What may be bought, per event. Rewritten several times a second while an event sells: nothing that changes is indexed.
create table availability (
  created_at_ms bigint not null,
  position bigint not null,
  as_of_ms bigint not null,
  capacity integer not null,
  available integer not null,
  held integer not null,
  sold integer not null,
  status smallint not null,
  block_id text collate "C" not null,
  tenant text collate "C" not null,
  name text not null,
  currency text not null,
  layout bytea not null,
  counts bytea not null,
  statuses bytea not null,
  layout_version integer not null default 1,
  home text collate "C" not null default '',  -- of the event of which the block is but a part, or empty
  split bytea not null default '',  -- which block has each section; empty: the event is not split
  constraint availability_pkey primary key (block_id)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 500,
  toast.autovacuum_vacuum_scale_factor = 0.05,
  toast.autovacuum_vacuum_threshold = 5000
);
alter table availability alter column statuses set storage external;
create index availability_listing on availability (tenant, created_at_ms, block_id);
create index availability_parts on availability (home) where home <> '';

-- Each block's next deadline: the sweep finds here what falls due although nobody asks.
create table deadlines (
  due_at_ms bigint not null,
  block_id text collate "C" not null,
  constraint deadlines_pkey primary key (block_id)
) with (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000
);
create index deadlines_due on deadlines (due_at_ms);

-- What is listed of each event: its holds and orders, as it remembers them. What ended before `forgotten_before_ms` it
-- does not remember any more.
create table listings (
  position bigint not null,
  as_of_ms bigint not null,
  forgotten_before_ms bigint not null,
  block_id text collate "C" not null,
  tenant text collate "C" not null,
  constraint listings_pkey primary key (block_id)
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 500
);

-- Nothing that changes is indexed. `shown`: the hold as its block would tell it.
create table listed_holds (
  hold bigint not null,
  placed_at_ms bigint not null,
  ended_at_ms bigint,
  status smallint not null,
  block_id text collate "C" not null,
  buyer text collate "C" not null,
  shown bytea not null,
  constraint listed_holds_pkey primary key (block_id, hold)
) with (fillfactor = 70);
create index listed_holds_newest on listed_holds (block_id, placed_at_ms, hold);
create index listed_holds_of_buyer on listed_holds (block_id, buyer, placed_at_ms, hold);

create table listed_orders (
  order_number bigint not null,
  hold bigint not null,
  placed_at_ms bigint not null,
  ended_at_ms bigint,
  status smallint not null,
  block_id text collate "C" not null,
  buyer text collate "C" not null,
  shown bytea not null,
  constraint listed_orders_pkey primary key (block_id, order_number)
) with (fillfactor = 70);
create index listed_orders_newest on listed_orders (block_id, placed_at_ms, order_number);
create index listed_orders_of_buyer on listed_orders (block_id, buyer, placed_at_ms, order_number);

-- Of which events a basket is: its hold is listed at its desk, and under each of them. Nothing of it changes.
create table listed_baskets (
  placed_at_ms bigint not null,
  hold bigint not null,
  block_id text collate "C" not null,
  event_block_id text collate "C" not null,
  buyer text collate "C" not null,
  constraint listed_baskets_pkey primary key (block_id, hold, event_block_id),
  constraint listed_baskets_hold_fkey foreign key (block_id, hold) references listed_holds on delete cascade
);
create index listed_baskets_newest on listed_baskets (event_block_id, placed_at_ms, hold);
create index listed_baskets_of_buyer on listed_baskets (event_block_id, buyer, placed_at_ms, hold);

-- Likewise of the orders of baskets.
create table listed_basket_orders (
  placed_at_ms bigint not null,
  order_number bigint not null,
  block_id text collate "C" not null,
  event_block_id text collate "C" not null,
  buyer text collate "C" not null,
  constraint listed_basket_orders_pkey primary key (block_id, order_number, event_block_id),
  constraint listed_basket_orders_order_fkey foreign key (block_id, order_number)
    references listed_orders on delete cascade
);
create index listed_basket_orders_newest on listed_basket_orders (event_block_id, placed_at_ms, order_number);
create index listed_basket_orders_of_buyer on listed_basket_orders (event_block_id, buyer, placed_at_ms, order_number);

-- Blocks that are not served until somebody has looked at them: at most one quarantine each. `position`: of the row that
-- was found wrong first, `last_position`: last, both 0 if none was; times by this clock. `correction`: how it is to be
-- ended, a wish that the block's shard carries out; `refused_because`: why the last one was not.
create table quarantines (
  number bigint generated always as identity,
  position bigint not null,
  last_position bigint not null,
  imposed_at_ms bigint not null,
  block_id text collate "C" not null,
  imposed_by text not null,
  why text not null,
  correction jsonb,
  refused_because text,
  constraint quarantines_pkey primary key (block_id)
);

-- What became of them: who imposed and who ended which, and why. Rows are only ever added; of an event that is erased why
-- is empty.
create table quarantine_history (
  number bigint not null,
  position bigint not null,
  at timestamptz not null default clock_timestamp(),
  block_id text collate "C" not null,
  what text not null,
  who text not null,
  why text not null,
  constraint quarantine_history_pkey primary key (block_id, number, what),
  constraint quarantine_history_what_check check (what in ('imposed', 'ended'))
);

-- What the audit found that stops no block, kept until an operator has acknowledged it (by whom, because of what), and
-- then as long as there is room. `position`: of the row where it shows, 0 if in none; `old_chain`: of a row that was
-- audited and is not there any more, `new_chain`: of the one in its place, both empty where there is none. `mark`: a hash
-- of what makes it this alarm and no other.
create table audit_alarms (
  number bigint generated always as identity,
  position bigint not null,
  first_seen_at_ms bigint not null,
  last_seen_at_ms bigint not null,
  seen_count bigint not null default 1,
  acknowledged_at_ms bigint,
  block_id text collate "C" not null,
  what text not null,
  sentence text not null,
  mark bytea not null,
  old_chain bytea not null,
  new_chain bytea not null,
  acknowledged_by text,
  acknowledged_because text,
  constraint audit_alarms_pkey primary key (number),
  constraint audit_alarms_mark_key unique (block_id, mark)
);

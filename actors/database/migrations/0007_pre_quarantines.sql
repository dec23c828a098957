-- Blocks that are not served until somebody has looked at them. The old code serves them; it is gone within the upgrade.
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

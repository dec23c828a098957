-- What the audit found that stops no block. The old code neither writes nor reads it.
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

-- name: take_turn
select pg_advisory_lock(hashtextextended('holdfast.migrate', 0));

-- name: create_applied
create table if not exists applied_migrations (
  name text collate "C" not null,
  checksum bytea not null,
  applied_at timestamptz not null default now(),
  constraint applied_migrations_pkey primary key (name)
);

-- name: applied
select name, checksum from applied_migrations order by name;

-- name: remember
insert into applied_migrations (name, checksum) values ($1, $2);

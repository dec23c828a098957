-- Which of its layouts an event has: what is shown of its seats refers to their places in that one.
alter table availability add column layout_version integer not null default 1;

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

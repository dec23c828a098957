-- Events that are split by sections. `home`: of the event of which the block is but a part, or empty. `split`: which
-- block has each section, empty if the event is not split.
alter table availability add column home text collate "C" not null default '';
alter table availability add column split bytea not null default '';
create index availability_parts on availability (home) where home <> '';

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

-- name: begin_anew
-- What is listed of blocks that are followed from their first row.
with holds as (
  delete from listed_holds where block_id = any($1::text[])
)
delete from listed_orders where block_id = any($1::text[]);

-- name: list_no_more
delete from listings where block_id = any($1::text[]);

-- name: follow
insert into listings (block_id, tenant, position, as_of_ms, forgotten_before_ms)
select block_id, tenant, position, as_of_ms, forgotten_before_ms
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
  as new (block_id, tenant, position, as_of_ms, forgotten_before_ms)
on conflict (block_id) do update set
  tenant = excluded.tenant,
  position = excluded.position,
  as_of_ms = excluded.as_of_ms,
  forgotten_before_ms = excluded.forgotten_before_ms;

-- name: list_holds
insert into listed_holds (block_id, hold, placed_at_ms, ended_at_ms, status, buyer, shown)
select block_id, hold, placed_at_ms, ended_at_ms, status, buyer, shown
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::text[], $7::bytea[])
  as new (block_id, hold, placed_at_ms, ended_at_ms, status, buyer, shown)
on conflict (block_id, hold) do update set
  ended_at_ms = excluded.ended_at_ms,
  status = excluded.status,
  shown = excluded.shown;

-- name: list_orders
insert into listed_orders (block_id, order_number, placed_at_ms, ended_at_ms, status, buyer, shown, hold)
select block_id, order_number, placed_at_ms, ended_at_ms, status, buyer, shown, hold
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::text[], $7::bytea[], $8::bigint[])
  as new (block_id, order_number, placed_at_ms, ended_at_ms, status, buyer, shown, hold)
on conflict (block_id, order_number) do update set
  ended_at_ms = excluded.ended_at_ms,
  status = excluded.status,
  shown = excluded.shown;

-- name: list_baskets
-- That these holds, which are listed at home at their desks, are of these events.
insert into listed_baskets (block_id, hold, event_block_id, placed_at_ms, buyer)
select block_id, hold, event_block_id, placed_at_ms, buyer
from unnest($1::text[], $2::bigint[], $3::text[]) as new (block_id, hold, event_block_id)
join listed_holds using (block_id, hold)
on conflict do nothing;

-- name: list_basket_orders
insert into listed_basket_orders (block_id, order_number, event_block_id, placed_at_ms, buyer)
select block_id, order_number, event_block_id, placed_at_ms, buyer
from unnest($1::text[], $2::bigint[], $3::text[]) as new (block_id, order_number, event_block_id)
join listed_orders using (block_id, order_number)
on conflict do nothing;

-- name: forget
-- These holds ($1, $2), and these orders ($3, $4) with theirs.
with forgotten as (
  delete from listed_orders
  using unnest($3::text[], $4::bigint[]) as gone (block_id, order_number)
  where listed_orders.block_id = gone.block_id and listed_orders.order_number = gone.order_number
  returning listed_orders.block_id, listed_orders.hold
)
delete from listed_holds
using (
  select block_id, hold from forgotten
  union
  select block_id, hold from unnest($1::text[], $2::bigint[]) as gone (block_id, hold)
) as gone
where listed_holds.block_id = gone.block_id and listed_holds.hold = gone.hold;

-- name: newest_holds
-- An event's holds before (placed_at_ms, hold), the newest first; of one buyer and one status, unless those are null: its
-- own, and those of the baskets that are at home at the desks $7. `as_of_ms`: how far all of these blocks are followed.
-- One row that bears no hold where there are none.
select
  listings.tenant, listings.position, feeding.as_of_ms, listed.block_id, listed.placed_at_ms, listed.number, listed.shown
from listings
cross join (
  select
    min(
      case
        when followed.position = head.position
        then greatest(followed.as_of_ms, (extract(epoch from statement_timestamp()) * 1000)::bigint)
        when followed.position is null
        then (select recorded_at_ms from journal where journal.block_id = fed.block_id and position = 1)
        else followed.as_of_ms
      end
    ) as as_of_ms
  from unnest(array[$1] || $7::text[]) as fed (block_id)
  cross join lateral (
    select position from journal where journal.block_id = fed.block_id order by position desc limit 1
  ) as head
  left join listings as followed on followed.block_id = fed.block_id
) as feeding
left join lateral (
  (
    select block_id, placed_at_ms, hold as number, shown
    from listed_holds
    where block_id = $1
      and (placed_at_ms, hold) < ($2, $3)
      and ($4::text is null or buyer = $4)
      and ($5::smallint is null or status = $5)
      and (ended_at_ms is null or ended_at_ms >= listings.forgotten_before_ms)
    order by placed_at_ms desc, hold desc
    limit $6
  )
  union all
  (
    select listed_holds.block_id, of_event.placed_at_ms, of_event.hold, listed_holds.shown
    from listed_baskets as of_event
    join listed_holds on listed_holds.block_id = of_event.block_id and listed_holds.hold = of_event.hold
    join listings as of_desk on of_desk.block_id = of_event.block_id
    where of_event.event_block_id = $1
      and (of_event.placed_at_ms, of_event.hold) < ($2, $3)
      and ($4::text is null or of_event.buyer = $4)
      and ($5::smallint is null or listed_holds.status = $5)
      and (listed_holds.ended_at_ms is null or listed_holds.ended_at_ms >= of_desk.forgotten_before_ms)
    order by of_event.placed_at_ms desc, of_event.hold desc
    limit $6
  )
  order by placed_at_ms desc, number desc
  limit $6
) as listed on true
where listings.block_id = $1
order by listed.placed_at_ms desc, listed.number desc;

-- name: newest_orders
-- As `newest_holds`.
select
  listings.tenant, listings.position, feeding.as_of_ms, listed.block_id, listed.placed_at_ms, listed.number, listed.shown
from listings
cross join (
  select
    min(
      case
        when followed.position = head.position
        then greatest(followed.as_of_ms, (extract(epoch from statement_timestamp()) * 1000)::bigint)
        when followed.position is null
        then (select recorded_at_ms from journal where journal.block_id = fed.block_id and position = 1)
        else followed.as_of_ms
      end
    ) as as_of_ms
  from unnest(array[$1] || $7::text[]) as fed (block_id)
  cross join lateral (
    select position from journal where journal.block_id = fed.block_id order by position desc limit 1
  ) as head
  left join listings as followed on followed.block_id = fed.block_id
) as feeding
left join lateral (
  (
    select block_id, placed_at_ms, order_number as number, shown
    from listed_orders
    where block_id = $1
      and (placed_at_ms, order_number) < ($2, $3)
      and ($4::text is null or buyer = $4)
      and ($5::smallint is null or status = $5)
      and (ended_at_ms is null or ended_at_ms >= listings.forgotten_before_ms)
    order by placed_at_ms desc, order_number desc
    limit $6
  )
  union all
  (
    select listed_orders.block_id, of_event.placed_at_ms, of_event.order_number, listed_orders.shown
    from listed_basket_orders as of_event
    join listed_orders on listed_orders.block_id = of_event.block_id and listed_orders.order_number = of_event.order_number
    join listings as of_desk on of_desk.block_id = of_event.block_id
    where of_event.event_block_id = $1
      and (of_event.placed_at_ms, of_event.order_number) < ($2, $3)
      and ($4::text is null or of_event.buyer = $4)
      and ($5::smallint is null or listed_orders.status = $5)
      and (listed_orders.ended_at_ms is null or listed_orders.ended_at_ms >= of_desk.forgotten_before_ms)
    order by of_event.placed_at_ms desc, of_event.order_number desc
    limit $6
  )
  order by placed_at_ms desc, number desc
  limit $6
) as listed on true
where listings.block_id = $1
order by listed.placed_at_ms desc, listed.number desc;

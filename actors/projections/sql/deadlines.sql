-- name: forget
delete from deadlines where block_id = any($1::text[]);

-- name: remember
insert into deadlines (block_id, due_at_ms)
select block_id, due_at_ms from unnest($1::text[], $2::bigint[]) as new (block_id, due_at_ms)
on conflict (block_id) do update set due_at_ms = excluded.due_at_ms
where deadlines.due_at_ms <> excluded.due_at_ms;

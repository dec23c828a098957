-- name: find_keys
select key_id, tenant, secret_hash, (extract(epoch from expires_at) * 1000)::bigint, revoked_at is not null, operator
from api_keys
where key_id = any ($1::text[]);

-- name: insert_key
insert into api_keys (key_id, tenant, name, secret_hash, expires_at, operator)
values ($1, $2, $3, $4, to_timestamp($5::bigint / 1000.0), $6);

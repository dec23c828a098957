-- What is quarantined is few rows of many, and is asked for while the cluster sells.
create index projection_positions_quarantined on projection_positions (projection, block_id)
where quarantined_because is not null;

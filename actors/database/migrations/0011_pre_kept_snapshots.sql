-- The snapshot that stands for an archived block's rows is the only one: what its bytes were is kept beside it.

alter table archived_blocks add column snapshot_hash bytea;

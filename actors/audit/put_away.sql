-- Of which blocks only the last row is here, and the file that has those before.
select block_id, archive from archived_blocks

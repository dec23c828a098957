"""The catalogue: which blocks there are, which shard serves each, and where the shards are."""

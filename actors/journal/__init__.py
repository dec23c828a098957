"""The journal: the only write on the hot path, the only truth, and the fence between shards."""

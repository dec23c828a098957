"""The shard's engine: plain classes over the ports journal, transport and clock. It runs without Ray."""

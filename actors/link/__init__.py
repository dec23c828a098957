"""The link between gateways and shards: batches of commands, bytes in and bytes out, over a socket."""

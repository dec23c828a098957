"""Which build this is: part of every epoch, so that a newer build's shards take over and an older one's do not."""

BUILD = 1  # one more with each release

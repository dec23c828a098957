"""How much one gateway may have under way. What may wait in it, and for what, is derived from this where it waits."""

MOST_UNDER_WAY = 1_024
"""Requests of one replica, over both protocols: one to two seconds of its work, so that their callers still wait.

HAProxy refuses more, which costs the replica nothing (see `serve.local.shedding`).
"""

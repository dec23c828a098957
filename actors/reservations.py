"""Holds and orders as the edges see them: which block, under which key, retried while it is safe and worth it."""

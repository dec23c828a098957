"""The pure core: what a block knows, what it decides, what it remembers.

Rules of this package: no clock, no randomness, no environment, no I/O, no asyncio, no logging. Time and ids arrive
inside commands; a "no" is a value; `apply` is the only mutator and is the same code live and on replay.
"""

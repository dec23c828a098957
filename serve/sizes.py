"""What a request may weigh."""

MAX_BODY_BYTES = 1 << 20
MAX_LAYOUT_BODY_BYTES = 4 << 20
"""What a request that bears a layout may weigh; also gRPC's usual limit. A big layout is written in ranges."""

SMALL_BODY_BYTES = 64 << 10
"""More than any wish, order or list of tickets needs."""

"""Times on the wire: RFC 3339 in UTC, in milliseconds."""

from datetime import UTC, datetime


def rfc3339(at_ms: int) -> str:
    """A time, given in milliseconds since 1970, as text."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{ms:03d}Z"

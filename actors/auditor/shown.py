"""How much memory is taken by what blocks show each other: an alarm long before the kernel acts."""

from collections.abc import Callable

from actors.auditor.alarms import MUCH_SHOWN, Alarm

MUCH_SHOWN_BYTES = 1 << 30
MUCH_TOLD_EVERY_S = 60.0


class ShownMemory:
    """What was told of it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._told_bytes = 0  # above which it was told to be
        self._told_at_s = float("-inf")

    def alarm(self, byte_count: int) -> Alarm | None:
        """Above the bound once a minute; at twice, four times the bound and so on it is another alarm."""
        if byte_count <= MUCH_SHOWN_BYTES:
            self._told_bytes = 0
            return None
        now, above = self._monotonic(), MUCH_SHOWN_BYTES << (byte_count // MUCH_SHOWN_BYTES).bit_length() - 1
        if above <= self._told_bytes and now - self._told_at_s < MUCH_TOLD_EVERY_S:
            return None
        is_new = above > self._told_bytes
        self._told_bytes, self._told_at_s = above, now
        sentence = f"what blocks show each other takes more than {above >> 20:,} MiB of the auditor's memory"
        return Alarm("", 0, MUCH_SHOWN, sentence, recurs=is_new)

"""How much one statement is about: no more than its line has shown that it answers within a statement's bound."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from actors.journal.journal import MAX_ROWS_BYTES, SILENT_BOUND_MS

QUICK_S = SILENT_BOUND_MS / 2000  # twice as much is answered within the shorter bound, if it takes twice as long
MOST_ANSWERS = 8  # before more is tried, however often that was in vain

T = TypeVar("T")


class Portions:
    """Of one line. What was given up by its bound is halved, down to one, and what comes then is no larger either.

    Twice as much is tried after an answer that was quick. While answers take long it is tried more and more rarely, but
    it is: each statement may be slow whatever it is about, and then one for each block would be the slowest way of all.
    No portion comes to more than `MAX_ROWS_BYTES`, unless it is one alone.
    """

    def __init__(self) -> None:
        self._most = 1 << 30
        self._is_trial = False  # so many were not answered yet
        self._wanted_answers = 1  # about so many, before more are tried
        self._answers = 0

    def first_of(self, wanted: Sequence[T], size_of: Callable[[T], int]) -> Sequence[T]:
        """Those of them, one at least, that the next statement is about; `size_of` in bytes."""
        size = 0
        for count, one in enumerate(wanted[: self._most]):
            size += size_of(one)
            if count and size > MAX_ROWS_BYTES:
                return wanted[:count]
        return wanted[: self._most]

    def given_up(self, count: int) -> None:
        """A statement about so many took longer than its bound."""
        self._most = max(1, count // 2)
        self._is_trial = False
        self._wanted_answers = min(2 * self._wanted_answers, MOST_ANSWERS)
        self._answers = 0

    def answered(self, count: int, took_s: float) -> None:
        """A statement about so many was answered. About fewer than might have been, it says nothing about more."""
        if count < self._most:
            return
        self._answers += 1
        is_quick = took_s <= QUICK_S
        if is_quick or self._is_trial:
            self._wanted_answers = 1
        self._is_trial = self._answers >= self._wanted_answers
        if self._is_trial:
            self._most *= 2
            self._answers = 0

"""Whether the auditor runs: by what it tells of itself in Redis; where that is nothing, by its session in Postgres."""

from typing import NamedTuple

from actors.auditor.auditor import LATE_S
from actors.auditor.board import Board, BoardUnavailable
from actors.auditor.figures import AuditorFigures
from serve.sessions import Sessions

STALE_S = 15.0  # figures are hung out every second


class AuditorSigns(NamedTuple):
    """`figures`: None if none were told lately; `unknown_because`: why that is not known, empty if it is."""

    sessions: Sessions
    figures: AuditorFigures | None
    unknown_because: str = ""

    def fault(self) -> str:
        """Why it is taken for one that hangs, or is not there; empty if it is not, or where nobody beats."""
        if self.figures is not None:
            return ""
        if fault := self.sessions.fault(LATE_S):
            return fault
        if self.sessions.is_connected and not self.unknown_because:
            return "it is connected, and has told nothing for a while"
        return ""


async def auditor_signs(board: Board | None, sessions: Sessions) -> AuditorSigns:
    """By these sessions of it, and what hangs on the board; None: no Redis is known."""
    if board is None:
        return AuditorSigns(sessions, None, "no Redis is named")
    try:
        figures, age_s = await board.aged()
    except BoardUnavailable as fault:
        return AuditorSigns(sessions, None, f"Redis does not say: {fault}")
    return AuditorSigns(sessions, figures if age_s < STALE_S else None)

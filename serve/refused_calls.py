"""What a command says of a call that was refused: one line that begins with the stable code.

A passing fault, and that nobody answered, is told only after the same was asked again for a while.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

from actors.core.outcomes import Details, Reason, Rejected
from serve.refusals import ASK_AGAIN_AFTER_MS, STANDINGS, is_transient, sentence

MAX_FOREIGN_TEXT = 200
ASK_AGAIN_AFTER_S = ASK_AGAIN_AFTER_MS / 1000
PATIENCE_S = 10.0
"""How long a call is begun again that met a passing fault."""

T = TypeVar("T")

PASSING = {reason.name for reason, standing in STANDINGS.items() if standing.transient}


class CallRefused(Exception):
    """The server said no, or did not answer; the text is one line for a person.

    `ask_again_after_s`: when the same may be asked again, under the same key; None if this is the answer.
    `reason`: None if it is none that this command knows.
    """

    def __init__(self, line: str, ask_again_after_s: float | None = None, reason: Reason | None = None) -> None:
        super().__init__(line)
        self.ask_again_after_s = ask_again_after_s
        self.reason = reason


def settled(ask: Callable[[], T]) -> T:
    """What the call answers, begun again for PATIENCE_S while it meets passing faults. Raises CallRefused."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except CallRefused as refusal:
            wait_s = refusal.ask_again_after_s
            if wait_s is None or time.monotonic() + wait_s > give_up_at_s:
                raise
        time.sleep(wait_s)


def refused(refusal: Rejected, wait_s: float = ASK_AGAIN_AFTER_S) -> CallRefused:
    """The refusal with its code, and with every name and fault that came with it; `wait_s` if it is a passing one."""
    line = _line(f"{refusal.reason.name}: {sentence(refusal)}")
    return CallRefused(line, wait_s if is_transient(refusal) else None, refusal.reason)


def refused_by_code(code: str, text: str) -> CallRefused:
    """A refusal whose code only the server knows how to explain."""
    return CallRefused(_line(f"{code}: {text}"))


def refused_over_http(response: httpx.Response) -> CallRefused:
    """What a problem document says; or, as it may come from HAProxy, status and text."""
    retry_after = response.headers.get("Retry-After", "")
    wait_s = float(retry_after) if retry_after.isdecimal() else ASK_AGAIN_AFTER_S
    try:
        problem = response.json()
        code, text = str(problem["code"]), str(problem["detail"])
        faults = tuple(f"{fault['field']}: {fault['problem']}" for fault in problem.get("fields", ()))
        full = problem.get("transient") is False and code in PASSING
        details = Details(tuple(problem.get("units", ())), faults, problem.get("available"), full=full)
    except (ValueError, KeyError, TypeError, AttributeError):
        line = _line(f"{response.status_code}: {response.text[:MAX_FOREIGN_TEXT]}")
        return CallRefused(line, wait_s if response.is_server_error else None)
    if code not in Reason.__members__:
        return refused_by_code(code, text)
    return refused(Rejected(Reason[code], details), wait_s)


def unanswered(fault: object) -> CallRefused:
    """There was no answer, or none of ours."""
    return CallRefused(_line(f"the server did not answer: {fault}"), ASK_AGAIN_AFTER_S)


def _line(text: str) -> str:
    return " ".join(text.split())

"""What a command says of a call that was refused: one line that begins with the stable code."""

import httpx

from actors.core.outcomes import Details, Reason, Rejected
from serve.refusals import sentence

MAX_FOREIGN_TEXT = 200


class CallRefused(Exception):
    """The server said no, or did not answer; the text is one line for a person."""


def refused(refusal: Rejected) -> CallRefused:
    """The refusal with its code, and with every name and fault that came with it."""
    return CallRefused(_line(f"{refusal.reason.name}: {sentence(refusal)}"))


def refused_by_code(code: str, text: str) -> CallRefused:
    """A refusal whose code only the server knows how to explain."""
    return CallRefused(_line(f"{code}: {text}"))


def refused_over_http(response: httpx.Response) -> CallRefused:
    """What a problem document says; or, as it may come from HAProxy, status and text."""
    try:
        problem = response.json()
        code, text = str(problem["code"]), str(problem["detail"])
        faults = tuple(f"{fault['field']}: {fault['problem']}" for fault in problem.get("fields", ()))
        details = Details(tuple(problem.get("units", ())), faults, problem.get("available"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return CallRefused(_line(f"{response.status_code}: {response.text[:MAX_FOREIGN_TEXT]}"))
    return refused(Rejected(Reason[code], details)) if code in Reason.__members__ else refused_by_code(code, text)


def unanswered(fault: object) -> CallRefused:
    """There was no answer, or none of ours."""
    return CallRefused(_line(f"the server did not answer: {fault}"))


def _line(text: str) -> str:
    return " ".join(text.split())

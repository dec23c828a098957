"""Bugs: told to those who run the server, not to those who ask it."""

from traceback import format_exception

import structlog

from actors.core.outcomes import Reason, Rejected

_log = structlog.get_logger(__name__)


def report_bug(error: BaseException, where: str, *, to_write: bool) -> Rejected:
    """Log the exception, and give the refusal that stands for it. `to_write`: the request bears an idempotency key.

    Of a write it is not known here whether it was done before: what came after it, as rendering does, may have failed.
    The traceback goes out as text: a logger that shows local variables would show the caller's API key.
    """
    _log.error("a request met a bug", where=where, traceback="".join(format_exception(error)))
    return Rejected(Reason.OUTCOME_UNKNOWN if to_write else Reason.INTERNAL)

"""Logs: one JSON document a line on standard error, tracebacks as text. Never the values of local variables."""

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Set up this process's logs; `level` is debug, info, warning or error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # the default would print local variables, keys of callers among them
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )

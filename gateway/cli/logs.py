"""Where the processes' own log goes: standard error, one line an event."""

from __future__ import annotations

import sys

import structlog


def log_to_stderr() -> None:
    """Write events to standard error, coloured on a terminal only."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # Never one that shows local variables: a password may be among them.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_nothing() -> None:
    """Let events go nowhere."""
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())

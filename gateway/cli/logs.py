"""The processes' log on standard error.

The system journal gets lines that begin with their priority (sd-daemon(3)), without a time, since
it stamps them itself; a terminal gets short coloured lines with the time of day; a file or a pipe
gets the full UTC time and the level.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum

import structlog
from structlog.typing import EventDict

from gateway.cli.printing import one_line
from gateway.explain.entry_words import Priority
from gateway.explain.time_words import clock_words

KEPT_LINES: deque[str] = deque(maxlen=500)
"""The newest lines of this process, as a file would get them."""
_LONGEST_KEPT = 2_000
_DAY_S = 86_400
_PRIORITIES = {
    "debug": Priority.INFO,
    "info": Priority.INFO,
    "warning": Priority.WARNING,
    "error": Priority.ERROR,
    "critical": Priority.CRITICAL,
}
_COLOURS = {
    Priority.CRITICAL: "\x1b[1;31m",
    Priority.ERROR: "\x1b[31m",
    Priority.WARNING: "\x1b[33m",
    Priority.NOTICE: "\x1b[1m",
    Priority.INFO: "",
}
_PLAIN = "\x1b[0m"


class Reader(Enum):
    """Who reads standard error."""

    JOURNAL = "journal"
    TERMINAL = "terminal"
    FILE = "file"


def log_to_stderr() -> None:
    """Write events to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            # Never a formatter that shows local variables: they may hold a password.
            structlog.processors.format_exc_info,
            _kept(renderer(Reader.FILE)),
            renderer(reader_of_stderr()),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _kept(
    render: Callable[[object, str, EventDict], str],
) -> Callable[[object, str, EventDict], EventDict]:
    def keep(logger: object, method: str, event: EventDict) -> EventDict:
        KEPT_LINES.append(render(logger, method, {**event})[:_LONGEST_KEPT])
        return event

    return keep


def log_nothing() -> None:
    """Discard all events."""
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())


def reader_of_stderr() -> Reader:
    """JOURNAL if JOURNAL_STREAM names standard error (systemd.exec(5)), else TERMINAL or FILE."""
    if sys.stderr.isatty():
        return Reader.TERMINAL
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return Reader.FILE
    ours = f"{found.st_dev}:{found.st_ino}"
    return Reader.JOURNAL if os.environ.get("JOURNAL_STREAM") == ours else Reader.FILE


def renderer(reader: Reader) -> Callable[[object, str, EventDict], str]:
    """A processor that renders an event as text for `reader`.

    An event may have its own `priority`, and `at`: its instant in seconds of the site's wall
    clock. All other values follow its text in brackets.
    """

    def render(_logger: object, _method: str, event: EventDict) -> str:
        level = str(event.pop("level", "info"))
        priority = Priority(event.pop("priority", _PRIORITIES.get(level, Priority.INFO)))
        local = event.pop("at", None)
        trace = str(event.pop("exception", ""))
        text = one_line(str(event.pop("event")))
        if event:
            text += f" ({', '.join(f'{name}: {one_line(str(it))}' for name, it in event.items())})"
        lines = [text, *trace.splitlines()]
        match reader:
            case Reader.JOURNAL:
                return "\n".join(f"<{priority.value}>{line}" for line in lines)
            case Reader.TERMINAL:
                colour = _COLOURS[priority]
                lines[0] = f"{_time_of_day(local)} {colour}{text}{_PLAIN if colour else ''}"
            case Reader.FILE:
                now = datetime.now(UTC).isoformat(timespec="milliseconds")
                lines[0] = f"{now} {priority.name.lower():<8} {text}"
        return "\n".join(lines)

    return render


def _time_of_day(local: int | None) -> str:
    if local is None:
        return f"{datetime.now().astimezone():%H:%M:%S}"
    hours = clock_words(local % _DAY_S)
    return hours if len(hours) == len("00:00:00") else f"{hours}:00"

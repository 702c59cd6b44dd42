"""Ends reads that take too long, or that nobody waits for any more.

A read that goes on holds a thread, and keeps the write-ahead log from being emptied.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from gateway.errors import InvalidRequest

READ_S = 5.0
"""The longest that one read of the database may take. Large results come in many reads."""
_STEPS = 20_000
"""Instructions of SQLite's virtual machine between two looks at the clock: about a millisecond."""


class ReadTooLong(InvalidRequest):
    """A read was ended; nothing was changed."""


def _waited_for() -> bool:
    return False


ABANDONED: ContextVar[Callable[[], bool]] = ContextVar("abandoned", default=_waited_for)
"""Returns whether the client that caused a read has gone; set where requests come in."""


@contextlib.contextmanager
def deadline(connection: sqlite3.Connection) -> Iterator[None]:
    """Run one read on `connection`. Raises ReadTooLong after READ_S, or for an absent client."""
    abandoned, until = ABANDONED.get(), time.monotonic() + READ_S

    def ended() -> bool:
        return time.monotonic() > until or abandoned()

    connection.set_progress_handler(ended, _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        raise ReadTooLong(
            f"the query took longer than {READ_S:g} s: narrow it, or ask for fewer objects at once"
        ) from error
    finally:
        connection.set_progress_handler(None, 0)

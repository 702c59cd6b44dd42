"""One request and its answer, as far as a worker has to do with it.

A worker computes an answer in steps: each makes one piece, hands it to the event loop and ends. The
loop asks for the next step when the client has taken the piece, so a slow reader or an answer that
waits for events holds no worker.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from gateway.api.replies import COMMON_HEADERS, JSON_TYPE, error_body
from gateway.api.serving.body import Body

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication

PIECE = 32_768
"""About so many bytes of an answer are made in one step."""
ABANDONED_KEY = "gateway.abandoned"
"""Key of the WSGI environment: a function that tells whether the client has gone."""

Headers = list[tuple[str, str]]

log = structlog.get_logger("api.http")


@dataclass(frozen=True, slots=True)
class Piece:
    """What one step made."""

    head: tuple[str, Headers] | None
    """Status and headers, with the first piece that is no pause."""
    data: bytes
    last: bool
    pause: bool = False
    """The application has nothing to send at the moment."""
    broken: bool = False
    """The answer ends here, unfinished."""


def error_piece(status: str, text: str, *more: tuple[str, str]) -> Piece:
    """A whole answer in the device's error shape."""
    body = error_body(text)
    headers = [
        ("Content-Type", JSON_TYPE),
        ("Content-Length", str(len(body))),
        *COMMON_HEADERS,
        *more,
    ]
    return Piece((status, headers), body, last=True)


class Exchange:
    """One request that workers answer, a step at a time and never two at once."""

    def __init__(
        self,
        application: WSGIApplication,
        environ: dict[str, Any],
        body: Body,
        address: str,
        abandoned: Callable[[], bool],
    ) -> None:
        self.body = body
        self.address = address
        self.path = str(environ.get("PATH_INFO", ""))
        self._application = application
        self._environ = environ
        environ["wsgi.input"] = body
        environ[ABANDONED_KEY] = abandoned
        # What the application keeps in context variables is there in every step.
        self._context = contextvars.copy_context()
        self._head: tuple[str, Headers] | None = None
        self._head_sent = False
        self._written: list[bytes] = []
        self._result: Any = None
        self._pieces: Iterator[bytes] | None = None

    def step(self) -> Piece:
        """Make the next piece of the answer. On a worker's thread; raises nothing."""
        return self._context.run(self._step)

    def close(self) -> None:
        """Let the application clean up, when no further piece is wanted. On a worker's thread."""
        self._context.run(self._close)

    def _step(self) -> Piece:
        try:
            if self._pieces is None:
                self._result = self._application(self._environ, self._start_response)
                self._pieces = iter(self._result)
            piece = self._gather(self._pieces)
        except Exception:  # whatever the application did - the worker goes on
            log.exception("the answer was aborted", path=self.path)
            self._close()
            if self._head_sent:
                return Piece(None, b"", last=True, broken=True)
            return error_piece("500 Internal Server Error", "Internal error")
        if piece.head:
            self._head_sent = True
        return piece

    def _gather(self, pieces: Iterator[bytes]) -> Piece:
        data = self._written
        size = sum(map(len, data))
        last = pause = False
        empty = 0
        while size < PIECE and not pause:
            part = next(pieces, None)
            if part is None:
                last = True
                break
            data.append(part)
            size += len(part)
            empty += not part
            # One empty piece alone is an empty body.
            pause = empty > (0 if size or self._head_sent else 1)
        head = None if self._head_sent else self._head
        if head is None and not self._head_sent and not pause:
            raise RuntimeError("the application has not called start_response")
        self._written = []
        return Piece(head, b"".join(data), last=last, pause=pause and not last)

    def _start_response(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        if exc_info and self._head_sent and exc_info[1] is not None:
            raise exc_info[1]
        if self._head is not None and not exc_info:
            raise RuntimeError("start_response was called twice")
        self._head = (status, headers)
        return self._written.append

    def _close(self) -> None:
        result, self._result = self._result, None
        close = getattr(result, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception:  # an answer's fault must not end the worker that closes it
            log.exception("the end of an answer failed")

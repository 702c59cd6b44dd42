"""A request's body on its way from the event loop to a worker."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class BodyError(OSError):
    """The connection ended inside the body, the chunks are malformed, or it came too slowly."""


class Body(io.RawIOBase):
    """What WSGI reads: `wsgi.input`. The loop puts bytes in, one worker takes them out."""

    def __init__(self, low: int, wants_more: Callable[[], object]) -> None:
        """`wants_more` is called on the worker's thread when fewer than `low` bytes are left."""
        super().__init__()
        self._low = low
        self._wants_more = wants_more
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._complete = False
        self._why: str | None = None

    @property
    def waiting(self) -> int:
        """Bytes that arrived and were not read yet."""
        return self._waiting

    @property
    def complete(self) -> bool:
        """Whether the last byte has arrived."""
        return self._complete

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        with self._changed:
            self._pieces.append(data)
            self._waiting += len(data)
            self._changed.notify()

    def end(self) -> None:
        """Say that the last byte has arrived."""
        with self._changed:
            self._complete = True
            self._changed.notify()

    def fail(self, why: str) -> None:
        """Say that no more will come, though the body is not complete."""
        with self._changed:
            if not self._complete:
                self._why = self._why or why
                self._changed.notify()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes of the body, fewer only at its end; all that is left without it.

        Raises BodyError when the rest does not come.
        """
        wanted = None if size is None or size < 0 else size
        pieces: list[bytes] = []
        taken = 0
        while wanted is None or taken < wanted:
            piece = self._next(None if wanted is None else wanted - taken)
            if not piece:
                break
            pieces.append(piece)
            taken += len(piece)
        return b"".join(pieces)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer` as far as the body goes; the number of bytes put there."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _next(self, most: int | None) -> bytes:
        """Between 1 and `most` bytes; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._complete or self._why)
            if not self._pieces:
                if self._complete:
                    return b""
                raise BodyError(self._why)
            piece = self._pieces.popleft()
            if most is not None and len(piece) > most:
                self._pieces.appendleft(piece[most:])
                piece = piece[:most]
            before = self._waiting
            self._waiting -= len(piece)
            low = before >= self._low > self._waiting
        if low:
            self._wants_more()
        return piece

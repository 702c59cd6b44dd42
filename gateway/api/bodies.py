"""Request bodies as they come off the socket, with an end that is always known.

cheroot's own readers are not used. Its chunked one takes a whole chunk into memory, whatever its
announced size, and leaves what it did not read to be taken for the next request; its other one
reads without end when the announced length is negative.
"""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing_extensions import Buffer

PIECE = 65_536
"""Most bytes taken from the socket at once."""
LONGEST_LINE = 256
"""Most bytes of a line that gives a chunk's size, and of a trailer line."""
MOST_TRAILERS = 32


class ByteSource(Protocol):
    """The buffered reading end of a connection."""

    def read1(self, size: int, /) -> bytes:
        """At most `size` bytes, waiting for the first only; empty at the end."""

    def readline(self, size: int, /) -> bytes:
        """Up to and with the next line feed, at most `size` bytes."""


class BodyError(OSError):
    """The connection ended inside the body, the chunks are malformed, or it took too long."""


class Body(io.RawIOBase):
    """What WSGI reads: `wsgi.input`. Subclasses know where the body ends."""

    def __init__(self, source: ByteSource, late: Callable[[], bool]) -> None:
        """`late` tells when the body has taken too long: it is asked before every piece."""
        super().__init__()
        self._source = source
        self._late = late
        self.finished = False
        """True once the last byte was taken, so that the next request may follow."""
        self.broken = False
        """True once there is no sound rest: it ended early, made no sense or took too long."""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes of the body, fewer only at its end; all that is left without it.

        Raises BodyError when there is no sound rest.
        """
        wanted = None if size is None or size < 0 else size
        pieces: list[bytes] = []
        taken = 0
        while not self.finished and (wanted is None or taken < wanted):
            piece = self._guarded(PIECE if wanted is None else min(PIECE, wanted - taken))
            pieces.append(piece)
            taken += len(piece)
        return b"".join(pieces)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer` as far as the body goes; the number of bytes put there."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def discard(self, most: int) -> None:
        """Read and drop what is left, at most `most` bytes of it."""
        while not self.finished and most > 0:
            most -= len(self._guarded(min(PIECE, most)))

    def _guarded(self, size: int) -> bytes:
        if self.broken:
            raise BodyError("the body is broken")
        try:
            if self._late():
                raise BodyError("the body took too long")
            return self._next(size)
        except TimeoutError as error:
            self.broken = True
            raise BodyError("the body took too long") from error
        except OSError as error:
            self.broken = True
            raise BodyError(str(error)) from error

    @abstractmethod
    def _next(self, size: int) -> bytes:
        """Between 1 and `size` bytes; none at the end, which sets `finished`."""

    def _take(self, size: int) -> bytes:
        piece = self._source.read1(min(size, PIECE))
        if not piece:
            raise BodyError("the connection ended inside the body")
        return piece


class SizedBody(Body):
    """A body of a length that was announced."""

    def __init__(self, source: ByteSource, late: Callable[[], bool], length: int) -> None:
        super().__init__(source, late)
        self._left = length
        self.finished = length == 0

    def _next(self, size: int) -> bytes:
        piece = self._take(min(size, self._left))
        self._left -= len(piece)
        self.finished = self._left == 0
        return piece


class ChunkedBody(Body):
    """A body in chunks (RFC 9112, section 7.1), of which never more than a piece is kept."""

    def __init__(self, source: ByteSource, late: Callable[[], bool]) -> None:
        super().__init__(source, late)
        self._left = 0

    def _next(self, size: int) -> bytes:
        if self._left == 0:
            self._left = self._chunk_size()
            if self._left == 0:
                self._skip_trailers()
                self.finished = True
                return b""
        piece = self._take(min(size, self._left))
        self._left -= len(piece)
        if self._left == 0 and self._line() != b"":
            raise BodyError("a chunk is longer than it says")
        return piece

    def _chunk_size(self) -> int:
        digits = self._line().split(b";", 1)[0].strip()
        if not digits or len(digits) > 16 or digits.strip(b"0123456789abcdefABCDEF"):
            raise BodyError("the size of a chunk is not a hexadecimal number")
        return int(digits, 16)

    def _skip_trailers(self) -> None:
        for _ in range(MOST_TRAILERS):
            if self._line() == b"":
                return
        raise BodyError("too many trailers")

    def _line(self) -> bytes:
        line = self._source.readline(LONGEST_LINE)
        if not line.endswith(b"\r\n"):
            raise BodyError("a chunk's line has no end")
        return line[:-2]

"""What readers send, kept for a technician who watches them.

Nothing is kept of a reader that nobody watches. A watch ends by itself unless it is renewed, and
what was kept goes with it. Only the loop's thread uses it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from gateway.credentials.captures import (
    BytesCapture,
    Captured,
    CardCapture,
    FrameCapture,
    TypedCapture,
    pulse_widths_us,
    starts_us,
)
from gateway.credentials.wiegand import Frame
from gateway.errors import NotFound

LEASE_NS = 5_000_000_000
"""How long a watch lasts without renewal."""
CAPTURES_KEPT = 20
"""Captures kept of one reader."""
BYTES_KEPT = 512
"""Most bytes or characters of one capture."""
NEWS_NS = 100_000_000
"""Shortest time between two reports that something is new."""


@dataclass(frozen=True, slots=True)
class LineCapture:
    """An input line and its edges since the start."""

    kind: str
    """As in `Rig.levels`."""
    number: int
    high: bool | None
    """None of a supervised line while its contact cannot be told."""
    changed_ns: int | None = None
    """Monotonic nanoseconds of the last change; None before the first, and for data lines."""
    changes: int = 0
    edges: int = 0
    """More edges than changes are bounces."""
    ohm: int | None = None
    """Of a supervised line; None of others, while nothing is measured, and of an open circuit."""
    reading: str = ""
    """What the resistance of a supervised line says; empty of others."""


class ReaderCaptures:
    """The captures of one reader. Drivers add what comes while `watched`."""

    def __init__(self, news: Callable[[], None]) -> None:
        """`news` reports each capture."""
        self.watched = False
        self.widths = False
        """Whether somebody wants the widths of pulses."""
        self.ends_ns = 0
        self._keys_end_ns = 0
        self._widths_end_ns = 0
        self._news = news
        self._number = 0
        self._kept: deque[Captured] = deque(maxlen=CAPTURES_KEPT)

    def kept(self, *, keys: bool) -> tuple[Captured, ...]:
        """Return what was captured, oldest first; without `keys` the bits of keys are left out."""
        return tuple(
            replace(captured, bits="")
            if isinstance(captured, FrameCapture) and captured.keys and not keys
            else captured
            for captured in self._kept
        )

    def watch(self, now_ns: int, *, keys: bool, widths: bool) -> None:
        """Begin or renew a watch, with the keys of a keypad and the widths of pulses if wanted."""
        self.watched, self.ends_ns = True, now_ns + LEASE_NS
        self._keys_end_ns = self.ends_ns if keys else self._keys_end_ns
        self._widths_end_ns = self.ends_ns if widths else self._widths_end_ns
        self.widths = self._widths_end_ns > now_ns

    def service(self, now_ns: int) -> None:
        """End what was not renewed, and discard what it kept."""
        if not self.watched:
            return
        self.widths = self._widths_end_ns > now_ns
        if self._keys_end_ns <= now_ns:
            kept = self.kept(keys=False)
            self._kept.clear()
            self._kept.extend(kept)
        if self.ends_ns <= now_ns:
            self.watched = False
            self._kept.clear()

    def frame(
        self, frame: Frame, rises: Iterable[tuple[int, int]], why: str = "", *, secret: bool = False
    ) -> None:
        """Add a Wiegand frame; `rises` are the ends of pulses, `secret` says that it may be keys.

        A frame that continues one that was read early replaces it.
        """
        if not self.watched:
            return
        last = self._kept[-1] if self._kept else None
        if last is not None and last.at_ns == frame.first_ns:
            self._kept.pop()
        hidden = secret and self._keys_end_ns <= frame.last_ns
        self._keep(
            FrameCapture(
                self._next(),
                frame.first_ns,
                "" if hidden else frame.bits,
                starts_us(frame),
                pulse_widths_us(frame, rises),
                secret,
                why,
            )
        )

    def bits(self, bits: str, at_ns: int, why: str = "", *, secret: bool = False) -> None:
        """Add a frame that came as a message, without a timing of its own; see `frame`."""
        if not self.watched:
            return
        hidden = secret and self._keys_end_ns <= at_ns
        self._keep(FrameCapture(self._next(), at_ns, "" if hidden else bits, (), (), secret, why))

    def data(self, data: bytes, at_ns: int) -> None:
        """Add bytes of a serial reader."""
        if self.watched:
            self._keep(BytesCapture(self._next(), at_ns, data[-BYTES_KEPT:].hex()))

    def typed(self, text: str, at_ns: int, why: str = "") -> None:
        """Add a text that was typed."""
        if self.watched:
            self._keep(TypedCapture(self._next(), at_ns, text[-BYTES_KEPT:], why))

    def card(self, atr: bytes, answer: bytes, at_ns: int, why: str = "") -> None:
        """Add a card at a PC/SC reader."""
        if self.watched:
            shown = atr[:BYTES_KEPT].hex(), answer[:BYTES_KEPT].hex()
            self._keep(CardCapture(self._next(), at_ns, *shown, why))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _keep(self, captured: Captured) -> None:
        self._kept.append(captured)
        self._news()


class Captures:
    """The captures of all readers, and whether somebody watches at all."""

    def __init__(self, readers: Iterable[str] = ()) -> None:
        self._readers = {name: ReaderCaptures(self.report) for name in readers}
        self._ends_ns: int | None = None
        self._new = False
        self._to_report = False
        self._reported_ns = 0

    def of(self, reader: str) -> ReaderCaptures:
        """Return those of a reader of the site; raises NotFound for another."""
        if reader not in self._readers:
            there = ", ".join(self._readers) or "none"
            raise NotFound(f"there is no reader {reader!r}; this site has: {there}")
        return self._readers[reader]

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return self._ends_ns is not None

    def watch(self, now_ns: int) -> None:
        """Begin or renew the watch of inputs; that of a reader is its own."""
        self._ends_ns = now_ns + LEASE_NS

    def report(self) -> None:
        """Note that something is new for who watches."""
        self._new = True

    def service(self, now_ns: int) -> None:
        """End the watches that were not renewed."""
        if self._ends_ns is None:
            return
        for captures in self._readers.values():
            captures.service(now_ns)
        if self._new and now_ns >= self._reported_ns + NEWS_NS:
            self._new, self._to_report, self._reported_ns = False, True, now_ns
        if self._ends_ns <= now_ns:
            self._ends_ns, self._new = None, False

    def due_ns(self) -> int | None:
        """When `service` has something to do; None if nobody watches."""
        if self._ends_ns is None:
            return None
        dues = [captures.ends_ns for captures in self._readers.values() if captures.watched]
        dues.append(self._reported_ns + NEWS_NS if self._new else self._ends_ns)
        return min(dues)

    def take_news(self) -> bool:
        """Return whether there is something new to report: once, and at most once in NEWS_NS."""
        taken, self._to_report = self._to_report, False
        return taken

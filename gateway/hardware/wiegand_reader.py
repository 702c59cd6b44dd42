"""Wiegand readers: stamped edges of two lines become cards, PINs and bad frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from gateway.credentials.keypad import BURST_BITS, KeyCollector, decode_key
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.credentials.wiegand import FORMATS, Frame, FrameAssembler, decode
from gateway.errors import BrokenFrame
from gateway.hardware.events import KeyPressed, Loop
from gateway.hardware.pins import Pin, PinFactory
from gateway.hardware.reading_settings import ReadingSettings
from gateway.settings import Pull, WiegandReader

_MS = 1_000_000
_NS = 1_000_000_000
_EDGES_KEPT = 4096
"""Edges that wait for the loop; 0.8 s of the fastest reader."""


class EdgeSource(Protocol):
    """Where a reader's bits come from: falling edges, stamped by whoever saw them."""

    edge_lag_ns: int
    """How long an edge may be on its way, counted from its stamp."""

    def drain(self) -> list[tuple[int, int]]:
        """Take what came since the last call: (monotonic ns, bit), in order of arrival."""

    def levels(self) -> tuple[bool, bool]:
        """The levels of D0 and D1 now; both are high while nothing is sent."""

    def turns(self, now_ns: int) -> bool:
        """Whether its thread, if it has one, still goes round."""

    def close(self) -> None:
        """Stop listening."""


class PinEdgeSource:
    """Both lines as pins; the pin level of the library, since its devices drop the stamps."""

    def __init__(self, factory: PinFactory, d0: int, d1: int, wake: Callable[[], None]) -> None:
        self.edge_lag_ns = factory.edge_lag_ns
        self._wake = wake
        self._edges: deque[tuple[int, int]] = deque(maxlen=_EDGES_KEPT)
        self._pins: list[Pin] = []
        for number, callback in ((d0, self._zero), (d1, self._one)):
            pin = factory.pin(number)
            # Idle lines are high; the pull keeps those of an unplugged reader from floating.
            pin.input_with_pull(Pull.UP.value)
            pin.edges = "falling"
            pin.when_changed = callback
            self._pins.append(pin)

    def drain(self) -> list[tuple[int, int]]:
        taken = []
        while self._edges:
            taken.append(self._edges.popleft())
        return taken

    def turns(self, now_ns: int) -> bool:  # noqa: ARG002 - the library's thread serves all pins
        return True

    def levels(self) -> tuple[bool, bool]:
        d0, d1 = (bool(pin.state) for pin in self._pins)
        return d0, d1

    def close(self) -> None:
        for pin in self._pins:
            pin.close()

    def _zero(self, ticks: float, state: int) -> None:  # noqa: ARG002 - a falling edge is low
        self._edges.append((round(ticks * _NS), 0))
        self._wake()

    def _one(self, ticks: float, state: int) -> None:  # noqa: ARG002 - a falling edge is low
        self._edges.append((round(ticks * _NS), 1))
        self._wake()


class WiegandDriver:
    """One reader, with or without a keypad; its frames end by a gap in the edges' own time."""

    def __init__(
        self,
        settings: WiegandReader,
        source: EdgeSource,
        loop: Loop,
    ) -> None:
        """`settings.formats` are names of `FORMATS`, as `boards.check_site` makes sure."""
        self.name = settings.name
        self._source = source
        self._post = loop.post
        self._formats = tuple(FORMATS[name] for name in settings.formats)
        self._assembler = FrameAssembler(settings.gap_ms * _MS)
        self._keys = KeyCollector(settings.key_timeout_ms * _MS)
        self._close_ns: int | None = None
        self._closing: int | None = None

    @property
    def due_ns(self) -> int | None:
        """When a running frame may be closed."""
        due_ns = self._assembler.due_ns
        return self._close_ns if due_ns is not None and due_ns == self._closing else due_ns

    def configure(self, reading: ReadingSettings) -> None:
        """The site file alone says so far what comes on the lines."""

    def turns(self, now_ns: int) -> bool:
        return self._source.turns(now_ns)

    def service(self, now_ns: int) -> None:
        """Post what the edges so far amount to."""
        for stamp_ns, bit in sorted(self._source.drain()):
            frame = self._assembler.edge(stamp_ns, bit)
            if frame is not None:
                self._take(frame)
        due_ns = self._assembler.due_ns
        if due_ns is not None and now_ns >= due_ns and self._may_close(due_ns, now_ns):
            frame = self._assembler.close(now_ns)
            if frame is not None:
                self._take(frame)

    def close(self) -> None:
        """Stop listening."""
        self._source.close()

    def _may_close(self, due_ns: int, now_ns: int) -> bool:
        """Whether silence until `due_ns` is certain.

        A loop that was held up, and comes late, first gives the edges time to arrive that were
        held up with it in another thread.
        """
        if self._closing != due_ns:
            lag_ns = self._source.edge_lag_ns
            self._closing = due_ns
            self._close_ns = due_ns if now_ns - due_ns <= lag_ns else now_ns + lag_ns
        return self._close_ns is None or now_ns >= self._close_ns

    def _take(self, frame: Frame) -> None:
        try:
            credential = self._credential(frame)
        except BrokenFrame as error:
            self._post(BadFrame(self.name, frame.bits, str(error), frame.last_ns))
            return
        if credential is not None:
            self._post(Identification(self.name, credential, frame.last_ns))

    def _credential(self, frame: Frame) -> Credential | None:
        if len(frame.bits) not in BURST_BITS:
            return decode(frame.bits, self._formats)
        pressed = decode_key(frame.bits)
        self._post(KeyPressed(self.name, frame.last_ns))
        pin = self._keys.key(pressed, frame.last_ns)
        return None if pin is None else Credential(CredentialKind.PIN, pin)

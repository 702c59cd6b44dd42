"""Wiegand readers: stamped edges of two lines become cards, PINs and bad frames."""

from __future__ import annotations

from gateway.credentials.keypad import BURST_BITS, KeyCollector, decode_key
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.credentials.wiegand import FORMATS, Frame, FrameAssembler, decode
from gateway.errors import BrokenFrame
from gateway.hardware.edges import EdgeSource
from gateway.hardware.events import KeyPressed, Loop
from gateway.hardware.reading_settings import ReadingSettings
from gateway.settings import WiegandReader

_MS = 1_000_000


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
        self.counters = {"frames": 0, "bad_frames": 0}
        """What came of the edges."""
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
        self.counters["frames"] += 1
        try:
            credential = self._credential(frame)
        except BrokenFrame as error:
            self.counters["bad_frames"] += 1
            self._post(BadFrame(self.name, frame.bits, str(error), frame.last_ns))
            return
        if credential is not None:
            self._post(Identification(self.name, credential, frame.last_ns))

    def _credential(self, frame: Frame) -> Credential | None:
        lost = self._source.lost_until(frame.last_ns)
        if lost:
            raise BrokenFrame(f"{lost} edges lost")
        if len(frame.bits) not in BURST_BITS:
            return decode(frame.bits, self._formats)
        pressed = decode_key(frame.bits)
        self._post(KeyPressed(self.name, frame.last_ns))
        pin = self._keys.key(pressed, frame.last_ns)
        return None if pin is None else Credential(CredentialKind.PIN, pin)

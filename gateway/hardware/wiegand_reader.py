"""Wiegand readers: stamped edges of two lines become cards, PINs and bad frames."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.credentials.keypad import BURST_BITS, KeyCollector, decode_key
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.credentials.wiegand import (
    FORMATS,
    Frame,
    FrameAssembler,
    ReplayWatch,
    WiegandFormat,
    decode,
    lacks_a_bit,
    pin_of_frame,
)
from gateway.errors import BrokenFrame
from gateway.hardware.complaints import Complaints
from gateway.hardware.edges import EdgeSource
from gateway.hardware.events import KeyPressed, Loop, ReplaySuspected
from gateway.hardware.reading_settings import ReadingSettings
from gateway.settings import WiegandReader

_MS = 1_000_000
_WHOLE_PIN_BITS = 26
_TROUBLES = 3
"""So many frames with one trouble speak against the wiring; a single one is noise."""


@dataclass(slots=True)
class FrameCounts:
    """What a reader's lines have carried since its start."""

    frames: int = 0
    """Frames that ended, bursts of keys included."""
    bad: int = 0
    """Frames among them that were refused."""
    short: int = 0
    """Frames among those that were one bit short of a format."""
    together: int = 0
    """Frames during which both lines pulsed at once."""
    overrun: int = 0
    """Frames that went on after a card had been read from them."""
    replays: int = 0
    """Frames that may have been played from a recording."""
    ringing: int = 0
    """Edges that were no bits, since they came too soon after another one."""


class WiegandDriver:
    """One reader, with or without a keypad; its frames end by a gap in the edges' own time.

    A frame of the longest format that may come is used with its last bit, if each format of that
    length has a parity by which it can be known: nothing else could begin with it. With shorter
    ones, the silence tells that they are over.
    """

    def __init__(
        self,
        settings: WiegandReader,
        source: EdgeSource,
        loop: Loop,
    ) -> None:
        """`settings.formats` are names of `FORMATS`, as `boards.check_site` makes sure."""
        self.name = settings.name
        self.counts = FrameCounts()
        self._settings = settings
        self._source = source
        self._post = loop.post
        self._assembler = FrameAssembler(settings.gap_ms * _MS)
        self._keys = KeyCollector(
            settings.key_timeout_ms * _MS, settings.end_key, settings.clear_key
        )
        self._replays = ReplayWatch()
        self._complaints = Complaints(settings.name, loop.post)
        self._lost = 0
        """Edges that are missing in the running frame."""
        self._close_ns: int | None = None
        self._closing: int | None = None
        self._formats: tuple[WiegandFormat, ...] = ()
        self._early_bits = 0
        self._last_byte_first = False
        self.configure(ReadingSettings())

    @property
    def counters(self) -> dict[str, int]:
        """What a technician wants to know of the frames, by name."""
        counts = self.counts
        return {
            "frames": counts.frames,
            "bad_frames": counts.bad,
            "short_frames": counts.short,
            "lines_together": counts.together,
            "overrun_frames": counts.overrun,
            "replays": counts.replays,
            "ringing_edges": counts.ringing,
        }

    @property
    def due_ns(self) -> int | None:
        """When a running frame may be closed, or a complaint is over."""
        due_ns = self._assembler.due_ns
        if due_ns is not None and due_ns == self._closing:
            due_ns = self._close_ns
        dues = [due for due in (due_ns, self._complaints.due_ns) if due is not None]
        return min(dues, default=None)

    def configure(self, reading: ReadingSettings) -> None:
        """Read the site's own formats too, after those of the site file."""
        named = tuple(FORMATS[name] for name in self._settings.formats)
        self._formats = (*named, *reading.wiegand_formats)
        self._last_byte_first = self._settings.index in reading.last_byte_first
        longest = max(layout.bits for layout in self._formats)
        certain = all(layout.parities for layout in self._formats if layout.bits == longest)
        if self._settings.whole_pins and longest < _WHOLE_PIN_BITS:
            longest, certain = _WHOLE_PIN_BITS, True
        self._early_bits = longest if certain else 0

    def turns(self, now_ns: int) -> bool:
        return self._source.turns(now_ns)

    def service(self, now_ns: int) -> None:
        """Post what the edges so far amount to."""
        for stamp_ns, bit in sorted(self._source.drain()):
            frame = self._assembler.edge(stamp_ns, bit)
            if frame is not None:
                self._take(frame)
        self._take_early()
        due_ns = self._assembler.due_ns
        if due_ns is not None and now_ns >= due_ns and self._may_close(due_ns, now_ns):
            frame = self._assembler.close(now_ns)
            if frame is not None:
                self._take(frame)
        self._hear_ringing(now_ns)
        self._complaints.service(now_ns)

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

    def _take_early(self) -> None:
        """Use the running frame if no format is longer and this one is right."""
        frame = self._assembler.whole(self._early_bits)
        if frame is None:
            return
        try:
            credential = self._credential(frame)
        except BrokenFrame:
            return  # With all that is still to come, the report says more.
        self._assembler.take()
        self._read(frame, credential)

    def _take(self, frame: Frame) -> None:
        try:
            credential = self._credential(frame)
        except BrokenFrame as error:
            self._refuse(frame, str(error))
        else:
            self._read(frame, credential)
        self._lost = 0

    def _credential(self, frame: Frame) -> Credential | None:
        """What a frame is; None for a key that is not the last one of a PIN."""
        if frame.taken:
            more = len(frame.bits) - frame.taken
            raise BrokenFrame(
                f"{more} more bits came after {frame.taken} that were read: noise, or a card of "
                "another format"
            )
        self._lost += self._source.lost_until(frame.last_ns)
        if self._lost:
            raise BrokenFrame(f"{self._lost} edges lost")
        if frame.together:
            raise BrokenFrame("D0 and D1 pulsed together: noise, or the lines touch")
        if len(frame.bits) in BURST_BITS:
            return self._key(frame)
        pin = pin_of_frame(frame.bits) if self._settings.whole_pins else None
        if pin is not None:
            return Credential(CredentialKind.PIN, pin)
        return decode(frame.bits, self._formats, last_byte_first=self._last_byte_first)

    def _key(self, frame: Frame) -> Credential | None:
        if not self._settings.keypad:
            raise BrokenFrame(f"{len(frame.bits)} bits are a key, and this reader has no keypad")
        pressed = decode_key(frame.bits, self._settings.six_bit_keys)
        self._post(KeyPressed(self.name, frame.last_ns))
        pin = self._keys.key(pressed, frame.last_ns)
        return None if pin is None else Credential(CredentialKind.PIN, pin)

    def _read(self, frame: Frame, credential: Credential | None) -> None:
        self.counts.frames += 1
        if len(frame.bits) not in BURST_BITS:
            self._look_for_replay(frame)
        if credential is not None:
            self._post(Identification(self.name, credential, frame.last_ns))

    def _refuse(self, frame: Frame, why: str) -> None:
        self.counts.frames += 1
        self.counts.bad += 1
        if frame.taken:
            self.counts.overrun += 1
            self._complaints.add("cards are followed by more bits", frame.last_ns, _TROUBLES)
        elif frame.together:
            self.counts.together += 1
            self._complaints.add("D0 and D1 pulse together", frame.last_ns, _TROUBLES)
        elif lacks_a_bit(frame.bits, self._formats) is not None:
            self.counts.short += 1
            self._complaints.add("frames are one bit short", frame.last_ns, _TROUBLES)
        # What may be a PIN, were it not for one bit, is nobody's to read.
        secret = self._settings.whole_pins and _WHOLE_PIN_BITS in (len(frame.bits), frame.taken)
        self._post(BadFrame(self.name, "" if secret else frame.bits, why, frame.last_ns))

    def _look_for_replay(self, frame: Frame) -> None:
        why = self._replays.look(frame)
        if why:
            self.counts.replays += 1
            self._complaints.add(why, frame.last_ns)
            self._post(ReplaySuspected(self.name, why, frame.last_ns))

    def _hear_ringing(self, now_ns: int) -> None:
        heard, self.counts.ringing = self.counts.ringing, self._assembler.ringing
        for _ in range(min(_TROUBLES, self.counts.ringing - heard)):
            self._complaints.add("pulses ring", now_ns, _TROUBLES)

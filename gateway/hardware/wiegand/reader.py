"""The Wiegand driver: turns stamped edges into cards, PINs and bad frames."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.credentials.keypad import BURST_BITS, KeyCollector, decode_key, may_be_keys
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.credentials.wiegand import (
    FORMATS,
    Frame,
    ReplayDetector,
    WiegandFormat,
    decode,
    lacks_a_bit,
    pin_of_frame,
)
from gateway.errors import BrokenFrame
from gateway.hardware.captures import ReaderCaptures
from gateway.hardware.events import KeyPressed, Loop, ReplaySuspected
from gateway.hardware.pins.polled import PolledSource
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.recent_faults import RecentFaults
from gateway.hardware.report_limits import RateLimit, with_omitted
from gateway.hardware.wiegand.edges import EdgeSource
from gateway.hardware.wiegand.frames import CollectedFrame, FrameCollector
from gateway.settings import WiegandReader

_MS = 1_000_000
_FAULTS_NEEDED = 3
"""Frames with the same fault that degrade the reader; a single one is noise."""


@dataclass(slots=True)
class FrameCounts:
    """Frame counters since the reader's start."""

    frames: int = 0
    """All frames, key bursts included."""
    bad: int = 0
    """Refused frames."""
    short: int = 0
    """Refused frames that are one bit short of a format."""
    together: int = 0
    """Frames in which both lines pulsed at once."""
    overrun: int = 0
    """Frames that continued after a card had been read from them."""
    replays: int = 0
    """Frames that may be replayed recordings."""
    ringing: int = 0
    """Edges that came too soon after another one to be bits."""


class WiegandDriver:
    """One reader, with or without a keypad.

    Frames of the longest configured format may end early (see FrameCollector) if every format of
    that length has a parity check.
    """

    def __init__(
        self,
        settings: WiegandReader,
        source: EdgeSource,
        loop: Loop,
        captures: ReaderCaptures | None = None,
    ) -> None:
        """`settings.formats` must be names in `FORMATS`; `check_site` verifies this."""
        self.name = settings.name
        self.counts = FrameCounts()
        self._settings = settings
        self._source = source
        self._post = loop.post
        self._captures = captures or ReaderCaptures(lambda: None)
        self.collector = FrameCollector(source, settings.gap_ms * _MS, loop.wake)
        """Served by the edge thread if that reads the source, else by this driver."""
        self._collects = not isinstance(source, PolledSource)
        self._keys = KeyCollector(
            settings.key_timeout_ms * _MS,
            settings.end_key,
            settings.clear_key,
            length=settings.pin_length,
        )
        self._replays = ReplayDetector()
        self._replay_reports = RateLimit()
        self._faults = RecentFaults(settings.name, loop.post)
        self._formats: tuple[WiegandFormat, ...] = ()
        self._last_byte_first = False
        self.configure(ReadingSettings())

    @property
    def counters(self) -> dict[str, int]:
        """Frame counters by name."""
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
        """When the current frame may end, or a recent fault ends."""
        frame_ns = self.collector.due_ns if self._collects else None
        dues = (frame_ns, self._faults.due_ns)
        return min((due for due in dues if due is not None), default=None)

    def configure(self, reading: ReadingSettings) -> None:
        """Apply the site's own formats, after those in the site file."""
        named = tuple(FORMATS[name] for name in self._settings.formats)
        self._formats = (*named, *reading.wiegand_formats)
        self._last_byte_first = self._settings.index in reading.last_byte_first
        longest = max(layout.bits for layout in self._formats)
        certain = all(layout.parities for layout in self._formats if layout.bits == longest)
        if self._settings.whole_pins and longest < self._settings.whole_pins + 2:
            longest, certain = self._settings.whole_pins + 2, True
        self.collector.configure(longest if certain else 0, self._decodes)

    def responsive(self, now_ns: int) -> bool:
        return self._source.responsive(now_ns)

    def service(self, now_ns: int) -> None:
        """Decode new edges and post the results."""
        if self._source.measuring is not self._captures.widths:
            self._source.measure(on=self._captures.widths)
        if self._collects:
            self.collector.service(now_ns)
        for found in self.collector.take():
            self._take(found)
        self._note_ringing(now_ns)
        self._faults.service(now_ns)

    def close(self) -> None:
        """Stop reading."""
        self._source.close()

    def _take(self, found: CollectedFrame) -> None:
        try:
            credential = self._credential(found)
        except BrokenFrame as error:
            self._refuse(found, str(error))
        else:
            self._read(found, credential)

    def _credential(self, found: CollectedFrame) -> Credential | None:
        """Decode a frame; None for a key that does not complete a PIN."""
        frame = found.frame
        if frame.taken:
            more = len(frame.bits) - frame.taken
            raise BrokenFrame(
                f"{more} more bits followed {frame.taken} that were read: noise, or a card of "
                "another format"
            )
        if found.lost:
            raise BrokenFrame(f"{found.lost} edges lost")
        if frame.together:
            raise BrokenFrame("D0 and D1 pulsed together: noise, or the lines touch")
        if len(frame.bits) in BURST_BITS:
            return self._key(frame)
        return self._decoded(frame.bits)

    def _decoded(self, bits: str) -> Credential:
        whole = self._settings.whole_pins
        pin = pin_of_frame(bits, whole) if whole else None
        if pin is not None:
            return Credential(CredentialKind.PIN, pin)
        return decode(bits, self._formats, last_byte_first=self._last_byte_first)

    def _decodes(self, bits: str) -> bool:
        """Return whether the bits are a card or a PIN; called from any thread."""
        try:
            self._decoded(bits)
        except BrokenFrame:
            return False
        return True

    def _key(self, frame: Frame) -> Credential | None:
        if not self._settings.keypad:
            raise BrokenFrame(f"{len(frame.bits)} bits are a key, but this reader has no keypad")
        pressed = decode_key(frame.bits, self._settings.six_bit_keys)
        self._post(KeyPressed(self.name, frame.last_ns))
        pin = self._keys.key(pressed, frame.last_ns)
        return None if pin is None else Credential(CredentialKind.PIN, pin)

    def _read(self, found: CollectedFrame, credential: Credential | None) -> None:
        frame = found.frame
        self.counts.frames += 1
        if len(frame.bits) not in BURST_BITS:
            self._look_for_replay(frame)
        if credential is not None:
            self._post(Identification(self.name, credential, frame.last_ns))
        self._capture(found)

    def _refuse(self, found: CollectedFrame, why: str) -> None:
        frame = found.frame
        self.counts.frames += 1
        self.counts.bad += 1
        if frame.taken:
            self.counts.overrun += 1
            self._faults.add("more bits follow a card", frame.last_ns, _FAULTS_NEEDED)
        elif frame.together:
            self.counts.together += 1
            self._faults.add("D0 and D1 pulse together", frame.last_ns, _FAULTS_NEEDED)
        elif lacks_a_bit(frame.bits, self._formats) is not None:
            self.counts.short += 1
            self._faults.add("frames are one bit short", frame.last_ns, _FAULTS_NEEDED)
        bits = "" if self._may_be_keys(frame) else frame.bits
        self._post(BadFrame(self.name, bits, why, frame.last_ns))
        self._capture(found, why)

    def _may_be_keys(self, frame: Frame) -> bool:
        """Return whether the bits may reveal a PIN, which damaged ones may do, too."""
        return bool(self._settings.whole_pins) or may_be_keys(frame.bits)

    def _capture(self, found: CollectedFrame, why: str = "") -> None:
        if self._captures.watched:
            secret = self._may_be_keys(found.frame)
            self._captures.frame(found.frame, found.rises, why, secret=secret)

    def _look_for_replay(self, frame: Frame) -> None:
        why = self._replays.look(frame)
        if why:
            self.counts.replays += 1
            self._faults.add(why, frame.last_ns)
            omitted = self._replay_reports.allow(frame.last_ns)
            if omitted is not None:
                why = with_omitted(why, omitted)
                self._post(ReplaySuspected(self.name, why, frame.last_ns))

    def _note_ringing(self, now_ns: int) -> None:
        before, self.counts.ringing = self.counts.ringing, self.collector.ringing
        for _ in range(min(_FAULTS_NEEDED, self.counts.ringing - before)):
            self._faults.add("pulses ring", now_ns, _FAULTS_NEEDED)

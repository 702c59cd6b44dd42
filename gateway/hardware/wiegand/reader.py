"""The Wiegand driver: turns stamped edges into cards, PINs and bad frames."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.credentials.keypad import BURST_BITS, KeyCollector, decode_key, may_be_keys
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.credentials.wiegand import (
    FORMATS,
    Frame,
    FrameAssembler,
    ReplayDetector,
    WiegandFormat,
    decode,
    lacks_a_bit,
    pin_of_frame,
)
from gateway.errors import BrokenFrame
from gateway.hardware.captures import ReaderCaptures
from gateway.hardware.events import KeyPressed, Loop, ReplaySuspected
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.recent_faults import RecentFaults
from gateway.hardware.report_limits import RateLimit, with_omitted
from gateway.hardware.wiegand.edges import EdgeSource
from gateway.settings import WiegandReader

_MS = 1_000_000
_SILENT_INTERVALS = 2
"""A silence of so many of its longest intervals ends a frame."""
_EARLY_LAG_NS = 2_000_000
"""Edge delay to allow for; a rare edge that takes longer makes the frame bad afterwards."""
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


class _Silence:
    """Decides whether the lines were silent until some instant.

    After a delay of the loop it waits for edges that were delayed in another thread.
    """

    def __init__(self, lag_ns: int) -> None:
        """`lag_ns` is the longest delay of an edge."""
        self._lag_ns = lag_ns
        self._until_ns = 0
        self._over_ns = 0

    def over_ns(self, until_ns: int) -> int:
        """Return when silence until `until_ns` will be certain."""
        return self._over_ns if until_ns == self._until_ns else until_ns

    def certain(self, until_ns: int, now_ns: int) -> bool:
        """Return whether silence until `until_ns` is certain at `now_ns`."""
        if now_ns < until_ns:
            return False
        if until_ns != self._until_ns:
            self._until_ns = until_ns
            late = now_ns - until_ns > self._lag_ns
            self._over_ns = now_ns + self._lag_ns if late else until_ns
        return now_ns >= self._over_ns


class WiegandDriver:
    """One reader, with or without a keypad; a gap in the edges' stamps ends a frame.

    A frame of the longest configured format ends early, after a silence of two of its own
    intervals, if every format of that length has a parity check. The silence distinguishes it from
    the start of a longer card. Shorter frames wait for the gap.
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
        self._assembler = FrameAssembler(settings.gap_ms * _MS)
        self._keys = KeyCollector(
            settings.key_timeout_ms * _MS,
            settings.end_key,
            settings.clear_key,
            length=settings.pin_length,
        )
        self._replays = ReplayDetector()
        self._replay_reports = RateLimit()
        self._faults = RecentFaults(settings.name, loop.post)
        self._lost = 0
        """Edges missing in the current frame."""
        self._gap = _Silence(source.edge_lag_ns)
        self._overdue = _Silence(source.edge_lag_ns)
        self._formats: tuple[WiegandFormat, ...] = ()
        self._early_bits = 0
        """Length of frames that may end early; 0 for none."""
        self._judged_ns = 0
        """Stamp of the last bit of the frame that was last decoded early."""
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
        gap_ns, whole_ns = self._assembler.due_ns, self._whole_ns()
        dues = (
            None if gap_ns is None else self._gap.over_ns(gap_ns),
            None if whole_ns is None else self._overdue.over_ns(whole_ns),
            self._faults.due_ns,
        )
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
        self._early_bits = longest if certain else 0

    def responsive(self, now_ns: int) -> bool:
        return self._source.responsive(now_ns)

    def service(self, now_ns: int) -> None:
        """Decode new edges and post the results."""
        if self._source.measuring is not self._captures.widths:
            self._source.measure(on=self._captures.widths)
        for stamp_ns, bit in sorted(self._source.drain()):
            frame = self._assembler.edge(stamp_ns, bit)
            if frame is not None:
                self._take(frame)
        self._take_early(now_ns)
        due_ns = self._assembler.due_ns
        if due_ns is not None and self._gap.certain(due_ns, now_ns):
            frame = self._assembler.close(now_ns)
            if frame is not None:
                self._take(frame)
        self._note_ringing(now_ns)
        self._faults.service(now_ns)

    def close(self) -> None:
        """Stop reading."""
        self._source.close()

    def _whole_ns(self) -> int | None:
        """Return when the current frame may end early; None if it may not."""
        frame = self._assembler.whole(self._early_bits) if self._early_bits else None
        if frame is None or frame.last_ns == self._judged_ns:
            return None
        silence_ns = min(_SILENT_INTERVALS * max(frame.intervals_ns), self._settings.gap_ms * _MS)
        return frame.last_ns + silence_ns + min(self._source.edge_lag_ns, _EARLY_LAG_NS)

    def _take_early(self, now_ns: int) -> None:
        """Use the current frame if it may end early and decodes without an error."""
        whole_ns = self._whole_ns()
        if whole_ns is None or not self._overdue.certain(whole_ns, now_ns):
            return
        frame = self._assembler.so_far()
        self._judged_ns = frame.last_ns
        try:
            credential = self._credential(frame)
        except BrokenFrame:
            return  # The report after the gap has all bits.
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
        """Decode a frame; None for a key that does not complete a PIN."""
        if frame.taken:
            more = len(frame.bits) - frame.taken
            raise BrokenFrame(
                f"{more} more bits followed {frame.taken} that were read: noise, or a card of "
                "another format"
            )
        self._lost += self._source.lost_until(frame.last_ns)
        if self._lost:
            raise BrokenFrame(f"{self._lost} edges lost")
        if frame.together:
            raise BrokenFrame("D0 and D1 pulsed together: noise, or the lines touch")
        if len(frame.bits) in BURST_BITS:
            return self._key(frame)
        whole = self._settings.whole_pins
        pin = pin_of_frame(frame.bits, whole) if whole else None
        if pin is not None:
            return Credential(CredentialKind.PIN, pin)
        return decode(frame.bits, self._formats, last_byte_first=self._last_byte_first)

    def _key(self, frame: Frame) -> Credential | None:
        if not self._settings.keypad:
            raise BrokenFrame(f"{len(frame.bits)} bits are a key, but this reader has no keypad")
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
        self._capture(frame)

    def _refuse(self, frame: Frame, why: str) -> None:
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
        self._capture(frame, why)

    def _may_be_keys(self, frame: Frame) -> bool:
        """Return whether the bits may reveal a PIN, which damaged ones may do, too."""
        return bool(self._settings.whole_pins) or may_be_keys(frame.bits)

    def _capture(self, frame: Frame, why: str = "") -> None:
        if self._captures.watched:
            rises = self._source.rises()
            self._captures.frame(frame, rises, why, secret=self._may_be_keys(frame))

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
        before, self.counts.ringing = self.counts.ringing, self._assembler.ringing
        for _ in range(min(_FAULTS_NEEDED, self.counts.ringing - before)):
            self._faults.add("pulses ring", now_ns, _FAULTS_NEEDED)

"""Polls UHF readers for the tags in their field."""

from __future__ import annotations

from collections import deque

from gateway.credentials.protocols import UHF_PROTOCOLS
from gateway.credentials.stream_frames import Cut, FrameCutter
from gateway.credentials.tag_intervals import Intervals, TagIntervals
from gateway.credentials.uhf_values import UhfReply
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.hardware.events import Health
from gateway.hardware.reading_settings import ReadingSettings, UhfMode, UhfReading
from gateway.settings import SerialUhfReader

_MS = 1_000_000
POLL_NS = 100 * _MS
"""Interval of inventories, unless an answer takes longer."""
IDLE_POLL_NS = 2_000 * _MS
"""Poll interval while reading is off."""
STALE_NS = 250 * _MS
"""An incomplete frame is dropped after so long; the slowest frame takes 44 ms."""
ERRORS_REPORTED = 3
"""Errors in a row that degrade the reader."""
GOOD_ENOUGH = 50
"""Good answers in a row that end this, so that a loose antenna does not fill the journal."""
SILENT_REQUESTS = 2
"""Unanswered requests in a row that make the reader offline."""


class UhfPoller:
    """Makes the requests to one reader and decodes its answers. Has no clock, port or thread."""

    ends = bytes(range(256))
    """All bytes: no silence is awaited."""
    gap_s = 1.0

    def __init__(self, reader: SerialUhfReader) -> None:
        protocol = UHF_PROTOCOLS[reader.protocol]
        self._name = reader.name
        self._speed = reader.speed
        self._codec = protocol.codec(reader.address)
        self._answer_ns = protocol.answer_ms * _MS
        self._cutter = FrameCutter(self._codec.protocol)
        self._tags = TagIntervals()
        self._reading = UhfReading()
        self._to_set: deque[bytes] = deque()
        self._refused = ""
        self._setting = False
        self._asked_ns: int | None = None
        self._waiting = False
        self._received_ns = 0
        self._unanswered = 0
        self._answering = False
        self._error = ""
        self._errors_run = self._good_run = 0

    @property
    def due_ns(self) -> int | None:
        """When the next request is due; None for now, right after the port opened."""
        if self._asked_ns is None:
            return None
        idle = self._reading.mode is not UhfMode.CONTINUOUS and not self._to_set
        pause_ns = IDLE_POLL_NS if idle else POLL_NS
        return self._asked_ns + (self._answer_ns if self._waiting else pause_ns)

    @property
    def health(self) -> tuple[Health, str] | None:
        """The reader's state and its reason; None while unknown."""
        if self._unanswered >= SILENT_REQUESTS:
            why = f"the port is open, but the reader does not answer at {self._speed} baud"
            return Health.OFFLINE, why
        if not self._answering:
            return None
        why = self._error or self._refused
        if not why and self._reading.mode is UhfMode.TRIGGER:
            why = "uhf.operation_mode is trigger, which is not supported: the reader reads nothing"
        return (Health.DEGRADED, why) if why else (Health.ONLINE, "")

    def configure(self, reading: ReadingSettings) -> None:
        """Apply the database's settings for reading."""
        before, self._reading = self._reading, reading.uhf
        if self._reading.transmit_centidbm != before.transmit_centidbm:
            self._plan_settings()

    def silence(self) -> list[Identification | BadFrame]:
        """Does nothing: frames end by length and answers by time."""
        return []

    def reset(self) -> None:
        """Start again after the port opened or vanished: the reader has no settings yet."""
        self._cutter.reset()
        self._asked_ns, self._waiting, self._setting = None, False, False
        self._unanswered, self._answering = 0, False
        self._error, self._errors_run, self._good_run = "", 0, 0
        self._plan_settings()

    def request(self, now_ns: int) -> bytes | None:
        """Return the bytes to send now; None if nothing is due."""
        due_ns = self.due_ns
        if due_ns is not None and now_ns < due_ns:
            return None
        if self._waiting:
            self._unanswered += 1
            if self._unanswered >= SILENT_REQUESTS:
                self._answering = False
                self._plan_settings()
        self._asked_ns, self._waiting = now_ns, True
        self._setting = bool(self._to_set) and self._answering
        if self._setting:
            return self._to_set.popleft()
        reads = self._reading.mode is UhfMode.CONTINUOUS and self._answering
        return self._codec.inventory if reads else self._codec.identify

    def feed(self, data: bytes, at_ns: int) -> list[Identification | BadFrame]:
        """Take bytes that arrived at `at_ns`; returns the reads that they complete."""
        read = list[Identification | BadFrame]()
        cuts = list[Cut]()
        if at_ns - self._received_ns > STALE_NS:
            # A tag in a delayed frame was seen too long ago to open a door.
            cuts += [cut for cut in self._cutter.silence() if cut.flaw]
        self._received_ns = at_ns
        for cut in cuts + self._cutter.feed(data):
            if cut.flaw:
                read.append(BadFrame(self._name, cut.data.hex(), cut.flaw, at_ns))
            else:
                read += self._take(self._codec.reply(cut.data), at_ns)
        return read

    def _plan_settings(self) -> None:
        power = self._reading.transmit_centidbm
        self._to_set = deque() if power is None else deque([self._codec.power(power)])
        self._refused = ""

    def _take(self, reply: UhfReply, at_ns: int) -> list[Identification]:
        self._answering, self._unanswered = True, 0
        if self._setting:
            self._refused = f"transmit power is not set: {reply.error}" if reply.error else ""
        else:
            self._note_error(reply.error)
        if reply.last:
            self._waiting = self._setting = False
        if self._reading.mode is not UhfMode.CONTINUOUS:
            return []
        same_ns, other_ns = self._reading.same_tag_ms * _MS, self._reading.other_tag_ms * _MS
        intervals = Intervals(same_ns, other_ns)
        return [
            Identification(self._name, self._credential(tag), at_ns)
            for tag in reply.tags
            if self._tags.counts(tag, at_ns, intervals)
        ]

    def _note_error(self, error: str) -> None:
        """Note an answer's error; a single error may come from a damaged request."""
        if not error:
            self._errors_run, self._good_run = 0, self._good_run + 1
            if self._good_run >= GOOD_ENOUGH:
                self._error = ""
            return
        self._errors_run, self._good_run = self._errors_run + 1, 0
        if self._errors_run >= ERRORS_REPORTED:
            # Keep the first error, so that alternating errors are reported once.
            self._error = self._error or error

    def _credential(self, tag: bytes) -> Credential:
        ordered = tag[::-1] if self._reading.last_byte_first else tag
        return Credential(CredentialKind.UHF_TAG, ordered.hex().upper())

"""Delays reads at a reader where too many unknown cards or codes were shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.access.guessing import Throttle
from gateway.controller.state.component import (
    Component,
    Effect,
    Emit,
    GuessingChanged,
    NotIdentified,
    ReadDue,
)
from gateway.controller.state.recorder import Recorder
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.hardware.events import HardwareEvent
from gateway.store.journal import EntryKind

MOST_WAITING = 3
"""Most reads that wait at one reader. Each may take a pause of one second, and a person may have
left three seconds after showing a card."""


@dataclass(frozen=True, slots=True)
class SlowedReader:
    """A `Throttle` of credentials."""

    unknown: tuple[tuple[Credential, int], ...]
    latest_ms: int
    slow: bool


@dataclass(frozen=True, slots=True)
class ReadThrottleState:
    """By name of the reader."""

    readers: Mapping[str, SlowedReader]
    waiting: Mapping[str, tuple[Identification, ...]]
    """The oldest first."""
    left_out: Mapping[str, int]
    """Reads that were dropped because too many waited."""


class ReadThrottle(Component):
    """Passes reads on, or holds them for a moment. The loop's thread alone uses it."""

    def __init__(self, recorder: Recorder, emit: Emit) -> None:
        self._recorder = recorder
        self._emit = emit
        self._readers: dict[str, Throttle[Credential]] = {}
        self._waiting: dict[str, tuple[Identification, ...]] = {}
        """By reader, the oldest first, at most MOST_WAITING. A newer read is dropped instead of
        an older one, so that a guesser cannot displace a person with a valid card."""
        self._left_out: dict[str, int] = {}

    def state(self) -> ReadThrottleState:
        return ReadThrottleState(
            readers={
                reader: SlowedReader(known.unknown, known.latest_ms, known.slow)
                for reader, known in self._readers.items()
            },
            waiting=dict(self._waiting),
            left_out=dict(self._left_out),
        )

    def restore(self, state: ReadThrottleState) -> None:
        self._readers = {
            reader: Throttle(known.unknown, known.latest_ms, known.slow)
            for reader, known in state.readers.items()
        }
        self._waiting = dict(state.waiting)
        self._left_out = dict(state.left_out)

    def passes(self, read: Identification, now_ms: int) -> bool:
        """True if `read` is to be decided on now; otherwise it waits for `tick`, or is dropped."""
        throttle = self._readers.get(read.reader)
        waiting = self._waiting.get(read.reader, ())
        free = throttle is None or (now_ms >= throttle.free_ms and not waiting)
        if free or _guarded_elsewhere(read):
            return True
        if any(other.credential == read.credential for other in waiting):
            pass  # the same card, shown again while it waits
        elif len(waiting) < MOST_WAITING:
            self._waiting[read.reader] = (*waiting, read)
        else:
            self._left_out[read.reader] = self._left_out.get(read.reader, 0) + 1
        return False

    def unknown(self, read: Identification, now_ms: int) -> None:
        """Count `read`, whose credential turned out to be unknown."""
        if _guarded_elsewhere(read):
            return
        before = self._readers.get(read.reader, Throttle())
        after = before.after_unknown(read.credential, now_ms)
        self._readers[read.reader] = after
        if after.slow and not before.slow:
            self._recorder.note(EntryKind.READER_SLOWED, reader=read.reader, slow=True)
            # Unknown tags pass a UHF reader at a road all day.
            if read.credential.kind is not CredentialKind.UHF_TAG:
                self._emit(GuessingChanged(read.reader, on=True), now_ms)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Count a read that a server, or contingency after it, did not identify."""
        match event:
            case NotIdentified(read=read):
                self.unknown(read, now_ms)

    def tick(self, now_ms: int) -> None:
        """Emit the next read of each reader whose pause is over; end throttles that are over."""
        due = []
        for reader, throttle in list(self._readers.items()):
            waiting = self._waiting.get(reader)
            if waiting and now_ms >= throttle.free_ms:
                due.append(waiting[0])
                self._waiting[reader] = waiting[1:]
            elif throttle.ends_ms is not None and now_ms >= throttle.ends_ms:
                self._end(reader, now_ms)
        for read in due:
            self._emit(ReadDue(read), now_ms)

    def due_ms(self) -> int | None:
        """When `tick` is next needed."""
        dues = [self._readers[reader].free_ms for reader, reads in self._waiting.items() if reads]
        ends = (throttle.ends_ms for throttle in self._readers.values())
        return min((*dues, *(end for end in ends if end is not None)), default=None)

    def _end(self, reader: str, now_ms: int) -> None:
        self._readers[reader] = replace(self._readers[reader], slow=False)
        left_out = self._left_out.pop(reader, 0)
        self._recorder.note(EntryKind.READER_SLOWED, reader=reader, slow=False, left_out=left_out)
        self._emit(GuessingChanged(reader, on=False), now_ms)


def _guarded_elsewhere(read: Identification) -> bool:
    """True for PINs: the keypad's guard counts them."""
    return read.credential.kind is CredentialKind.PIN

"""Frames of known shape in a stream of bytes that also holds noise.

A frame is found by its own beginning and length. Whatever does not begin one is noise: it is left
out byte by byte, so that a frame behind it is still found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

NOISE_KEPT = 64
"""Of the bytes of one noise, the first so many are kept to be shown."""


class FrameProtocol(Protocol):
    """How the frames of one protocol look."""

    def size(self, beginning: bytearray) -> int | None:
        """The bytes of the frame that begins so; 0 when none does, None when more must come."""

    def flaw(self, frame: bytes) -> str:
        """What is wrong with a frame of the right size, in words; empty for a good one."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A frame, or what stood in the place of one."""

    data: bytes
    flaw: str = ""
    """Why it counts for nothing; empty for a good frame."""


class FrameCutter:
    """Cuts a stream into frames. Never holds more than one frame and what one read brought."""

    def __init__(self, protocol: FrameProtocol) -> None:
        self._protocol = protocol
        self._running = bytearray()
        self._noise = bytearray()
        self._noise_bytes = 0
        self._reported_bytes = 0

    def feed(self, data: bytes) -> list[Cut]:
        """Take bytes; the frames that they complete."""
        running, cuts = self._running, list[Cut]()
        running += data
        while running:
            size = self._protocol.size(running)
            if size is None or size > len(running):
                break
            if size == 0:
                self._drop()
                continue
            frame = bytes(running[:size])
            flaw = self._protocol.flaw(frame)
            if flaw:
                # One of its bytes may begin a good frame; none is taken a second time as noise.
                cuts += [*self._take_noise(), Cut(frame, flaw)]
                self._reported_bytes = max(self._reported_bytes, size)
                self._drop()
                continue
            cuts += [*self._take_noise(), Cut(frame)]
            del running[:size]
            self._reported_bytes = max(0, self._reported_bytes - size)
        return cuts

    def silence(self) -> list[Cut]:
        """Nothing follows for now: what is left is no frame."""
        cuts = []
        while self._running:
            self._drop()
            cuts += self.feed(b"")
        return cuts + self._take_noise()

    def reset(self) -> None:
        """Forget what was left unfinished: its rest is lost."""
        for kept in (self._running, self._noise):
            kept.clear()
        self._noise_bytes = self._reported_bytes = 0

    def _drop(self) -> None:
        byte = self._running[0]
        del self._running[0]
        if self._reported_bytes:
            self._reported_bytes -= 1
            return
        self._noise_bytes += 1
        if len(self._noise) < NOISE_KEPT:
            self._noise.append(byte)

    def _take_noise(self) -> list[Cut]:
        if not self._noise_bytes:
            return []
        taken = [Cut(bytes(self._noise), f"{self._noise_bytes} bytes that are no frame")]
        self._noise.clear()
        self._noise_bytes = 0
        return taken

"""Finds the frames of a protocol in a byte stream that also holds noise.

A frame is recognised by its first bytes and its length. Other bytes are noise and are dropped one
by one, so that a frame behind them is still found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

NOISE_KEPT = 64
"""Bytes of one run of noise that are kept for the report."""


class FrameProtocol(Protocol):
    """The framing of one protocol."""

    def size(self, beginning: bytearray) -> int | None:
        """Return the frame's size in bytes; 0 when no frame begins so, None to wait for more."""

    def flaw(self, frame: bytes) -> str:
        """Return what is wrong with a frame of the right size, in words; empty for a good one."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A frame, or bytes that are not one."""

    data: bytes
    flaw: str = ""
    """Why it is not a valid frame; empty for a good one."""


class FrameCutter:
    """Cuts a stream into frames. Holds at most one frame and the bytes of one read."""

    def __init__(self, protocol: FrameProtocol) -> None:
        self._protocol = protocol
        self._running = bytearray()
        self._noise = bytearray()
        self._noise_bytes = 0
        self._reported_bytes = 0

    def feed(self, data: bytes) -> list[Cut]:
        """Take bytes; returns the frames that they complete, and noise before them."""
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
                # One of its bytes may begin a good frame; none of them is reported again as noise.
                cuts += [*self._take_noise(), Cut(frame, flaw)]
                self._reported_bytes = max(self._reported_bytes, size)
                self._drop()
                continue
            cuts += [*self._take_noise(), Cut(frame)]
            del running[:size]
            self._reported_bytes = max(0, self._reported_bytes - size)
        return cuts

    def silence(self) -> list[Cut]:
        """End the current frame: no byte followed, so the rest is noise."""
        cuts = []
        while self._running:
            self._drop()
            cuts += self.feed(b"")
        return cuts + self._take_noise()

    def reset(self) -> None:
        """Discard an incomplete frame."""
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
        taken = [Cut(bytes(self._noise), f"{self._noise_bytes} bytes that are not a frame")]
        self._noise.clear()
        self._noise_bytes = 0
        return taken

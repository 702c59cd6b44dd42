"""What a reader and the panel send each other, kept for a while in the form of a pcap file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from gateway.clock import EPOCH, Clock
from gateway.hardware.osdp.packets import PCAP_HEAD, record, shown
from gateway.hardware.osdp.polls import address_of

MOST_BYTES = 2_000_000
"""A bus at 115200 Bd makes some 10,000 a second."""
LONGEST_S = 600


class PacketCapture:
    """The packets of one reader. Its bus adds them, and the loop takes them."""

    def __init__(self, reader: str, address: Callable[[], int], for_s: int, clock: Clock) -> None:
        """`address` is the reader's present one; ends after `for_s`, or with MOST_BYTES."""
        self.reader = reader
        self.packets = 0
        self._address = address
        self._clock = clock
        self._end_ns = clock.monotonic_ns() + for_s * 1_000_000_000
        self._guard = threading.Lock()
        self._kept = bytearray(PCAP_HEAD)
        self._full = False

    @property
    def full(self) -> bool:
        """Whether it ended because there was too much."""
        return self._full

    @property
    def left_s(self) -> int:
        """Seconds until it ends, rounded up; 0 afterwards."""
        left_ns = self._end_ns - self._clock.monotonic_ns()
        return 0 if self._full else max(0, -(-left_ns // 1_000_000_000))

    def add(self, packet: bytes) -> None:
        """Keep a whole packet of either side, if it is this reader's; see `shown`."""
        if not self.left_s or address_of(packet) != self._address():
            return
        at_us = (self._clock.utc() - EPOCH) // timedelta(microseconds=1)
        kept = record(shown(packet), at_us)
        with self._guard:
            self._full = len(self._kept) + len(kept) > MOST_BYTES
            if not self._full:
                self._kept += kept
                self.packets += 1

    def after(self, at: int, most: int) -> bytes:
        """The bytes of the file from `at` on, `most` of them."""
        with self._guard:
            return bytes(self._kept[at : at + most])

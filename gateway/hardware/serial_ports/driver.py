"""Serial readers: a thread transfers bytes, and the loop runs the protocol."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Protocol

import serial

from gateway.credentials.values import BadFrame, Identification
from gateway.hardware.captures import ReaderCaptures
from gateway.hardware.device_files import refuse_plain_file
from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.reading_settings import ReadingSettings

_READ_S = 0.5
"""Longest wait of a read."""
_WRITE_S = 1.0
"""Longest wait of a write; then the port has failed."""


class SerialProtocol(Protocol):
    """Decodes the bytes of one reader. Has no clock, port or thread."""

    ends: bytes
    """Bytes that complete a read, so that no silence is awaited."""
    gap_s: float
    """Silence that ends an incomplete read."""

    def feed(self, data: bytes, at_ns: int) -> list[Identification | BadFrame]:
        """Take bytes that arrived at `at_ns`; returns the reads that they complete."""

    def silence(self) -> list[Identification | BadFrame]:
        """End an incomplete read after `gap_s` without bytes; returns the reads it completes."""

    def reset(self) -> None:
        """Discard an incomplete read."""

    def configure(self, reading: ReadingSettings) -> None:
        """Apply the database's settings for reading."""


def open_port(port: str, baud: int) -> serial.Serial:
    """Open a port, 8N1; raises OSError.

    pyserial accepts missing modem lines (ENOTTY), as on a pseudo-terminal. A device path is opened
    exclusively: a second program would take bytes.
    """
    refuse_plain_file(port)
    exclusive = None if "://" in port else True
    return serial.serial_for_url(
        port, baudrate=baud, timeout=_READ_S, write_timeout=_WRITE_S, exclusive=exclusive
    )


class SerialDriver:
    """The driver of one serial reader."""

    due_ns = None

    def __init__(
        self,
        name: str,
        port: str,
        baud: int,
        protocol: SerialProtocol,
        loop: Loop,
        *,
        captures: ReaderCaptures | None = None,
        backoff: Backoff | None = None,
        opener: Callable[[str, int], serial.Serial] = open_port,
    ) -> None:
        """Start the thread on `port`; nothing is posted before the first `service`."""
        self.name = name
        self._address = port
        self._baud = baud
        self._protocol = protocol
        self._clock = loop.clock
        self._post = loop.post
        self._captures = captures or ReaderCaptures(lambda: None)
        self._opener = opener
        self._outgoing: deque[bytes] = deque()
        self._thread: DeviceThread[tuple[int, bytes]] = DeviceThread(
            name, self._carry, loop, backoff=backoff, explain=self._plain
        )

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        self._protocol.configure(reading)

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - bytes have their own stamps
        for item in self._thread.take():
            if isinstance(item, DeviceState):
                self._protocol.reset()
                self._post(item)
                continue
            at_ns, data = item
            if data:
                self._captures.data(data, at_ns)
            reads = self._protocol.feed(data, at_ns) if data else self._protocol.silence()
            for read in reads:
                self._post(read)

    def close(self) -> None:
        self._thread.close()

    def send(self, data: bytes) -> None:
        """Queue bytes to send; they are lost if the port fails first."""
        self._outgoing.append(data)
        self._thread.interrupt()

    # Called by the thread.

    def _carry(self, thread: DeviceThread[tuple[int, bytes]]) -> None:
        """Open the port and deliver its bytes to the loop until `stopping`."""
        with self._opener(self._address, self._baud) as port:
            self._outgoing.clear()  # queued for the previous opening
            cancel = getattr(port, "cancel_read", lambda: None)
            with thread.interrupted_by(cancel):
                thread.report(Health.ONLINE)
                unfinished = False
                while not thread.stopping:
                    unfinished = self._carry_once(thread, port, unfinished=unfinished)

    def _carry_once(
        self, thread: DeviceThread[tuple[int, bytes]], port: serial.Serial, *, unfinished: bool
    ) -> bool:
        """Deliver the bytes of one read, or no bytes for the silence that ends an incomplete read.

        Returns whether a read is incomplete now.
        """
        while self._outgoing:
            port.write(self._outgoing.popleft())
        data = port.read(1)
        thread.beat()
        if data:
            data += port.read(port.in_waiting)
        elif not unfinished or thread.stopping:
            return unfinished
        thread.deliver((self._clock.monotonic_ns(), data))
        unfinished = bool(data) and data[-1] not in self._protocol.ends
        patience_s = self._protocol.gap_s if unfinished else _READ_S
        if port.timeout != patience_s:  # setting it is a system call
            port.timeout = patience_s
        return unfinished

    def _plain(self, error: Exception) -> str:
        """Return path and system error once: pyserial repeats both."""
        number = error.errno if isinstance(error, OSError) else None
        return f"{self._address}: {os.strerror(number)}" if number else str(error)

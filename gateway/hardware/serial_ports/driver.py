"""Readers on a serial port: a thread that only carries bytes, and their protocol in the loop."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Protocol

import serial

from gateway.credentials.values import BadFrame, Identification
from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.reading_settings import ReadingSettings

_READ_S = 0.5
"""The longest a read waits."""
_WRITE_S = 1.0
"""A port that takes no bytes for so long has failed."""


class SerialProtocol(Protocol):
    """What readers of one protocol say on their port. Without a clock, a port or a thread."""

    ends: bytes
    """Bytes behind which nothing is left unfinished: no silence is waited for."""
    gap_s: float
    """Silence that ends what was left unfinished."""

    def feed(self, data: bytes, at_ns: int) -> list[Identification | BadFrame]:
        """Take bytes that came at `at_ns`; what they complete."""

    def silence(self) -> list[Identification | BadFrame]:
        """Nothing came for `gap_s`; what that completes."""

    def reset(self) -> None:
        """Forget what was left unfinished: its rest is lost."""

    def configure(self, reading: ReadingSettings) -> None:
        """Go by what the database says from now on."""


def open_port(port: str, baud: int) -> serial.Serial:
    """The opened port, 8N1; raises SerialException (an OSError).

    pyserial lets modem lines be absent (ENOTTY), as on a pseudo-terminal. A device path is
    taken exclusively: a second reader would steal bytes.
    """
    exclusive = None if "://" in port else True
    return serial.serial_for_url(
        port, baudrate=baud, timeout=_READ_S, write_timeout=_WRITE_S, exclusive=exclusive
    )


class SerialDriver:
    """One reader on a serial port."""

    due_ns = None

    def __init__(
        self,
        name: str,
        port: str,
        baud: int,
        protocol: SerialProtocol,
        loop: Loop,
        *,
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
        self._opener = opener
        self._outgoing: deque[bytes] = deque()
        self._thread: DeviceThread[tuple[int, bytes]] = DeviceThread(
            name, self._carry, loop, backoff=backoff, explain=self._plain
        )

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        self._protocol.configure(reading)

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - bytes have stamps of their own
        for item in self._thread.take():
            if isinstance(item, DeviceState):
                self._protocol.reset()
                self._post(item)
                continue
            at_ns, data = item
            reads = self._protocol.feed(data, at_ns) if data else self._protocol.silence()
            for read in reads:
                self._post(read)

    def close(self) -> None:
        self._thread.close()

    def send(self, data: bytes) -> None:
        """Send bytes soon; those that the port does not live to take are lost."""
        self._outgoing.append(data)
        self._thread.interrupt()

    # From here on: the thread.

    def _carry(self, thread: DeviceThread[tuple[int, bytes]]) -> None:
        """Open the port and carry its bytes to the loop until told to stop."""
        with self._opener(self._address, self._baud) as port:
            self._outgoing.clear()  # meant for who was there before
            cancel = getattr(port, "cancel_read", lambda: None)
            with thread.interrupted_by(cancel):
                thread.report(Health.ONLINE)
                unfinished = False
                while not thread.stopping:
                    unfinished = self._carry_once(thread, port, unfinished=unfinished)

    def _carry_once(
        self, thread: DeviceThread[tuple[int, bytes]], port: serial.Serial, *, unfinished: bool
    ) -> bool:
        """Hand on one read, or (as no bytes) the silence that ends what was left unfinished.

        Returns whether something is unfinished now.
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
        if port.timeout != patience_s:  # setting it asks the system
            port.timeout = patience_s
        return unfinished

    def _plain(self, error: Exception) -> str:
        """What the system says of a port, once: pyserial wraps the words and the path twice."""
        number = error.errno if isinstance(error, OSError) else None
        return f"{self._address}: {os.strerror(number)}" if number else str(error)

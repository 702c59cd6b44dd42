"""Serial QR readers: a thread per port that only carries bytes, and the framing in the loop.

A port that is missing, vanishes or fails is a state, told once and tried again with back-off; the
thread ends when it is told to, and by nothing else.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import serial

from gateway.credentials.line_frames import LINE_ENDS, Line, LineFramer, text_of
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.errors import BrokenFrame
from gateway.hardware.events import DeviceState, Loop
from gateway.settings import SerialQrReader

_NS = 1_000_000_000
_READ_S = 0.5
"""The longest a read waits, and so the longest a close does."""
_CHUNKS_KEPT = 4096
"""Reads that wait for the loop before the port counts as failed."""
_BYTES_SHOWN = 256
"""Of a bad frame's bytes, the first so many are reported."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting time between attempts to open a port: doubles from the first to the longest."""

    first_s: float = 0.1
    longest_s: float = 5.0


def open_port(port: str, baud: int) -> serial.Serial:
    """The opened port, 8N1; raises SerialException (an OSError).

    pyserial lets modem lines be absent (ENOTTY), as on a pseudo-terminal. A device path is
    taken exclusively: a second reader would steal bytes.
    """
    exclusive = None if "://" in port else True
    return serial.serial_for_url(port, baudrate=baud, timeout=_READ_S, exclusive=exclusive)


class SerialQrDriver:
    """One QR reader on a serial port."""

    def __init__(
        self,
        settings: SerialQrReader,
        port: str,
        loop: Loop,
        *,
        backoff: Backoff | None = None,
        opener: Callable[[str, int], serial.Serial] = open_port,
    ) -> None:
        """Start the thread on `port`; nothing is posted before the first `service`."""
        self.name = settings.name
        self._address = port
        self._baud = settings.baud
        self._clock = loop.clock
        self._post = loop.post
        self._wake = loop.wake
        self._backoff = backoff or Backoff()
        self._opener = opener
        self._gap_s = settings.gap_ms / 1000
        self._framer = LineFramer()
        self._arrived: deque[tuple[int, bytes] | DeviceState] = deque()
        self._told: tuple[bool, str] | None = None
        self._stop = threading.Event()
        self._port: serial.Serial | None = None
        self._port_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"serial-{self.name}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still looks after the port, be that online or not."""
        return self._thread.is_alive()

    def service(self) -> None:
        """Post what came in since the last call; the thread wakes the loop for it."""
        while self._arrived:
            item = self._arrived.popleft()
            if isinstance(item, DeviceState):
                self._framer.reset()
                self._post(item)
                continue
            at_ns, data = item
            for line in self._framer.feed(data, at_ns) if data else self._framer.silence():
                self._take(line)

    def close(self) -> None:
        """End the thread and give the port back; returns when both is done."""
        self._stop.set()
        with self._port_lock:
            cancel = getattr(self._port, "cancel_read", None)
            if cancel is not None:
                cancel()
        self._thread.join()

    def _take(self, line: Line) -> None:
        try:
            credential = Credential(CredentialKind.QRCODE, text_of(line))
        except BrokenFrame as error:
            shown = line.data[:_BYTES_SHOWN].hex()
            self._post(BadFrame(self.name, shown, str(error), line.at_ns))
        else:
            self._post(Identification(self.name, credential, line.at_ns))

    # From here on: the thread.

    def _run(self) -> None:
        delay_s = self._backoff.first_s
        while not self._stop.is_set():
            started_ns = self._clock.monotonic_ns()
            try:
                self._carry()
            except (OSError, ValueError) as error:
                why = _plain(error, self._address)
            except Exception as error:  # noqa: BLE001 - a reader's thread must not die unseen
                why = f"{type(error).__name__}: {error}"
            else:
                break
            self._tell(why)
            # A port that worked for a while gets a quick second chance, one that flaps does not.
            if self._clock.monotonic_ns() - started_ns >= self._backoff.longest_s * _NS:
                delay_s = self._backoff.first_s
            self._stop.wait(delay_s)
            delay_s = min(delay_s * 2, self._backoff.longest_s)

    def _carry(self) -> None:
        """Open the port and carry its bytes to the loop until told to stop."""
        with self._opener(self._address, self._baud) as port:
            with self._port_lock:
                self._port = port
            try:
                self._tell(None)
                in_line = False
                while not self._stop.is_set():
                    in_line = self._carry_once(port, in_line=in_line)
            finally:
                with self._port_lock:
                    self._port = None

    def _carry_once(self, port: serial.Serial, *, in_line: bool) -> bool:
        """Hand on one read, or (as no bytes) the silence that ends a line without a line end.

        Returns whether a line is running now.
        """
        data = port.read(1)
        if data:
            data += port.read(port.in_waiting)
        elif not in_line or self._stop.is_set():
            return in_line
        if len(self._arrived) >= _CHUNKS_KEPT:
            raise OSError("bytes come faster than they are taken")
        self._arrived.append((self._clock.monotonic_ns(), data))
        self._wake()
        in_line = bool(data) and data[-1] not in LINE_ENDS
        patience_s = self._gap_s if in_line else _READ_S
        if port.timeout != patience_s:  # setting it asks the system
            port.timeout = patience_s
        return in_line

    def _tell(self, why: str | None) -> None:
        """Tell the loop that the port is there (None) or why not; the same thing only once."""
        told = (why is None, why or "")
        if told != self._told:
            self._told = told
            self._arrived.append(DeviceState(self.name, *told, self._clock.monotonic_ns()))
            self._wake()


def _plain(error: OSError | ValueError, address: str) -> str:
    """What the system says of a port, once: pyserial wraps the words and the path twice."""
    number = error.errno if isinstance(error, OSError) else None
    return f"{address}: {os.strerror(number)}" if number else str(error)

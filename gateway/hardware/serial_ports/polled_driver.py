"""Serial readers that must be polled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import serial

from gateway.hardware.captures import ReaderCaptures
from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import DeviceState, HardwareEvent, Health, Loop
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.serial_ports.driver import SerialDriver, SerialProtocol, open_port


class PolledProtocol(SerialProtocol, Protocol):
    """Makes the requests to one reader and decodes its answers. Has no clock, port or thread."""

    @property
    def due_ns(self) -> int | None:
        """When the next request is due; None for now."""

    @property
    def health(self) -> tuple[Health, str] | None:
        """The reader's state and its reason; None while unknown."""

    def request(self, now_ns: int) -> bytes | None:
        """Return the bytes to send now; None if nothing is due."""


class PolledDriver:
    """The driver of one polled reader, which is online when it answers."""

    def __init__(
        self,
        name: str,
        port: str,
        baud: int,
        protocol: PolledProtocol,
        loop: Loop,
        *,
        captures: ReaderCaptures | None = None,
        backoff: Backoff | None = None,
        opener: Callable[[str, int], serial.Serial] = open_port,
    ) -> None:
        """Start the thread on `port`; nothing is sent or posted before the first `service`."""
        self.name = name
        self._protocol = protocol
        self._post = loop.post
        self._open = False
        self._reported: tuple[Health, str] | None = None
        self._carrier = SerialDriver(
            name,
            port,
            baud,
            protocol,
            replace(loop, post=self._receive),
            captures=captures,
            backoff=backoff,
            opener=opener,
        )

    @property
    def due_ns(self) -> int | None:
        """When the next request is due or the answer is late."""
        return self._protocol.due_ns if self._open else None

    def responsive(self, now_ns: int) -> bool:
        return self._carrier.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        self._carrier.configure(reading)

    def service(self, now_ns: int) -> None:
        self._carrier.service(now_ns)
        if not self._open:
            return
        request = self._protocol.request(now_ns)
        if request is not None:
            self._carrier.send(request)
        health = self._protocol.health
        if health is not None and health != self._reported:
            self._reported = health
            self._post(DeviceState(self.name, *health, now_ns))

    def close(self) -> None:
        self._carrier.close()

    def _receive(self, event: HardwareEvent) -> None:
        if not isinstance(event, DeviceState):
            self._post(event)
            return
        self._open, self._reported = event.online, None
        if not event.online:
            self._post(event)

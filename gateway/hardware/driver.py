"""The interface of all drivers."""

from __future__ import annotations

from typing import Protocol

from gateway.hardware.reading_settings import ReadingSettings


class Driver(Protocol):
    """The driver of one device. The loop's thread calls all methods."""

    name: str

    @property
    def due_ns(self) -> int | None:
        """When `service` is due without a wake-up; None to wait for a wake-up."""

    def responsive(self, now_ns: int) -> bool:
        """Return whether its threads, if any, respond; an offline device does not count. False
        stops the service watchdog's resets, so that the service is restarted."""

    def configure(self, reading: ReadingSettings) -> None:
        """Apply the database's settings for reading."""

    def service(self, now_ns: int) -> None:
        """Post the events since the last call."""

    def close(self) -> None:
        """Stop and close the device."""

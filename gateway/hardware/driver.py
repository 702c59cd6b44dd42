"""What the rig asks of every driver, whatever hangs on it."""

from __future__ import annotations

from typing import Protocol

from gateway.hardware.reading_settings import ReadingSettings


class Driver(Protocol):
    """One device at work. Everything but its own threads runs in the loop's thread."""

    name: str

    @property
    def due_ns(self) -> int | None:
        """When `service` has something to do without a wake-up; None when only one counts."""

    def responsive(self, now_ns: int) -> bool:
        """Whether its threads, if it has any, still go round; a device that is away is no matter
        here. False lets the service's watchdog starve: only a new start can cure it."""

    def configure(self, reading: ReadingSettings) -> None:
        """Go by what the database says from now on."""

    def service(self, now_ns: int) -> None:
        """Post what has happened since the last call."""

    def close(self) -> None:
        """Stop, and give the device back."""

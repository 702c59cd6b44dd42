"""How servers fare, as the api process sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReachedServer:
    """A server that was tested and answered."""

    server: str
    """Its address, without path and query."""
    time_ms: float
    status: int = 0
    """Of HTTP; 0 for a broker."""


@dataclass(frozen=True, slots=True)
class OnlineServer:
    """Times are Unix seconds, 0 for never."""

    server: str = ""
    """Its address, without path and query; empty if the settings name none."""
    reachable: bool = False
    """Whether it is asked."""
    since_utc: int = 0
    """When it became reachable, or was lost."""
    failures: int = 0
    """Failures in sequence."""
    waiting: int = 0
    """Questions without an answer yet."""
    last_success_utc: int = 0
    last_error: str = ""
    last_error_utc: int = 0

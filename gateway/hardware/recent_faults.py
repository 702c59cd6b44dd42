"""Reports a working device as degraded while faults recur."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gateway.hardware.events import DeviceState, Health

LASTS_NS = 600_000_000_000
"""A fault is active while it occurred often enough within this time."""


class RecentFaults:
    """Tracks recent faults of one device and posts its state when it changes.

    A fault is a text for a technician.
    """

    def __init__(self, device: str, post: Callable[[DeviceState], None]) -> None:
        self._device = device
        self._post = post
        self._seen: dict[str, deque[int]] = {}
        self._reported = ""

    def add(self, why: str, at_ns: int, times: int = 1) -> None:
        """Note fault `why` at `at_ns`; it is active after `times` occurrences within LASTS_NS."""
        self._seen.setdefault(why, deque(maxlen=times)).append(at_ns)

    @property
    def due_ns(self) -> int | None:
        """When the next active fault ends; None without one."""
        ends = [stamps[0] + LASTS_NS for stamps in self._seen.values() if _counts(stamps)]
        return min(ends, default=None)

    def service(self, now_ns: int) -> None:
        """Post the device's state if it has changed."""
        for why, stamps in list(self._seen.items()):
            while stamps and now_ns >= stamps[0] + LASTS_NS:
                stamps.popleft()
            if not stamps:
                del self._seen[why]
        why = "; ".join(why for why, stamps in self._seen.items() if _counts(stamps))
        if why != self._reported:
            self._reported = why
            health = Health.DEGRADED if why else Health.ONLINE
            self._post(DeviceState(self._device, health, why, now_ns))


def _counts(stamps: deque[int]) -> bool:
    return len(stamps) == stamps.maxlen

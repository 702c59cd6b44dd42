"""What speaks against a device that works all the same, told as its state."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gateway.hardware.events import DeviceState, Health

LASTS_NS = 600_000_000_000
"""A complaint counts while it was stamps often enough within that time."""


class RecentFaults:
    """Keeps a device degraded as long as something is stamps against it; told only when it changes.

    Each complaint is a text for a technician, and needs to be stamps some times within LASTS_NS.
    """

    def __init__(self, device: str, post: Callable[[DeviceState], None]) -> None:
        self._device = device
        self._post = post
        self._seen: dict[str, deque[int]] = {}
        self._reported = ""

    def add(self, why: str, at_ns: int, times: int = 1) -> None:
        """`why` was stamps at `at_ns`; it counts when it was stamps `times` times."""
        self._seen.setdefault(why, deque(maxlen=times)).append(at_ns)

    @property
    def due_ns(self) -> int | None:
        """When the next complaint is over; None without any."""
        ends = [stamps[0] + LASTS_NS for stamps in self._seen.values() if _counts(stamps)]
        return min(ends, default=None)

    def service(self, now_ns: int) -> None:
        """Tell the device's state if it is another one now."""
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

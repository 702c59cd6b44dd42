"""What speaks against a device that works all the same, told as its state."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gateway.hardware.events import DeviceState, Health

LASTS_NS = 600_000_000_000
"""A complaint counts while it was heard often enough within that time."""


class RecentFaults:
    """Keeps a device degraded as long as something is heard against it; told only when it changes.

    Each complaint is a text for a technician, and needs to be heard some times within LASTS_NS.
    """

    def __init__(self, device: str, post: Callable[[DeviceState], None]) -> None:
        self._device = device
        self._post = post
        self._heard: dict[str, deque[int]] = {}
        self._told = ""

    def add(self, why: str, at_ns: int, times: int = 1) -> None:
        """`why` was heard at `at_ns`; it counts when it was heard `times` times."""
        self._heard.setdefault(why, deque(maxlen=times)).append(at_ns)

    @property
    def due_ns(self) -> int | None:
        """When the next complaint is over; None without any."""
        ends = [heard[0] + LASTS_NS for heard in self._heard.values() if _counts(heard)]
        return min(ends, default=None)

    def service(self, now_ns: int) -> None:
        """Tell the device's state if it is another one now."""
        for why, heard in list(self._heard.items()):
            while heard and now_ns >= heard[0] + LASTS_NS:
                heard.popleft()
            if not heard:
                del self._heard[why]
        why = "; ".join(why for why, heard in self._heard.items() if _counts(heard))
        if why != self._told:
            self._told = why
            health = Health.DEGRADED if why else Health.ONLINE
            self._post(DeviceState(self._device, health, why, now_ns))


def _counts(heard: deque[int]) -> bool:
    return len(heard) == heard.maxlen

"""Combines the states that several drivers report for one device into the worst of them."""

from __future__ import annotations

from collections.abc import Callable

from gateway.hardware.events import DeviceState, HardwareEvent, Health

_WORST_FIRST = (Health.OFFLINE, Health.DEGRADED, Health.ONLINE)


class SharedHealth:
    """Combines the states from the parts of one driver; other events pass unchanged."""

    def __init__(self, post: Callable[[HardwareEvent], None]) -> None:
        """`post` receives the combined state at each change, and all other events."""
        self._post = post
        self._states: list[DeviceState | None] = []
        self._reported: tuple[Health, str] = (Health.ONLINE, "")

    def part(self) -> Callable[[HardwareEvent], None]:
        """Return the `post` for one more part."""
        number = len(self._states)
        self._states.append(None)

        def post(event: HardwareEvent) -> None:
            if isinstance(event, DeviceState):
                self._states[number] = event
                self._report(event)
            else:
                self._post(event)

        return post

    def _report(self, last: DeviceState) -> None:
        wrong = [state for state in self._states if state is not None and state.why]
        worst = min(
            (state.health for state in wrong), key=_WORST_FIRST.index, default=Health.ONLINE
        )
        why = "; ".join(state.why for state in wrong)
        if (worst, why) != self._reported:
            self._reported = (worst, why)
            self._post(DeviceState(last.device, worst, why, last.at_ns))

"""The health of a device that several look after: the worst of what they say."""

from __future__ import annotations

from collections.abc import Callable

from gateway.hardware.events import DeviceState, HardwareEvent, Health

_WORST_FIRST = (Health.OFFLINE, Health.DEGRADED, Health.ONLINE)


class SharedHealth:
    """Puts together what the parts of one driver say of their device; all else passes through."""

    def __init__(self, post: Callable[[HardwareEvent], None]) -> None:
        """`post` takes the device's state whenever it is another one."""
        self._post = post
        self._states: list[DeviceState | None] = []
        self._reported: tuple[Health, str] = (Health.ONLINE, "")

    def part(self) -> Callable[[HardwareEvent], None]:
        """Where one part posts what it has to say."""
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

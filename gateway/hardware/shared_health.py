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
        self._said: list[DeviceState | None] = []
        self._told: tuple[Health, str] = (Health.ONLINE, "")

    def part(self) -> Callable[[HardwareEvent], None]:
        """Where one part posts what it has to say."""
        number = len(self._said)
        self._said.append(None)

        def post(event: HardwareEvent) -> None:
            if isinstance(event, DeviceState):
                self._said[number] = event
                self._tell(event)
            else:
                self._post(event)

        return post

    def _tell(self, last: DeviceState) -> None:
        wrong = [said for said in self._said if said is not None and said.why]
        worst = min((said.health for said in wrong), key=_WORST_FIRST.index, default=Health.ONLINE)
        why = "; ".join(said.why for said in wrong)
        if (worst, why) != self._told:
            self._told = (worst, why)
            self._post(DeviceState(last.device, worst, why, last.at_ns))

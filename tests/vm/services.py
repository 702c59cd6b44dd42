"""The gateway's two units, as the service manager in the machine sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .machine import Machine, eventually

CONTROLLER, API = "gateway-controller.service", "gateway-api.service"

_UNITS_S = {"min": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemctl says of a unit."""

    process: int
    state: str
    restarts: int
    active_since_s: float
    """Monotonic seconds of the machine; 0 when it has not been active."""
    start_began_s: float
    watchdog_s: float
    restart_s: float
    start_limit_s: float
    """The longest that a start may take, before it counts as failed."""


def seconds(text: str) -> float:
    """A time span as systemctl writes it: `1min 30s`, `500ms`."""
    parts = re.findall(r"([\d.]+)(min|ms|us|s)", text)
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


class Services:
    """The units of a running machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def look(self, unit: str) -> Unit:
        """The unit now."""
        shown = self._machine.unit(
            unit,
            "MainPID",
            "ActiveState",
            "NRestarts",
            "ActiveEnterTimestampMonotonic",
            "InactiveExitTimestampMonotonic",
            "WatchdogUSec",
            "RestartUSec",
            "TimeoutStartUSec",
        )
        return Unit(
            process=int(shown["MainPID"]),
            state=shown["ActiveState"],
            restarts=int(shown["NRestarts"]),
            active_since_s=int(shown["ActiveEnterTimestampMonotonic"]) / 1e6,
            start_began_s=int(shown["InactiveExitTimestampMonotonic"]) / 1e6,
            watchdog_s=seconds(shown["WatchdogUSec"]),
            restart_s=seconds(shown["RestartUSec"]),
            start_limit_s=seconds(shown["TimeoutStartUSec"]),
        )

    def recovered(self, unit: str, before: Unit) -> Unit:
        """The unit once another process of it is ready than `before`; waits for that."""

        def another() -> Unit | None:
            now = self.look(unit)
            return now if now.state == "active" and now.process != before.process else None

        found = eventually(another, f"another process of {unit}", pause_s=1.0)
        assert found is not None
        return found

    def api_answers(self) -> bool:
        """Whether the API serves its page of commands."""
        script = (
            "import urllib.request as r; print(r.urlopen('http://127.0.0.1/openapi.json').status)"
        )
        return self._machine.run("python3", "-c", script).strip() == "200"

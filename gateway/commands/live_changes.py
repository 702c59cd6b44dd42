"""Tells those who watch that the state at the controller has changed."""

from __future__ import annotations

import threading

from gateway.link.messages import ControllerStatus, Fact

STATE = frozenset(
    {
        "board",
        "simulated",
        "clock_trusted",
        "clock_verdict",
        "doors",
        "turnstile",
        "devices",
        "zones",
        "alarms",
        "faults",
        "siren",
        "fire",
        "threat",
        "online",
    }
)
"""What of the controller's status the command `live_state` shows."""
_UNSTEADY = {"devices": {"__all__": {"since_s", "counters"}}}
"""What changes all the time and tells nobody anything new."""


class LiveChanges:
    """Counts what changed at the controller, for those who watch. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = 0
        self._events = 0
        self._wiring = 0
        self._last: object = None

    @property
    def state(self) -> int:
        """Grows when the state of a door or of another part may have changed, and when the
        controller comes or goes."""
        return self._state

    @property
    def events(self) -> int:
        """Grows with each entry of the journal."""
        return self._events

    @property
    def wiring(self) -> int:
        """Grows when something new came on a wire that somebody watches."""
        return self._wiring

    def heard(self, fact: Fact | None) -> None:
        """Take a fact of the controller; None when it has been silent for a while."""
        seen = _steady(fact.status) if fact and fact.status else None
        with self._lock:
            if fact is not None and fact.kind == "journal":
                self._events += 1
                # What was journalled has changed the state, which the next heartbeat tells.
                self._state += 1
            elif fact is not None and fact.kind == "wiring":
                self._wiring += 1
            elif (fact is None or fact.status) and seen != self._last:
                self._last = seen
                self._state += 1


def _steady(status: ControllerStatus) -> object:
    return status.model_dump(include=set(STATE), exclude=_UNSTEADY)

"""The contacts of the power supply. The API has no cause for them: they are faults, journalled and
shown, and set off no alarm.
"""

from __future__ import annotations

import structlog

from gateway.controller.recorder import Recorder
from gateway.hardware.events import InputKind
from gateway.settings import Level, Power
from gateway.store.journal import EntryKind

log = structlog.get_logger("power")

_WORDS = {
    InputKind.MAINS_FAIL: "the mains has failed",
    InputKind.BATTERY_LOW: "the battery is low",
    InputKind.UNDER_VOLTAGE: "the supply is under its voltage",
}


class PowerWatch:
    """Remembers which contacts report a fault. The loop's thread alone uses it."""

    def __init__(self, power: Power, recorder: Recorder) -> None:
        self._contacts = {InputKind(name): contact for name, contact in power.contacts()}
        self._recorder = recorder
        self._active: set[InputKind] = set()

    def level(self, kind: InputKind, *, high: bool) -> None:
        """The contact `kind` was read."""
        active = high is (self._contacts[kind].idle is Level.LOW)
        if active is (kind in self._active):
            return
        self._active ^= {kind}
        self._recorder.note(
            EntryKind.FAULT, part=f"power {kind}", why=_WORDS[kind] if active else None
        )

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong now, in words for a technician."""
        return tuple(words for kind, words in _WORDS.items() if kind in self._active)

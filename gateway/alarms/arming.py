"""Which alarm zones are armed, and the time to leave after arming. Pure.

A zone that nobody disarmed is armed. All times are whole milliseconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class ZoneArming(StrEnum):
    """The arming state of a zone."""

    ARMED = "armed"
    EXIT = "exit"
    """Armed after the exit delay."""
    DISARMED = "disarmed"


@dataclass(frozen=True, slots=True)
class Arming:
    """The arming state of all zones. Immutable."""

    disarmed: frozenset[int] = frozenset()
    exits: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """Zone -> end of its exit delay."""

    def arm(self, zones: Collection[int], exit_delay_ms: int, now_ms: int) -> Arming:
        """Arm `zones`, those that are not armed yet after `exit_delay_ms`: arming what is armed
        must not open a gap.
        """
        exits = dict(self.exits)
        for zone in zones:
            exits.pop(zone, None)
            if exit_delay_ms and self.of(zone, now_ms) is not ZoneArming.ARMED:
                exits[zone] = now_ms + exit_delay_ms
        return Arming(self.disarmed - frozenset(zones), MappingProxyType(exits))

    def disarm(self, zones: Collection[int]) -> Arming:
        """Disarm `zones`: their inputs raise no alarm."""
        left = {zone: due for zone, due in self.exits.items() if zone not in zones}
        return Arming(self.disarmed | frozenset(zones), MappingProxyType(left))

    def elapsed(self, now_ms: int) -> Arming:
        """Without the exit delays that are over."""
        left = {zone: due for zone, due in self.exits.items() if due > now_ms}
        return self if len(left) == len(self.exits) else Arming(self.disarmed, left)

    def of(self, zone: int, now_ms: int) -> ZoneArming:
        """The arming state of `zone`."""
        if zone in self.disarmed:
            return ZoneArming.DISARMED
        return ZoneArming.EXIT if self.exits.get(zone, now_ms) > now_ms else ZoneArming.ARMED

    def due_ms(self) -> int | None:
        """When the next exit delay ends; None without one."""
        return min(self.exits.values(), default=None)

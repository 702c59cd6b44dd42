"""Which alarm zones are armed, and the time to leave after arming. Pure.

A zone that nobody disarmed is armed. All times are whole milliseconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType


class ZoneArming(StrEnum):
    """The arming state of a zone."""

    ARMED = "armed"
    EXIT = "exit"
    """Armed after the exit delay."""
    DISARMED = "disarmed"
    BYPASSED = "bypassed"
    """It was open when it was to be armed, and is left out until it is armed again or disarmed."""


class OpenZones(IntEnum):
    """What becomes of zones that are open when they are to be armed."""

    REFUSE = 1
    """None of the zones is armed."""
    BYPASS = 2
    """The others are armed, and the open ones are left out."""


@dataclass(frozen=True, slots=True)
class ArmingResult:
    """What became of arming."""

    arming: Arming
    refused: tuple[int, ...] = ()
    """The open zones because of which nothing was armed."""
    bypassed: tuple[int, ...] = ()
    """The open zones that were left out."""


@dataclass(frozen=True, slots=True)
class Arming:
    """The arming state of all zones. Immutable."""

    disarmed: frozenset[int] = frozenset()
    exits: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """Zone -> end of its exit delay."""
    bypassed: frozenset[int] = frozenset()

    def checked(
        self,
        zones: Collection[int],
        exit_delay_ms: int,
        now_ms: int,
        open_zones: Collection[int],
        policy: OpenZones,
    ) -> ArmingResult:
        """Arm `zones` as `arm` does, but those of `open_zones` as `policy` says.

        A zone that is armed already counts as closed: it has its alarm.
        """
        armed = ZoneArming.ARMED
        found = {it for it in zones if it in open_zones and self.of(it, now_ms) is not armed}
        if not found:
            return ArmingResult(self.arm(zones, exit_delay_ms, now_ms))
        if policy is OpenZones.REFUSE:
            return ArmingResult(self, refused=tuple(sorted(found)))
        after = self.arm([it for it in zones if it not in found], exit_delay_ms, now_ms)
        out = after.disarm(found)
        left_out = Arming(out.disarmed - found, out.exits, out.bypassed | found)
        return ArmingResult(left_out, bypassed=tuple(sorted(found)))

    def arm(self, zones: Collection[int], exit_delay_ms: int, now_ms: int) -> Arming:
        """Arm `zones`, those that are not armed yet after `exit_delay_ms`: arming what is armed
        must not open a gap.
        """
        exits = dict(self.exits)
        for zone in zones:
            exits.pop(zone, None)
            if exit_delay_ms and self.of(zone, now_ms) is not ZoneArming.ARMED:
                exits[zone] = now_ms + exit_delay_ms
        gone = frozenset(zones)
        return Arming(self.disarmed - gone, MappingProxyType(exits), self.bypassed - gone)

    def disarm(self, zones: Collection[int]) -> Arming:
        """Disarm `zones`: their inputs raise no alarm."""
        left = {zone: due for zone, due in self.exits.items() if zone not in zones}
        gone = frozenset(zones)
        return Arming(self.disarmed | gone, MappingProxyType(left), self.bypassed - gone)

    def elapsed(self, now_ms: int) -> Arming:
        """Without the exit delays that are over."""
        left = {zone: due for zone, due in self.exits.items() if due > now_ms}
        if len(left) == len(self.exits):
            return self
        return Arming(self.disarmed, left, self.bypassed)

    def of(self, zone: int, now_ms: int) -> ZoneArming:
        """The arming state of `zone`."""
        if zone in self.disarmed:
            return ZoneArming.DISARMED
        if zone in self.bypassed:
            return ZoneArming.BYPASSED
        return ZoneArming.EXIT if self.exits.get(zone, now_ms) > now_ms else ZoneArming.ARMED

    def due_ms(self) -> int | None:
        """When the next exit delay ends; None without one."""
        return min(self.exits.values(), default=None)

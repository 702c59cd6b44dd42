"""Messages about alarms and sounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.link.values import LinkMessage, ZoneNumber

LONGEST_EXIT_S = 600
LONGEST_BUZZ_MS = 3_000


class Silence(LinkMessage):
    """Silence sounding alarms; with `fire.reset_by_stop` of the site file, reset a fire too."""

    kind: Literal["silence"] = "silence"


class ResetFire(LinkMessage):
    """Reset a latched fire whose input is normal again."""

    kind: Literal["reset_fire"] = "reset_fire"


class Buzz(LinkMessage):
    """Sound the readers' buzzers for a time."""

    kind: Literal["buzz"] = "buzz"
    for_ms: Annotated[int, Field(ge=1, le=LONGEST_BUZZ_MS)]


class ArmAlarms(LinkMessage):
    """Arm alarm zones after the exit delay; armed zones stay armed."""

    kind: Literal["arm_alarms"] = "arm_alarms"
    zones: Annotated[tuple[ZoneNumber, ...], Field(max_length=5)] | None = None
    """None is all of them."""
    zone_set: int | None = None
    """The id of a set of zones, in the place of `zones`."""
    exit_delay_s: Annotated[int, Field(ge=0, le=LONGEST_EXIT_S)] = 0
    open_zones: Literal["refuse", "bypass"] | None = None
    """What becomes of open zones; None is what the set says, and without one to refuse."""


class DisarmAlarms(LinkMessage):
    """Disarm alarm zones and end their alarms."""

    kind: Literal["disarm_alarms"] = "disarm_alarms"
    zones: Annotated[tuple[ZoneNumber, ...], Field(max_length=5)] | None = None
    """None is all of them."""
    zone_set: int | None = None
    """The id of a set of zones, in the place of `zones`."""

"""Causes of alarms, with the numbers of the API."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class AlarmCause(IntEnum):
    """`alarm_logs.cause` and `alarm_status.cause` (Control iD Access API, introduction to
    alarm).
    """

    NONE = 0
    ZONE_1 = 1
    ZONE_2 = 2
    ZONE_3 = 3
    ZONE_4 = 4
    ZONE_5 = 5
    DOOR_OPEN = 6
    """A door is held open too long."""
    FORCED_DOOR = 7
    """A door was opened without a command."""
    PANIC_FINGER = 8
    TAMPER = 9
    PANIC_CARD = 10
    PANIC_PIN = 11
    PANIC_PASSWORD = 12
    ZONE_NO_PRESENCE = 13
    ZONE_OPEN = 14
    LOCK_WELDED = 101
    """A lock stays unlocked although it is commanded to lock. Ours, far above the vendor's: it
    has no number for it."""


CAUSE_WORDS: Mapping[AlarmCause, str] = MappingProxyType(
    {
        **{
            AlarmCause(number): f"alarm zone {number} was tripped"
            for number in range(AlarmCause.ZONE_1, AlarmCause.ZONE_5 + 1)
        },
        AlarmCause.DOOR_OPEN: "held open",
        AlarmCause.FORCED_DOOR: "forced open",
        AlarmCause.PANIC_FINGER: "finger under duress",
        AlarmCause.TAMPER: "tampering",
        AlarmCause.PANIC_CARD: "card under duress",
        AlarmCause.PANIC_PIN: "PIN under duress",
        AlarmCause.PANIC_PASSWORD: "password under duress",
        AlarmCause.ZONE_NO_PRESENCE: "no presence in a zone",
        AlarmCause.ZONE_OPEN: "a zone is open",
        AlarmCause.LOCK_WELDED: "the lock stays unlocked although it is commanded to lock",
    }
)
"""What each cause is called in logs."""

ZONE_CAUSES = tuple(AlarmCause(number) for number in range(1, 6))
"""The alarm zones in order: zone N sets off cause N."""

DURESS_CAUSES = frozenset(
    (
        AlarmCause.PANIC_FINGER,
        AlarmCause.PANIC_CARD,
        AlarmCause.PANIC_PIN,
        AlarmCause.PANIC_PASSWORD,
    )
)
"""Somebody identified under duress: reported, but silent at the door."""

DOOR_CAUSES = frozenset((AlarmCause.DOOR_OPEN, AlarmCause.FORCED_DOOR))
"""Causes that the sensor of a door detects."""

_GRAVEST_FIRST = (
    AlarmCause.PANIC_FINGER,
    AlarmCause.PANIC_CARD,
    AlarmCause.PANIC_PIN,
    AlarmCause.PANIC_PASSWORD,
    AlarmCause.FORCED_DOOR,
    AlarmCause.LOCK_WELDED,
    AlarmCause.TAMPER,
    *ZONE_CAUSES,
    AlarmCause.ZONE_NO_PRESENCE,
    AlarmCause.ZONE_OPEN,
    AlarmCause.DOOR_OPEN,
)


def gravity(cause: AlarmCause) -> int:
    """A rank for sorting: people under threat, then intruders, then a door left open; the gravest
    has the lowest. Raises ValueError for NONE, which is no alarm.
    """
    return _GRAVEST_FIRST.index(cause)

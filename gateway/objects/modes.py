"""Who set an exception mode of the device or a door, why, and until when: an object of ours.

The configuration keys `exception_mode` and `doorN_exception_mode` have the mode itself. A row is
valid only while the configuration has the mode that it names. A door on a module has no such key:
its row is its mode.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import I64, Text

DEVICE = 0
"""The door number that means the whole device."""
LONGEST_REASON = 200

# `until_utc` ends a mode: device time is wall-clock time, which goes back once a year.
EXCEPTION_MODES = ObjectType(
    "exception_modes",
    (
        I64("door_id", required=True, minimum=0),
        Text("mode", required=True),
        Text("login", default=""),
        Text("reason", default="", max_length=LONGEST_REASON),
        I64("since", default=0),
        I64("until", default=0),
        I64("until_utc", default=0),
    ),
    pairs_unique=(("door_id",),),
    policy=True,
    read_only=True,
)


LAST_WITH_KEY = 4
"""The highest door that has a key; others are on modules."""
MODE_WORDS = ("none", "emergency", "lock_down")


def has_mode_key(door: int) -> bool:
    """Whether the mode of a door or the device is in the configuration, not in its row alone."""
    return door <= LAST_WITH_KEY


def mode_key(door: int) -> str:
    """The key in the module `general` with the exception mode of a door or the device, which has
    one, see `has_mode_key`."""
    return f"door{door}_exception_mode" if door != DEVICE else "exception_mode"

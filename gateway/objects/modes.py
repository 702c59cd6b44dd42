"""Who put the device or a door into an exception mode, why, and until when: an object of our own.

The mode itself is configuration, `exception_mode` and `doorN_exception_mode`. A row belongs to the
mode that it names: once the configuration says another one, it tells nothing any more.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import I64, Int, Text

DEVICE = 0
"""Stands for the whole device where a door is named."""
LONGEST_REASON = 200

# `until_utc` is what ends a mode: device time is the wall clock's, which goes back once a year.
EXCEPTION_MODES = ObjectType(
    "exception_modes",
    (
        Int("door_id", required=True, minimum=0, maximum=4),
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


def mode_key(door: int) -> str:
    """The key, of the module `general`, of the exception mode of a door or of the device."""
    return f"door{door}_exception_mode" if door != DEVICE else "exception_mode"

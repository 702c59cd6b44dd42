"""What the vendor's API configures for all doors at once, for one door: objects of ours.

A door is named by its number: 1 to 4 on the board, the id of its row of `sec_boxs` on a module.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.objects.configuration_keys import RELAY_TIMEOUT_MAX_MS
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import I64, I64_MAX, Choice, Flag, Id, Int, NameText, Ref

AS_ALL_DOORS = -1
"""A time that the configuration gives to all doors."""
LONGEST_OPEN_S = 3_600
LONGEST_DEBOUNCE_MS = 60_000


@dataclass(frozen=True, slots=True)
class DoorNumber(I64):
    """The number of a door of the site file; commands refuse others."""

    minimum: int = 1
    maximum: int = I64_MAX


# When the output of a door operator opens the powered leaf; the wire is `operator` of the door in
# the site file.
DOOR_OPERATORS = ObjectType(
    "door_operators",
    (
        DoorNumber("door_id", required=True),
        # Milliseconds from the release of the lock.
        Int("delay_ms", default=0, minimum=0, maximum=60_000),
        Int("dwell_ms", default=5_000, minimum=100, maximum=RELAY_TIMEOUT_MAX_MS),
        # 1: the door's exit button opens it.
        Flag("by_button", default=1),
        # 1: people with `users.extended_times` open it at every reader of the door.
        Flag("extended_people", default=0),
    ),
    pairs_unique=(("door_id",),),
    policy=True,
)
# The readers at which it opens for everybody who is let in.
DOOR_OPERATOR_READERS = ObjectType(
    "door_operator_readers",
    (
        DoorNumber("door_id", required=True),
        # `index` of the site file.
        Int("reader", required=True, minimum=1, maximum=1_000_000),
    ),
    pairs_unique=(("door_id", "reader"),),
    policy=True,
)

# The floors that people may choose. The rules, schedules and unlock schedules of a floor are those
# of its portal; the wires are `[[elevator]]` of the site file.
ELEVATOR_FLOORS = ObjectType(
    "elevator_floors",
    (
        Id("id"),
        NameText("name", required=True),
        Int("elevator_id", required=True, minimum=1, maximum=4),
        Int("floor", required=True, minimum=1, maximum=8),
        Ref("portal_id", "portals", required=True, joins=False),
        # How long the button counts after a grant, in milliseconds.
        Int("selection_ms", default=5_000, minimum=100, maximum=RELAY_TIMEOUT_MAX_MS),
    ),
    pairs_unique=(("elevator_id", "floor"),),
    policy=True,
)

# Doors that are opened, and set into a mode, together. The action `door_group` with `id=1` opens
# those of group 1, all or none.
DOOR_GROUPS = ObjectType("door_groups", (Id("id"), NameText("name", required=True)), policy=True)
DOOR_GROUP_DOORS = ObjectType(
    "door_group_doors",
    (
        Ref("door_group_id", "door_groups", required=True, joins=False),
        DoorNumber("door_id", required=True),
    ),
    pairs_unique=(("door_group_id", "door_id"),),
    policy=True,
)

# One row for a door that differs. The dwell, whether the lock relocks as soon as the door opens,
# and who has an opening time of their own are the vendor's: `relayN_timeout`, `relayN_auto_close`,
# `sec_boxs` and `opening_times`.
DOOR_SETTINGS = ObjectType(
    "door_settings",
    (
        DoorNumber("door_id", required=True),
        # Seconds; -1 as `alarm.door_sensor_delay`.
        Int("held_open_s", default=AS_ALL_DOORS, minimum=-1, maximum=LONGEST_OPEN_S),
        # Seconds before the held-open alarm, 0 for none; -1 as the site file's `pre_alarm_s`.
        Int("pre_alarm_s", default=AS_ALL_DOORS, minimum=-1, maximum=LONGEST_OPEN_S),
        # For people with `users.extended_times`; 0 gives them no more time than others.
        Int("extended_dwell_ms", default=0, minimum=0, maximum=RELAY_TIMEOUT_MAX_MS),
        Int("extended_held_open_s", default=0, minimum=0, maximum=LONGEST_OPEN_S),
        # Milliseconds; -1 as `alarm.forced_access_debounce`.
        Int("forced_debounce_ms", default=AS_ALL_DOORS, minimum=-1, maximum=LONGEST_DEBOUNCE_MS),
        # 0 as the site file says, 1 unlock, 2 unlock while pressed, 3 shunt.
        Choice("rex_mode", default=0, choices=(0, 1, 2, 3)),
        # 1: relock when the door has closed, where it does not relock as soon as it opens.
        Flag("relock_at_close", default=0),
        # 1: readers beep when it opens.
        Flag("chime", default=0),
    ),
    pairs_unique=(("door_id",),),
    policy=True,
)

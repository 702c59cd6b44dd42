"""The words of triggers: what sets one off, and what it does. Names are stable.

`gateway.objects.triggers` declares them, so that this module imports nothing of the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

MOST_TRIGGERS = 64
"""Rows of `triggers` that a site may have."""


class TriggerTime(StrEnum):
    """The times that set a trigger off: they are no facts of the journal."""

    TIME_OF_DAY = "time_of_day"
    ZONE_BEGINS = "zone_begins"
    """A time zone begins to hold."""
    ZONE_ENDS = "zone_ends"


class Occurrence(StrEnum):
    """What the journal tells and sets triggers off; the log shows it too.

    `gateway.explain.event` adds what only the log shows.
    """

    GRANTED = "granted"
    FREE_PASSAGE = "free_passage"
    WAITING = "waiting"
    DENIED = "denied"
    SERVER_GRANTED = "server_granted"
    SERVER_DENIED = "server_denied"
    EXIT_BUTTON = "exit_button"
    OPENED_BY_CLIENT = "opened_by_client"
    OPENED_FROM_PAGE = "opened_from_page"
    DOOR_OPENED = "door_opened"
    DOOR_CLOSED = "door_closed"
    TURNED = "turned"
    TURN_FORCED = "turn_forced"
    GAVE_UP = "gave_up"
    NO_ENTRY = "no_entry"
    EXIT_REFUSED = "exit_refused"
    PRE_ALARM = "pre_alarm"
    PRE_ALARM_OVER = "pre_alarm_over"
    ALARM = "alarm"
    ALARM_OVER = "alarm_over"
    FIRE = "fire"
    FIRE_CLEAR = "fire_clear"
    """Its input is normal again; somebody still has to reset it."""
    FIRE_OVER = "fire_over"
    SILENCED = "silenced"
    ARMED = "armed"
    DISARMED = "disarmed"
    BYPASSED = "bypassed"
    ARMING_REFUSED = "arming_refused"
    HOLD_BEGUN = "hold_begun"
    HOLD_ENDED = "hold_ended"
    HOLD_REFUSED = "hold_refused"
    ENTRY_DELAY = "entry_delay"
    ENTRY_OVER = "entry_over"
    MODE = "mode"
    MODE_NORMAL = "mode_normal"
    MODE_OVER = "mode_over"
    UNLOCKED_ON_START = "unlocked_on_start"
    LOCKED_ON_START = "locked_on_start"
    SCHEDULE_HOLDS = "schedule_holds"
    SCHEDULE_OFF = "schedule_off"
    SCHEDULE_ENDED = "schedule_ended"
    FIRST_CARD = "first_card"
    FIRST_CARD_OVER = "first_card_over"
    PASSBACK_FORGOTTEN = "passback_forgotten"
    AREA_EMPTIED = "area_emptied"
    AREA_EMPTIED_ON_TIME = "area_emptied_on_time"
    TOO_FEW_INSIDE = "too_few_inside"
    TOO_FEW_OVER = "too_few_over"
    THREAT_LEVEL = "threat_level"
    THREAT_NORMAL = "threat_normal"
    THREAT_OVER = "threat_over"
    UNREADABLE = "unreadable"
    REPLAY = "replay"
    DEVICE_ONLINE = "device_online"
    DEVICE_DEGRADED = "device_degraded"
    DEVICE_OFFLINE = "device_offline"
    KEYPAD_LOCKED = "keypad_locked"
    KEYPAD_FREE = "keypad_free"
    READER_SLOWED = "reader_slowed"
    READER_FAST = "reader_fast"
    READER_DISABLED = "reader_disabled"
    FAULT = "fault"
    FAULT_OVER = "fault_over"
    CLOCK_TRUSTED = "clock_trusted"
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    SERVER_STANDALONE = "server_standalone"
    SERVER_ONLINE = "server_online"
    SERVER_CONTINGENCY = "server_contingency"
    SERVER_DENIAL = "server_denial"
    STARTED = "started"
    ENDED_UNCLEANLY = "ended_uncleanly"


TriggerEvent = TriggerTime | Occurrence
"""What sets a trigger off."""

TRIGGER_EVENTS: Mapping[str, TriggerEvent] = MappingProxyType(
    {word.value: word for word in (*TriggerTime, *Occurrence)}
)
"""By name."""


class TriggerAction(StrEnum):
    """What a trigger does."""

    MESSAGE = "message"
    """Nothing but the message, which every action may have beside it."""
    PULSE = "pulse"
    """An output is on for `duration_ms`."""
    ON = "on"
    """An output is on until it is switched off."""
    OFF = "off"
    SIREN = "siren"
    """The siren sounds, for its own time or for `duration_ms`."""
    SILENCE = "silence"
    ARM = "arm"
    DISARM = "disarm"
    UNLOCK = "unlock"
    """A door is unlocked for its own time or for `duration_ms`, never longer than its limit."""
    LOCK = "lock"
    """A door's hold, schedule and running opening end."""
    LOCK_DOWN = "lock_down"
    EMERGENCY = "emergency"
    NORMAL = "normal"
    """An exception mode ends."""


OF_OUTPUTS = frozenset((TriggerAction.PULSE, TriggerAction.ON, TriggerAction.OFF))
OF_DOORS = frozenset((TriggerAction.UNLOCK, TriggerAction.LOCK))
OF_MODES = frozenset((TriggerAction.LOCK_DOWN, TriggerAction.EMERGENCY, TriggerAction.NORMAL))
OF_ZONES = frozenset((TriggerAction.ARM, TriggerAction.DISARM))

LEVELS = frozenset(
    (
        TriggerAction.ON,
        TriggerAction.OFF,
        TriggerAction.ARM,
        TriggerAction.LOCK,
        TriggerAction.LOCK_DOWN,
    )
)
"""States that are right however late they come: made up after a power cut. What opens or moves
something is not, nor what gives up protection."""

IN_DOUBT = frozenset(
    (
        TriggerAction.ARM,
        TriggerAction.LOCK,
        TriggerAction.LOCK_DOWN,
        TriggerAction.SIREN,
        TriggerAction.MESSAGE,
    )
)
"""Done although nobody knows whether the time zone holds, while the clock is not trusted."""


class MessageDestination(StrEnum):
    """Who gets a trigger's message, besides the log."""

    MQTT = "mqtt"
    MONITOR = "monitor"
    ALL = "all"

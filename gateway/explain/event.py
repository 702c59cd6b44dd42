"""What an event consists of: a journal entry in data, for words in any language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

Values = Mapping[str, int | str]
"""By name. Those that end with `_at` are seconds of the site's wall clock."""


class EventKind(StrEnum):
    """What a log can be filtered by. Names are stable."""

    GRANTED = "granted"
    DENIED = "denied"
    WAITING = "waiting"
    """A second factor or more people are due."""
    DOOR = "door"
    ALARM = "alarm"
    MODE = "mode"
    TRIGGER = "trigger"
    SYSTEM = "system"


class Occurrence(StrEnum):
    """What happened. Names are stable."""

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
    TRIGGER_WAITS = "trigger_waits"
    TRIGGER_DONE = "trigger_done"
    TRIGGER_REFUSED = "trigger_refused"
    TRIGGER_CANCELLED = "trigger_cancelled"
    TRIGGER_LATE = "trigger_late"
    OUTPUT_ON = "output_on"
    OUTPUT_OFF = "output_off"
    STARTED = "started"
    STOPPED = "stopped"
    ENDED_UNCLEANLY = "ended_uncleanly"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Ids that do not apply are 0, names empty."""

    kind: EventKind
    what: Occurrence
    values: Values = field(default_factory=lambda: MappingProxyType({}))
    """Names and numbers; what the record lacks is left out."""
    users: tuple[int, ...] = ()
    """Whom it is about, the first one above all."""
    doors: tuple[int, ...] = ()
    reader: str = ""
    portal_id: int = 0
    access_log_id: int = 0
    reason: str = ""
    """A `Reason`; of an access alone."""

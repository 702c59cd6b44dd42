"""Triggers as they are compiled, what sets them off, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from gateway.access.schedule import Condition
from gateway.triggers.words import MessageDestination, TriggerAction, TriggerEvent


class TriggerRow(NamedTuple):
    """A row of `triggers`. A reference that is 0 or None restricts nothing."""

    id: int
    name: str
    enabled: int
    event: str
    door_id: int
    reader: str
    user_id: int | None
    group_id: int | None
    cause: int
    time_zone_id: int | None
    start: int
    sun: int
    mon: int
    tue: int
    wed: int
    thu: int
    fri: int
    sat: int
    hol1: int
    hol2: int
    hol3: int
    delay_ms: int
    cancel_event: str
    action: str
    output: str
    target_door_id: int
    alarm_zone: int
    duration_ms: int
    message: str
    destination: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A compiled row of `triggers`."""

    id: int
    name: str
    event: TriggerEvent
    action: TriggerAction
    enabled: bool = True
    door_id: int = 0
    reader: str = ""
    user_id: int = 0
    group_id: int = 0
    cause: int = 0
    when: Condition | None = None
    """Its time zone; None for none."""
    start_s: int = 0
    """From midnight, of TIME_OF_DAY."""
    days: tuple[bool, ...] = (True,) * 10
    """Sunday to Saturday, hol1 to hol3, of TIME_OF_DAY."""
    delay_ms: int = 0
    cancel: TriggerEvent | None = None
    output: str = ""
    target_door_id: int = 0
    """0 stands for the doors of the fact; of a mode, for the whole device."""
    alarm_zone: int = 0
    """0 for all."""
    duration_ms: int = 0
    message: str = ""
    destination: MessageDestination = MessageDestination.MQTT


@dataclass(frozen=True, slots=True)
class TriggerFact:
    """What happened, as triggers see it."""

    what: TriggerEvent
    doors: tuple[int, ...] = ()
    users: tuple[int, ...] = ()
    reader: str = ""
    """Of a fault of a device, its name."""
    cause: int = 0
    """Of an alarm: an `AlarmCause`."""
    chain: tuple[int, ...] = ()
    """The triggers whose action led to it, the first one first."""


class TriggerVerdict(StrEnum):
    """What a trigger makes of a fact. Names are stable."""

    BEGINS = "begins"
    DISABLED = "disabled"
    OTHER_EVENT = "other_event"
    OTHER_TIME = "other_time"
    OTHER_CAUSE = "other_cause"
    SILENT_ALARM = "silent_alarm"
    """Somebody is under duress: only a trigger that names this cause tells of it."""
    OTHER_DOOR = "other_door"
    OTHER_READER = "other_reader"
    OTHER_PERSON = "other_person"
    OTHER_GROUP = "other_group"
    PERSON_NOT_READ = "person_not_read"
    """The groups of the person cannot be read now."""
    OUT_OF_TIME = "out_of_time"
    NO_SCHEDULE = "no_schedule"
    """Its time zone is empty or cannot be read."""
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    WAITS_ALREADY = "waits_already"
    """Its delay runs since an earlier fact."""
    LOOP = "loop"
    """Its own action led to the fact, or too many triggers in a row did."""
    TOO_OFTEN = "too_often"
    """It has begun too often in a minute and pauses."""
    MISSED = "missed"
    """Its time passed while the device was off, or between two times of its clock."""
    REFUSED = "refused"
    """The action was refused when its time came."""
    LATE = "late"
    """The action could not be done in time."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class TriggerRun:
    """A trigger that has begun and whose action is due later."""

    trigger: int
    fact: TriggerFact
    due_ms: int
    ticket: int = 0
    """Of its journal entry: nothing happens before that is durable."""


@dataclass(frozen=True, slots=True)
class TriggersState:
    """What triggers remember."""

    runs: tuple[TriggerRun, ...] = ()
    """At most one of each trigger."""
    begun: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By trigger: when it began lately, in milliseconds."""
    paused: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """By trigger that the loop guard stopped: until when, in milliseconds."""


@dataclass(frozen=True, slots=True)
class TriggerBegun:
    """A trigger was set off; its action is due after `delay_ms`."""

    run: TriggerRun
    delay_ms: int


@dataclass(frozen=True, slots=True)
class TriggerCancelled:
    """A trigger's delay ended without its action."""

    run: TriggerRun
    by: str
    """The event, or `removed` for a trigger that is no more."""


@dataclass(frozen=True, slots=True)
class TriggerPaused:
    """The loop guard stopped a trigger (a reason), or lets it go on (None)."""

    trigger: int
    why: TriggerVerdict | None


TriggerEffect = TriggerBegun | TriggerCancelled | TriggerPaused


@dataclass(frozen=True, slots=True)
class TriggerTransition:
    """The next state, and what to do, in order."""

    state: TriggersState
    effects: tuple[TriggerEffect, ...] = ()
    verdicts: Mapping[int, TriggerVerdict] = field(default_factory=lambda: MappingProxyType({}))
    """Of the triggers of that event."""

"""What an event consists of: a journal entry in data, for words in any language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gateway.triggers.words import Occurrence

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


class LogOnly(StrEnum):
    """What happened and sets no trigger off. Names are stable."""

    TRIGGER_WAITS = "trigger_waits"
    TRIGGER_DONE = "trigger_done"
    TRIGGER_REFUSED = "trigger_refused"
    TRIGGER_CANCELLED = "trigger_cancelled"
    TRIGGER_LATE = "trigger_late"
    OUTPUT_ON = "output_on"
    OUTPUT_OFF = "output_off"
    STOPPED = "stopped"
    """Nothing is done after it."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Ids that do not apply are 0, names empty."""

    kind: EventKind
    what: Occurrence | LogOnly
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

"""What the journal consists of: kinds of entries, and the entries themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.clock import Clock

JOURNAL_FORM = 3
"""The form of the journal, which SQLite keeps in `user_version`.

A program that adds a kind of entry raises it, so that an older program refuses the file by name.
`tests/unit/store/forms/journal-kinds.toml` lists the kinds of each form.
"""


class EntryKind(StrEnum):
    """What an entry tells. The body of a log kind is the row of the API's table of that name.

    A kind is never removed, since old journals have it; a new one raises JOURNAL_FORM.
    """

    STARTED = "started"
    """The controller took its outputs; the body has each claim and whether it moved a pin."""
    STOPPED = "stopped"
    """An orderly end: the last entry of a run that ended cleanly."""
    ENDED_UNCLEANLY = "ended_uncleanly"
    """Found at the next start: the run before ended without STOPPED."""
    ACCESS = "access"
    """A row of access_logs, its rules, the reason with its trace, and the ids of the actions that a
    grant has other devices run (`elsewhere`)."""
    ACCESS_EVENT = "access_event"
    """A row of access_events."""
    TURN = "turn"
    """A turn of the turnstile: a row of access_events, the counters it raises (columns of
    catra_infos), the access that it belongs to (0 for none) and whether it was allowed."""
    GAVE_UP = "gave_up"
    """A release of the turnstile that nobody used: a row of access_events, and the access that
    becomes one given up (0 for none)."""
    ALARM = "alarm"
    """A row of alarm_logs, and which of several parts it is about, if there are several."""
    BAD_FRAME = "bad_frame"
    """A frame of a reader that no format accepts, with its bits."""
    REPLAY = "replay"
    """What a reader sent may have been played from a recording; what it was is decided as ever."""
    DEVICE = "device"
    """A reader or port came or went."""
    FAULT = "fault"
    """A part of the controller failed or recovered."""
    FIRE = "fire"
    """The fire input latched, or was reset."""
    MODE = "mode"
    """A door entered or left an exception mode, with who wanted that and why where it is known;
    or how much is left of a mode that ends by itself (`timed`); or its time is over (`ended`); or
    a mode went before those of the database, which could not be written (`unstored`), until that
    had it (`stored`)."""
    ON_START = "on_start"
    """The first policy ended what a door's or the turnstile's `on_start` had unlocked, and left it
    unlocked or not."""
    CLOCK = "clock"
    """Trust in the wall clock, or what it comes from, changed; or (`floor_utc`) at the start the
    clock shows less than the newest trusted entry, and whether it is trusted all the same."""
    PASSAGE = "passage"
    """Somebody who was let in went through; or where somebody is was forgotten on purpose; or an
    area counts as empty (`emptied`, 0 for all), by its schedule or because somebody said so."""
    NO_ENTRY = "no_entry"
    """Somebody was let in and the door did not open in its time."""
    KEYPAD = "keypad"
    """A keypad was locked after too many wrong entries, or freed."""
    SCHEDULE = "schedule"
    """A schedule or first card began to hold a door unlocked, was ended before its time, or is
    over."""
    FIRST_CARD = "first_card"
    """Somebody's entry started a first-card unlock, or it is over."""
    PRE_ALARM = "pre_alarm"
    """A door will soon be held open for too long, or was closed in time. A start ends all."""
    INTERLOCK = "interlock"
    """An exit button unlocked nothing, since another door was not free."""
    CODE_USED = "code_used"
    """A code that changes with the time was accepted; it never is again."""
    CARD_SPENT = "card_spent"
    """Somebody was let in with a card that lets in once."""
    CREDENTIAL_USED = "credential_used"
    """Somebody entered with a credential that is good for a number of entries: its table, its row,
    its owner, and how often it has been used by then, if that could be told."""
    DURESS = "duress"
    """Somebody identified under threat, and an alarm is to follow after `delay_ms`; or (`done`) it
    has begun."""
    ARMING = "arming"
    """Alarm zones were armed or disarmed: all that are disarmed, what is left of times to leave,
    and those that are bypassed. Or (`refused`) nothing was armed, since these were open."""
    GESTURE = "gesture"
    """Somebody held the doors of a portal unlocked by a gesture at its reader, or ended that; or
    (`why`) that was refused."""
    ENTRY = "entry"
    """Somebody came in at an alarm zone with an entry delay: `delay` with what is left of it,
    `alarm` once it lasts until it is silenced, `over` when neither is so any more."""
    SILENCED = "silenced"
    """Somebody silenced the alarms that were on."""
    READER_SLOWED = "reader_slowed"
    """Too many unknown cards or codes at a reader: one read a second counts there. Or (`slow`
    false) it is as before, and `left_out` reads were not looked up."""
    ONLINE = "online"
    """Who decides changed: `mode` is a `gateway.access.online.Operation`, `why` the server cannot
    be asked, and `lost_utc_s` when it was lost last, in Unix seconds, 0 for never since the
    start."""
    READER_DISABLED = "reader_disabled"
    """The controller ignored a read, because the tamper contact of its reader is open."""
    OCCUPANCY = "occupancy"
    """Fewer people stay in an area than may be there alone, or that is over."""
    THREAT_LEVEL = "threat_level"
    """Somebody set a threat level, with the reason and the end (`until_utc`, 0 for none); or its
    time is over (`ended`); or (`again`) the level stays, with what is left of its time."""
    TRIGGER = "trigger"
    """A trigger was set off (`step` is `waits`, with what is left of its delay), or what became of
    its action: `done`, `refused`, `cancelled` or `late`."""
    OUTPUT = "output"
    """A trigger switched an output, for `for_ms` (0 until it is switched again); or its time is
    over."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, before it has a number."""

    kind: EntryKind
    body: Mapping[str, Any]
    utc: datetime
    monotonic_ns: int
    clock_trusted: bool


@dataclass(frozen=True, slots=True)
class CommittedEntry:
    """One thing that happened, with its number in the journal."""

    seq: int
    kind: EntryKind
    body: Mapping[str, Any]
    utc: datetime
    monotonic_ns: int = 0
    boot_id: str = ""
    """Of the machine's start in which `monotonic_ns` counts."""
    clock_trusted: bool = True
    """Whether the wall clock was."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Tells how much time has passed since an entry, whatever the wall clock did meanwhile."""

    boot_id: str
    clock: Clock
    trusted: Callable[[], bool]

    def passed_since(self, entry: CommittedEntry) -> timedelta | None:
        """None while nobody can tell: the machine has started since, and its clock is not trusted.

        After another start the wall clock tells; where it has gone back, no time has passed.
        """
        passed_ns = self.clock.monotonic_ns() - entry.monotonic_ns
        if entry.boot_id == self.boot_id and passed_ns >= 0:
            return timedelta(microseconds=passed_ns // 1_000)
        if not self.trusted():
            return None
        return max(timedelta(), self.clock.utc() - entry.utc)

"""Why somebody may or may not pass, and the event that the API reports for it."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class AccessEvent(IntEnum):
    """`access_logs.event` (Control iD Access API, list of objects)."""

    INVALID_DEVICE = 1
    INVALID_RULE_PARAMETERS = 2
    NOT_IDENTIFIED = 3
    PENDING_IDENTIFICATION = 4
    IDENTIFICATION_TIMEOUT = 5
    DENIED = 6
    GRANTED = 7
    PENDING_ACCESS = 8
    NOT_ADMINISTRATOR = 9
    OPENED_UNIDENTIFIED = 10
    BUTTON = 11
    WEB_INTERFACE = 12
    GAVE_UP = 13
    NO_ANSWER = 14
    INTERCOM = 15


class Reason(StrEnum):
    """The outcome of a decision. Values are stable: journals, explanations and clients keep them.

    GRANTED is the only one that opens anything; every other one, errors included, does not.
    """

    GRANTED = "granted"
    FREE_PASSAGE = "free_passage"
    """Fire or emergency holds the doors open for everyone: noted, not decided."""
    UNKNOWN_CREDENTIAL = "unknown_credential"
    """Nobody owns what was presented."""
    NOT_YET_VALID = "not_yet_valid"
    """Before the person's begin."""
    EXPIRED = "expired"
    """After the person's end."""
    NO_RULE = "no_rule"
    """No releasing rule ties this person to this place."""
    OUT_OF_TIME = "out_of_time"
    """A releasing rule ties person and place, but none that counts is in time."""
    UNKNOWN_CONDITION = "unknown_condition"
    """What would release has a stored condition that this build cannot evaluate."""
    BLOCKED = "blocked"
    """A blocking rule applies."""
    LOCK_DOWN = "lock_down"
    """The device or the door is locked down."""
    SECOND_FACTOR_DUE = "second_factor_due"
    """The right is there; the reader waits for this person's PIN or password."""
    SECOND_FACTOR_WRONG = "second_factor_wrong"
    """What was keyed is not this person's."""
    SECOND_FACTOR_TIMED_OUT = "second_factor_timed_out"
    """Nothing was keyed in time, or somebody else came first."""
    CREDENTIAL_REVOKED = "credential_revoked"
    """What was shown before, at the first factor or by somebody who waits, is theirs no more."""
    FIRST_FACTOR_MISSING = "first_factor_missing"
    """A PIN or password alone, where it only counts as a second factor."""
    NO_SECOND_FACTOR_HERE = "no_second_factor_here"
    """A second factor is due, and nothing can be keyed at this reader."""
    KEYPAD_LOCKED = "keypad_locked"
    """Too many wrong entries at this reader: none is looked at for a while."""
    PASSBACK = "passback"
    """Anti-passback: by the record this person is on the other side already."""
    WAITING_FOR_PERSONS = "waiting_for_persons"
    """The right is there; the portal waits for more people."""
    PERSONS_MISSING = "persons_missing"
    """Not enough of the required people came in time."""
    NO_PLACE_AMONG_PERSONS = "no_place_among_persons"
    """The portal needs several people, none of a department of this one."""
    INTERLOCK = "interlock"
    """Another door that must be closed first is not."""
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    """Person or schedule depend on the time, which is not known for certain."""
    READER_WITHOUT_PORTAL = "reader_without_portal"
    """The reader stands for no portal that exists."""
    INTERNAL_ERROR = "internal_error"
    """The decision could not be taken."""

    @property
    def event(self) -> AccessEvent:
        """The event of the API's access log for this reason."""
        return _EVENTS.get(self, AccessEvent.DENIED)

    @property
    def allowed(self) -> bool:
        """True for GRANTED alone."""
        return self is Reason.GRANTED


_EVENTS = {
    Reason.GRANTED: AccessEvent.GRANTED,
    Reason.FREE_PASSAGE: AccessEvent.GRANTED,
    Reason.SECOND_FACTOR_DUE: AccessEvent.PENDING_IDENTIFICATION,
    Reason.SECOND_FACTOR_TIMED_OUT: AccessEvent.IDENTIFICATION_TIMEOUT,
    Reason.WAITING_FOR_PERSONS: AccessEvent.PENDING_ACCESS,
    Reason.PERSONS_MISSING: AccessEvent.IDENTIFICATION_TIMEOUT,
    # The same as for a wrong entry: nobody learns whether this one was right.
    Reason.KEYPAD_LOCKED: AccessEvent.NOT_IDENTIFIED,
    Reason.UNKNOWN_CREDENTIAL: AccessEvent.NOT_IDENTIFIED,
    Reason.READER_WITHOUT_PORTAL: AccessEvent.INVALID_RULE_PARAMETERS,
    Reason.INTERNAL_ERROR: AccessEvent.INVALID_RULE_PARAMETERS,
}

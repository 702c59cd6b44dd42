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

    GRANTED is the only one that allows; every other one, errors included, denies.
    """

    GRANTED = "granted"
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
    BLOCKED = "blocked"
    """A blocking rule applies."""
    LOCK_DOWN = "lock_down"
    """The device or the door is locked down."""
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
    Reason.UNKNOWN_CREDENTIAL: AccessEvent.NOT_IDENTIFIED,
    Reason.READER_WITHOUT_PORTAL: AccessEvent.INVALID_RULE_PARAMETERS,
    Reason.INTERNAL_ERROR: AccessEvent.INVALID_RULE_PARAMETERS,
}

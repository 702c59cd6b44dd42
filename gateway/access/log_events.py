"""What a row of the API's access log says."""

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


class OpeningCause(StrEnum):
    """Why an access log row exists without a decision of this device; values are stable."""

    BUTTON = "button"
    """An exit button was pressed."""
    OPENED_BY_CLIENT = "opened_by_client"
    """A client of the API, or the page, opened a door or released the turnstile."""
    DECIDED_BY_SERVER = "decided_by_server"
    """A server decided on an identification."""

"""Why a person may or may not pass, with the event of the log and the signal of the reader.

`gateway.explain.reason_table` has the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from gateway.access.log_events import AccessEvent
from gateway.access.signals import Cue


class Reason(StrEnum):
    """The outcome of a decision. Values are stable: journals, explanations and clients keep them.

    Only GRANTED and SERVER_GRANTED open anything; every other one, errors included, does not.
    """

    GRANTED = "granted"
    FREE_PASSAGE = "free_passage"
    """Fire or emergency unlocks the doors for everyone: recorded, not decided."""
    UNKNOWN_CREDENTIAL = "unknown_credential"
    """No person owns the credential."""
    NOT_YET_VALID = "not_yet_valid"
    """Before the person's begin."""
    EXPIRED = "expired"
    """After the person's end."""
    CREDENTIAL_LOST = "credential_lost"
    """The credential is marked as lost."""
    CREDENTIAL_STOLEN = "credential_stolen"
    """The credential is marked as stolen."""
    CREDENTIAL_DISABLED = "credential_disabled"
    """The credential is disabled, or has a status that this build does not know."""
    CREDENTIAL_NOT_YET_VALID = "credential_not_yet_valid"
    """Before the begin of the credential."""
    CREDENTIAL_EXPIRED = "credential_expired"
    """After the end of the credential."""
    CREDENTIAL_USED_UP = "credential_used_up"
    """The credential has been used for all entries that it is good for."""
    RIGHT_ENDED = "right_ended"
    """What tied the person to this place, a membership or an own rule, has ended."""
    NO_RULE = "no_rule"
    """No releasing rule ties this person to this place."""
    NO_FLOOR = "no_floor"
    """The person may use the lift, but choose none of its floors now."""
    OUT_OF_TIME = "out_of_time"
    """A releasing rule ties person and place, but none that counts is in time."""
    UNKNOWN_CONDITION = "unknown_condition"
    """What would release has a stored condition that this build cannot evaluate."""
    CONDITION_NOT_MET = "condition_not_met"
    """What would release has a condition that does not hold for this person."""
    BLOCKED = "blocked"
    """A blocking rule applies."""
    LOCK_DOWN = "lock_down"
    """The device or the door is locked down."""
    THREAT_LEVEL = "threat_level"
    """The threat level in force lets only some groups pass, none of this person's."""
    SECOND_FACTOR_DUE = "second_factor_due"
    """The rules grant; the reader waits for this person's PIN or password."""
    SECOND_FACTOR_WRONG = "second_factor_wrong"
    """What was keyed is not this person's."""
    SECOND_FACTOR_TIMED_OUT = "second_factor_timed_out"
    """Nothing was keyed in time, or another person used the reader first."""
    CREDENTIAL_REVOKED = "credential_revoked"
    """A first factor, or the credential of a person who waits, no longer belongs to them."""
    FIRST_FACTOR_MISSING = "first_factor_missing"
    """A PIN or password alone, where it only counts as a second factor."""
    PIN_NOT_ACCEPTED = "pin_not_accepted"
    """A PIN or password, where only cards and codes count at this time."""
    CARD_NOT_ACCEPTED = "card_not_accepted"
    """A card or code, where only a PIN or password counts at this time."""
    NO_SECOND_FACTOR_HERE = "no_second_factor_here"
    """A second factor is due, and nothing can be keyed at this reader."""
    KEYPAD_LOCKED = "keypad_locked"
    """Too many wrong entries at this reader: it accepts none for a while."""
    PASSBACK = "passback"
    """Anti-passback: this person is recorded as being on the other side already."""
    AREA_FULL = "area_full"
    """As many people as may be in the area are inside, or were let in."""
    WAITING_FOR_PERSONS = "waiting_for_persons"
    """The rules grant; the portal waits for more people."""
    PERSONS_MISSING = "persons_missing"
    """Not enough of the required people came in time."""
    NO_PLACE_AMONG_PERSONS = "no_place_among_persons"
    """The portal needs several people, none of a department of this one."""
    WAITING_FOR_HOST = "waiting_for_host"
    """The rules grant; a visitor waits for a host."""
    HOST_MISSING = "host_missing"
    """No host came in time."""
    INTERLOCK = "interlock"
    """Another door that must be closed first is not."""
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    """Person or schedule depend on the time, which is not known for certain."""
    READER_WITHOUT_PORTAL = "reader_without_portal"
    """The reader stands for no portal that exists."""
    TURNSTILE_BLOCKED = "turnstile_blocked"
    """The turnstile is locked in that direction."""
    DOOR_UNREACHABLE = "door_unreachable"
    """The decision is a grant, but the module with the door's wires does not answer."""
    SERVER_GRANTED = "server_granted"
    """The server of an online mode grants."""
    SERVER_DENIED = "server_denied"
    """The server of an online mode denies."""
    SERVER_NOT_IDENTIFIED = "server_not_identified"
    """The server of an online mode did not identify the person."""
    SERVER_FACTOR_DUE = "server_factor_due"
    """The server of an online mode asks for another factor, which the reader waits for."""
    SERVER_UNDECIDED = "server_undecided"
    """The server of an online mode answered without a decision."""
    SERVER_AWAY = "server_away"
    """The server of an online mode cannot be asked, and contingency is switched off."""
    INTERNAL_ERROR = "internal_error"
    """The decision failed."""

    @property
    def event(self) -> AccessEvent:
        """The event of the API's access log for this reason."""
        return _EVENTS.get(self, AccessEvent.DENIED)

    @property
    def cue(self) -> Cue:
        """What the reader's lights and buzzer show for this reason."""
        return _CUES.get(self, Cue.DENY)

    @property
    def allowed(self) -> bool:
        """True for a grant of this device or of a server."""
        return self in (Reason.GRANTED, Reason.SERVER_GRANTED)

    @property
    def of_credential(self) -> bool:
        """True for what a credential's own status, validity and uses refuse."""
        return self in _OF_CREDENTIAL

    @property
    def by_server(self) -> bool:
        """True for what a server decided, or was to decide."""
        return self.value.startswith("server_")


_OF_CREDENTIAL = frozenset(
    {
        Reason.CREDENTIAL_LOST,
        Reason.CREDENTIAL_STOLEN,
        Reason.CREDENTIAL_DISABLED,
        Reason.CREDENTIAL_NOT_YET_VALID,
        Reason.CREDENTIAL_EXPIRED,
        Reason.CREDENTIAL_USED_UP,
    }
)

_EVENTS: Mapping[Reason, AccessEvent] = MappingProxyType(
    {
        Reason.GRANTED: AccessEvent.GRANTED,
        Reason.FREE_PASSAGE: AccessEvent.GRANTED,
        Reason.UNKNOWN_CREDENTIAL: AccessEvent.NOT_IDENTIFIED,
        Reason.SECOND_FACTOR_DUE: AccessEvent.PENDING_IDENTIFICATION,
        Reason.SECOND_FACTOR_TIMED_OUT: AccessEvent.IDENTIFICATION_TIMEOUT,
        Reason.KEYPAD_LOCKED: AccessEvent.NOT_IDENTIFIED,
        Reason.WAITING_FOR_HOST: AccessEvent.PENDING_ACCESS,
        Reason.HOST_MISSING: AccessEvent.IDENTIFICATION_TIMEOUT,
        Reason.WAITING_FOR_PERSONS: AccessEvent.PENDING_ACCESS,
        Reason.PERSONS_MISSING: AccessEvent.IDENTIFICATION_TIMEOUT,
        Reason.READER_WITHOUT_PORTAL: AccessEvent.INVALID_RULE_PARAMETERS,
        Reason.DOOR_UNREACHABLE: AccessEvent.INVALID_RULE_PARAMETERS,
        Reason.SERVER_GRANTED: AccessEvent.GRANTED,
        Reason.SERVER_NOT_IDENTIFIED: AccessEvent.NOT_IDENTIFIED,
        Reason.SERVER_FACTOR_DUE: AccessEvent.PENDING_IDENTIFICATION,
        Reason.SERVER_UNDECIDED: AccessEvent.NO_ANSWER,
        Reason.INTERNAL_ERROR: AccessEvent.INVALID_RULE_PARAMETERS,
    }
)
"""All others are DENIED. An entry at a locked keypad is logged and signalled as any wrong one: that
does not show whether it was right."""

_CUES: Mapping[Reason, Cue] = MappingProxyType(
    {
        Reason.GRANTED: Cue.GRANT,
        Reason.FREE_PASSAGE: Cue.GRANT,
        Reason.SECOND_FACTOR_DUE: Cue.WAIT,
        Reason.WAITING_FOR_HOST: Cue.WAIT,
        Reason.WAITING_FOR_PERSONS: Cue.WAIT,
        Reason.READER_WITHOUT_PORTAL: Cue.ERROR,
        Reason.SERVER_GRANTED: Cue.GRANT,
        Reason.SERVER_FACTOR_DUE: Cue.WAIT,
        Reason.INTERNAL_ERROR: Cue.ERROR,
    }
)
"""All others are DENY."""

"""Why a person may or may not pass: names, events, stages, signals, words and remedies.

Logs, explanations and the simulator take the words of a reason from here.
`gateway.explain.reason_words` adds the facts of one access.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from gateway.access.signals import Cue


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


class Stage(StrEnum):
    """The stages of an access, in their order. Names are stable."""

    PLACE = "place"
    IDENTIFICATION = "identification"
    MODE = "mode"
    """Fire, emergency and lock-down."""
    THREAT_LEVEL = "threat_level"
    """The threat level in force."""
    VALIDITY = "validity"
    RULES = "rules"
    SECOND_FACTOR = "second_factor"
    PASSBACK = "passback"
    OCCUPANCY = "occupancy"
    """The most people that may be in an area."""
    PERSONS = "persons"
    """Several people together, and escorts."""
    INTERLOCK = "interlock"
    DOOR = "door"
    """Whether the door can be reached and moved at all."""
    OTHER = "other"


class StageVerdict(StrEnum):
    """The result of a stage."""

    PASSES = "passes"
    REFUSES = "refuses"
    FREES = "frees"
    """Everyone passes; later stages do not count."""
    WAITS = "waits"
    """It waits for a second factor or for more people."""
    NOT_ASKED = "not_asked"
    """The site does not use it."""
    NOT_REACHED = "not_reached"
    NOT_KNOWN = "not_known"
    """It depends on the state of the doors at the instant of the access."""


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
        return REASONS[self].event

    @property
    def cue(self) -> Cue:
        """What the reader's lights and buzzer show for this reason."""
        return REASONS[self].cue

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


class OpeningCause(StrEnum):
    """Why an access log row exists without a decision of this device; values are stable."""

    BUTTON = "button"
    """An exit button was pressed."""
    OPENED_BY_CLIENT = "opened_by_client"
    """A client of the API, or the page, opened a door or released the turnstile."""
    DECIDED_BY_SERVER = "decided_by_server"
    """A server decided on an identification."""


@dataclass(frozen=True, slots=True)
class ReasonEntry:
    """The entry of one reason in the table."""

    event: AccessEvent
    stage: Stage | None
    """The stage that decides; None for a grant."""
    cue: Cue
    """What the reader shows: an entry at a locked keypad looks like any wrong one."""
    words: str
    """Completes `DENIED Ana at front: ...`; empty for a plain grant."""
    remedy: str = ""
    """What to do about it, with `$user`, `$portal` and `$door` for their ids; empty if nothing is
    wrong."""
    verdict: StageVerdict = StageVerdict.REFUSES
    """The result of the stage."""
    facts: str = ""
    """The facts that the full words need, empty for none. A record of an older program may lack
    them."""


_DENIED, _ERROR = AccessEvent.DENIED, AccessEvent.INVALID_RULE_PARAMETERS

REASONS: Mapping[Reason, ReasonEntry] = MappingProxyType(
    {
        Reason.GRANTED: ReasonEntry(
            AccessEvent.GRANTED, None, Cue.GRANT, "", verdict=StageVerdict.PASSES
        ),
        Reason.FREE_PASSAGE: ReasonEntry(
            AccessEvent.GRANTED,
            Stage.MODE,
            Cue.GRANT,
            "fire or emergency holds the door open for everyone",
            verdict=StageVerdict.FREES,
        ),
        Reason.UNKNOWN_CREDENTIAL: ReasonEntry(
            AccessEvent.NOT_IDENTIFIED,
            Stage.IDENTIFICATION,
            Cue.DENY,
            "nobody has this credential",
            "give it to a person: create_objects with the object cards, qrcodes, pins or uhf_tags",
        ),
        Reason.NOT_YET_VALID: ReasonEntry(
            _DENIED,
            Stage.VALIDITY,
            Cue.DENY,
            "the person is not valid yet",
            "set an earlier begin_time: modify_objects, users, id $user",
            facts="valid",
        ),
        Reason.EXPIRED: ReasonEntry(
            _DENIED,
            Stage.VALIDITY,
            Cue.DENY,
            "the person is no longer valid",
            "set a later end_time: modify_objects, users, id $user",
            facts="valid",
        ),
        Reason.CREDENTIAL_LOST: ReasonEntry(
            _DENIED,
            Stage.VALIDITY,
            Cue.DENY,
            "the credential is marked as lost",
            "find out who has it; set its status to 0 (modify_objects, cards) once it is back",
            facts="credential",
        ),
        Reason.CREDENTIAL_STOLEN: ReasonEntry(
            _DENIED,
            Stage.VALIDITY,
            Cue.DENY,
            "the credential is marked as stolen",
            "somebody is at the door with it; set its status to 0 (modify_objects, cards) once it "
            "is back",
            facts="credential",
        ),
        Reason.CREDENTIAL_DISABLED: ReasonEntry(
            _DENIED,
            Stage.VALIDITY,
            Cue.DENY,
            "the credential is disabled",
            "set its status to 0 (modify_objects, cards), if it is to open again",
            facts="credential",
        ),
        Reason.CREDENTIAL_NOT_YET_VALID: ReasonEntry(
            _DENIED,
            Stage.VALIDITY,
            Cue.DENY,
            "the credential is not yet valid",
            "wait until its begin_time, or change that (modify_objects, cards)",
            facts="credential",
        ),
        Reason.CREDENTIAL_EXPIRED: ReasonEntry(
            _DENIED,
            Stage.VALIDITY,
            Cue.DENY,
            "the credential is no longer valid",
            "extend its end_time (modify_objects, cards)",
            facts="credential",
        ),
        Reason.CREDENTIAL_USED_UP: ReasonEntry(
            _DENIED,
            Stage.VALIDITY,
            Cue.DENY,
            "the credential has no use left",
            "raise its uses (modify_objects, cards), which count all entries made with it",
            facts="credential",
        ),
        Reason.RIGHT_ENDED: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "the membership or own rule that tied this person to this place has ended",
            "extend end_time of user $user in user_groups or user_access_rules (modify_objects)",
            facts="ended",
        ),
        Reason.NO_RULE: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "no access rule lets this person in here",
            "tie a releasing access rule to portal $portal (create_objects, portal_access_rules) "
            "and to a group of user $user (group_access_rules)",
        ),
        Reason.NO_FLOOR: ReasonEntry(
            _DENIED,
            Stage.DOOR,
            Cue.DENY,
            "the person may choose no floor of this lift now",
            "tie a rule of the person to the portal of a floor: elevator_floors names it",
        ),
        Reason.OUT_OF_TIME: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "outside the hours of the access rules",
            "come within the hours, or change the time_spans of the rule's time zone",
        ),
        Reason.BLOCKED: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "a blocking rule applies",
            "take the person or the portal out of the blocking rule (group_access_rules, "
            "portal_access_rules), or change its hours",
        ),
        Reason.LOCK_DOWN: ReasonEntry(
            _DENIED,
            Stage.MODE,
            Cue.DENY,
            "lock-down",
            'end the lock-down: set_exception_mode {"door": $door, "mode": "none"}',
            facts="lock_down",
        ),
        Reason.THREAT_LEVEL: ReasonEntry(
            _DENIED,
            Stage.THREAT_LEVEL,
            Cue.DENY,
            "the threat level in force lets only listed groups pass",
            "lower the level: set_threat_level, or list a group of user $user for it "
            "(create_objects, threat_level_groups)",
            facts="threat_level",
        ),
        Reason.SECOND_FACTOR_DUE: ReasonEntry(
            AccessEvent.PENDING_IDENTIFICATION,
            Stage.SECOND_FACTOR,
            Cue.WAIT,
            "the reader waits for the person's PIN or password",
            "key the person's PIN or password at the same reader",
            verdict=StageVerdict.WAITS,
        ),
        Reason.SECOND_FACTOR_WRONG: ReasonEntry(
            _DENIED,
            Stage.SECOND_FACTOR,
            Cue.DENY,
            "the PIN or password was not this person's",
            "present the card or code again and key the person's own PIN or password",
        ),
        Reason.SECOND_FACTOR_TIMED_OUT: ReasonEntry(
            AccessEvent.IDENTIFICATION_TIMEOUT,
            Stage.SECOND_FACTOR,
            Cue.DENY,
            "no PIN or password was keyed in time",
            "present the card or code again and key the PIN at once",
        ),
        Reason.FIRST_FACTOR_MISSING: ReasonEntry(
            _DENIED,
            Stage.SECOND_FACTOR,
            Cue.DENY,
            "a PIN or password alone does not open this door",
            "present a card or code first, then key the PIN",
        ),
        Reason.PIN_NOT_ACCEPTED: ReasonEntry(
            _DENIED,
            Stage.SECOND_FACTOR,
            Cue.DENY,
            "only cards and codes count at this portal now",
            "present a card or code, or change the portal's rows of portal_factor_modes",
            facts="factors",
        ),
        Reason.CARD_NOT_ACCEPTED: ReasonEntry(
            _DENIED,
            Stage.SECOND_FACTOR,
            Cue.DENY,
            "only a PIN or password counts at this portal now",
            "key the person's PIN, or change the portal's rows of portal_factor_modes",
            facts="factors",
        ),
        Reason.NO_SECOND_FACTOR_HERE: ReasonEntry(
            _DENIED,
            Stage.SECOND_FACTOR,
            Cue.DENY,
            "a PIN is required, and this reader has no keypad",
            "fit a reader with a keypad, or ask for less: identifier.multi_factor_authentication "
            "and the portal's rows of portal_factor_modes",
        ),
        Reason.KEYPAD_LOCKED: ReasonEntry(
            # The same as for a wrong entry: the answer does not show whether this one was right.
            AccessEvent.NOT_IDENTIFIED,
            Stage.IDENTIFICATION,
            Cue.DENY,
            "the keypad is locked after too many wrong entries",
            "wait until the keypad is free again; cards and codes work meanwhile",
            facts="keypad",
        ),
        Reason.PASSBACK: ReasonEntry(
            _DENIED,
            Stage.PASSBACK,
            Cue.DENY,
            "anti-passback",
            "let the person leave first, or forget where they are: forgive_antipassback "
            '{"user_id": $user}, or exempt them (antipassback_exemptions)',
            facts="passback",
        ),
        Reason.AREA_FULL: ReasonEntry(
            _DENIED,
            Stage.OCCUPANCY,
            Cue.DENY,
            "the area has as many people as may be in it",
            "wait until somebody leaves, correct who is inside (empty_area, or "
            'forgive_antipassback {"user_id": N}), or raise its maximum (occupancy_limits)',
            facts="occupancy",
        ),
        Reason.WAITING_FOR_HOST: ReasonEntry(
            AccessEvent.PENDING_ACCESS,
            Stage.PERSONS,
            Cue.WAIT,
            "a visitor waits for a host",
            "a host has to identify at this portal in time",
            verdict=StageVerdict.WAITS,
            facts="escort",
        ),
        Reason.HOST_MISSING: ReasonEntry(
            AccessEvent.IDENTIFICATION_TIMEOUT,
            Stage.PERSONS,
            Cue.DENY,
            "no host came in time",
            "identify again, the host right before or after; or take user $user out of the "
            "visitors' group (user_groups)",
        ),
        Reason.WAITING_FOR_PERSONS: ReasonEntry(
            AccessEvent.PENDING_ACCESS,
            Stage.PERSONS,
            Cue.WAIT,
            "more people are required",
            "the missing people have to identify at this portal in time",
            verdict=StageVerdict.WAITS,
            facts="persons",
        ),
        Reason.PERSONS_MISSING: ReasonEntry(
            AccessEvent.IDENTIFICATION_TIMEOUT,
            Stage.PERSONS,
            Cue.DENY,
            "the other people required did not come in time",
            "identify again, the required people one right after the other",
            facts="persons",
        ),
        Reason.NO_PLACE_AMONG_PERSONS: ReasonEntry(
            _DENIED,
            Stage.PERSONS,
            Cue.DENY,
            "several people are required, and none from this person's groups",
            "add user $user to a group that the portal rule needs (create_objects, user_groups)",
            facts="persons",
        ),
        Reason.INTERLOCK: ReasonEntry(
            _DENIED,
            Stage.INTERLOCK,
            Cue.DENY,
            "another door of the interlock is not closed and locked",
            "close the other door and wait until it is locked",
            facts="interlock",
        ),
        Reason.CLOCK_NOT_TRUSTED: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "person or rules depend on the time, and the clock is not trusted",
            "set the clock: set_system_time, or let it reach a time server; `gateway doctor` names "
            "what is wrong with it",
        ),
        Reason.UNKNOWN_CONDITION: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "a rule has a stored condition that this device cannot evaluate",
            "delete the condition that `gateway doctor` names",
        ),
        Reason.CONDITION_NOT_MET: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "a condition of the rules does not hold for this person",
            "add user $user to the group that the condition names (validations), or delete the "
            "condition (access_rule_validations)",
        ),
        Reason.CREDENTIAL_REVOKED: ReasonEntry(
            _DENIED,
            Stage.IDENTIFICATION,
            Cue.DENY,
            "what was shown before is no longer this person's",
            "give the credential back to user $user, and present it again",
        ),
        Reason.READER_WITHOUT_PORTAL: ReasonEntry(
            _ERROR,
            Stage.PLACE,
            Cue.ERROR,
            "the reader stands for no portal",
            "tie the reader to a portal (portal_script_parameters); `gateway doctor` names it",
        ),
        Reason.TURNSTILE_BLOCKED: ReasonEntry(
            _DENIED,
            Stage.MODE,
            Cue.DENY,
            "the turnstile is blocked for that direction",
            "change catra.operation_mode",
        ),
        Reason.DOOR_UNREACHABLE: ReasonEntry(
            _ERROR,
            Stage.DOOR,
            Cue.DENY,
            "the module with the door's wires does not answer",
            "check the module's power, address and line; `gateway doctor` names what is wrong",
            facts="door_unreachable",
        ),
        Reason.SERVER_GRANTED: ReasonEntry(
            AccessEvent.GRANTED,
            None,
            Cue.GRANT,
            "the server granted",
            verdict=StageVerdict.PASSES,
        ),
        Reason.SERVER_DENIED: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "the server denied",
            "change the person's rights at the server that online_client.server_id names; this "
            "device's own rules do not count while it answers",
        ),
        Reason.SERVER_NOT_IDENTIFIED: ReasonEntry(
            AccessEvent.NOT_IDENTIFIED,
            Stage.IDENTIFICATION,
            Cue.DENY,
            "the server did not identify anybody",
            "give the credential to a person at the server that online_client.server_id names",
        ),
        Reason.SERVER_FACTOR_DUE: ReasonEntry(
            AccessEvent.PENDING_IDENTIFICATION,
            Stage.SECOND_FACTOR,
            Cue.WAIT,
            "the server asks for another factor",
            "present the factor that the server asks for at the same reader",
            verdict=StageVerdict.WAITS,
        ),
        Reason.SERVER_UNDECIDED: ReasonEntry(
            AccessEvent.NO_ANSWER,
            Stage.RULES,
            Cue.DENY,
            "the server answered without a decision",
            "have the server that online_client.server_id names answer with an event",
        ),
        Reason.SERVER_AWAY: ReasonEntry(
            _DENIED,
            Stage.RULES,
            Cue.DENY,
            "the server cannot be asked, and this device must not decide",
            "bring the server back, or set online_client.contingency_enabled to 1; `gateway "
            "doctor` names why it cannot be asked",
        ),
        Reason.INTERNAL_ERROR: ReasonEntry(
            _ERROR,
            Stage.OTHER,
            Cue.ERROR,
            "no decision could be taken",
            "read the service log (journalctl -u gateway-controller) and run `gateway doctor`",
            facts="internal_error",
        ),
    }
)
"""Every reason; `tests/unit/access/test_reasons.py` checks that none is missing."""

OPENINGS: Mapping[OpeningCause, str] = MappingProxyType(
    {
        OpeningCause.BUTTON: "the exit button was pressed",
        OpeningCause.OPENED_BY_CLIENT: "opened by a client of the API",
        OpeningCause.DECIDED_BY_SERVER: "a server decided",
    }
)
"""The words for an access that this device did not decide."""

"""The stage, the words and the remedy of each reason.

Logs, explanations and the simulator take them from here; `gateway.explain.reason_words` adds the
facts of one access.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.access.log_events import OpeningCause
from gateway.access.reasons import Reason
from gateway.explain.stages import Stage, StageVerdict


@dataclass(frozen=True, slots=True)
class ReasonEntry:
    """The entry of one reason in the table."""

    stage: Stage | None
    """The stage that decides; None for a grant."""
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


REASONS: Mapping[Reason, ReasonEntry] = MappingProxyType(
    {
        Reason.GRANTED: ReasonEntry(
            None,
            "",
            verdict=StageVerdict.PASSES,
        ),
        Reason.FREE_PASSAGE: ReasonEntry(
            Stage.MODE,
            "fire or emergency holds the door open for everyone",
            verdict=StageVerdict.FREES,
        ),
        Reason.UNKNOWN_CREDENTIAL: ReasonEntry(
            Stage.IDENTIFICATION,
            "nobody has this credential",
            "give it to a person: create_objects with the object cards, qrcodes, pins or uhf_tags",
        ),
        Reason.NOT_YET_VALID: ReasonEntry(
            Stage.VALIDITY,
            "the person is not valid yet",
            "set an earlier begin_time: modify_objects, users, id $user",
            facts="valid",
        ),
        Reason.EXPIRED: ReasonEntry(
            Stage.VALIDITY,
            "the person is no longer valid",
            "set a later end_time: modify_objects, users, id $user",
            facts="valid",
        ),
        Reason.CREDENTIAL_LOST: ReasonEntry(
            Stage.VALIDITY,
            "the credential is marked as lost",
            "find out who has it; set its status to 0 (modify_objects, cards) once it is back",
            facts="credential",
        ),
        Reason.CREDENTIAL_STOLEN: ReasonEntry(
            Stage.VALIDITY,
            "the credential is marked as stolen",
            "somebody is at the door with it; set its status to 0 (modify_objects, cards) once it "
            "is back",
            facts="credential",
        ),
        Reason.CREDENTIAL_DISABLED: ReasonEntry(
            Stage.VALIDITY,
            "the credential is disabled",
            "set its status to 0 (modify_objects, cards), if it is to open again",
            facts="credential",
        ),
        Reason.CREDENTIAL_NOT_YET_VALID: ReasonEntry(
            Stage.VALIDITY,
            "the credential is not yet valid",
            "wait until its begin_time, or change that (modify_objects, cards)",
            facts="credential",
        ),
        Reason.CREDENTIAL_EXPIRED: ReasonEntry(
            Stage.VALIDITY,
            "the credential is no longer valid",
            "extend its end_time (modify_objects, cards)",
            facts="credential",
        ),
        Reason.CREDENTIAL_USED_UP: ReasonEntry(
            Stage.VALIDITY,
            "the credential has no use left",
            "raise its uses (modify_objects, cards), which count all entries made with it",
            facts="credential",
        ),
        Reason.RIGHT_ENDED: ReasonEntry(
            Stage.RULES,
            "the membership or own rule that tied this person to this place has ended",
            "extend end_time of user $user in user_groups or user_access_rules (modify_objects)",
            facts="ended",
        ),
        Reason.NO_RULE: ReasonEntry(
            Stage.RULES,
            "no access rule lets this person in here",
            "tie a releasing access rule to portal $portal (create_objects, portal_access_rules) "
            "and to a group of user $user (group_access_rules)",
        ),
        Reason.NO_FLOOR: ReasonEntry(
            Stage.DOOR,
            "the person may choose no floor of this lift now",
            "tie a rule of the person to the portal of a floor: elevator_floors names it",
        ),
        Reason.OUT_OF_TIME: ReasonEntry(
            Stage.RULES,
            "outside the hours of the access rules",
            "come within the hours, or change the time_spans of the rule's time zone",
        ),
        Reason.UNKNOWN_CONDITION: ReasonEntry(
            Stage.RULES,
            "a rule has a stored condition that this device cannot evaluate",
            "delete the condition that `gateway doctor` names",
        ),
        Reason.CONDITION_NOT_MET: ReasonEntry(
            Stage.RULES,
            "a condition of the rules does not hold for this person",
            "add user $user to the group that the condition names (validations), or delete the "
            "condition (access_rule_validations)",
        ),
        Reason.BLOCKED: ReasonEntry(
            Stage.RULES,
            "a blocking rule applies",
            "take the person or the portal out of the blocking rule (group_access_rules, "
            "portal_access_rules), or change its hours",
        ),
        Reason.LOCK_DOWN: ReasonEntry(
            Stage.MODE,
            "lock-down",
            'end the lock-down: set_exception_mode {"door": $door, "mode": "none"}',
            facts="lock_down",
        ),
        Reason.THREAT_LEVEL: ReasonEntry(
            Stage.THREAT_LEVEL,
            "the threat level in force lets only listed groups pass",
            "lower the level: set_threat_level, or list a group of user $user for it "
            "(create_objects, threat_level_groups)",
            facts="threat_level",
        ),
        Reason.SECOND_FACTOR_DUE: ReasonEntry(
            Stage.SECOND_FACTOR,
            "the reader waits for the person's PIN or password",
            "key the person's PIN or password at the same reader",
            verdict=StageVerdict.WAITS,
        ),
        Reason.SECOND_FACTOR_WRONG: ReasonEntry(
            Stage.SECOND_FACTOR,
            "the PIN or password was not this person's",
            "present the card or code again and key the person's own PIN or password",
        ),
        Reason.SECOND_FACTOR_TIMED_OUT: ReasonEntry(
            Stage.SECOND_FACTOR,
            "no PIN or password was keyed in time",
            "present the card or code again and key the PIN at once",
        ),
        Reason.CREDENTIAL_REVOKED: ReasonEntry(
            Stage.IDENTIFICATION,
            "what was shown before is no longer this person's",
            "give the credential back to user $user, and present it again",
        ),
        Reason.FIRST_FACTOR_MISSING: ReasonEntry(
            Stage.SECOND_FACTOR,
            "a PIN or password alone does not open this door",
            "present a card or code first, then key the PIN",
        ),
        Reason.PIN_NOT_ACCEPTED: ReasonEntry(
            Stage.SECOND_FACTOR,
            "only cards and codes count at this portal now",
            "present a card or code, or change the portal's rows of portal_factor_modes",
            facts="factors",
        ),
        Reason.CARD_NOT_ACCEPTED: ReasonEntry(
            Stage.SECOND_FACTOR,
            "only a PIN or password counts at this portal now",
            "key the person's PIN, or change the portal's rows of portal_factor_modes",
            facts="factors",
        ),
        Reason.NO_SECOND_FACTOR_HERE: ReasonEntry(
            Stage.SECOND_FACTOR,
            "a PIN is required, and this reader has no keypad",
            "fit a reader with a keypad, or ask for less: identifier.multi_factor_authentication "
            "and the portal's rows of portal_factor_modes",
        ),
        Reason.KEYPAD_LOCKED: ReasonEntry(
            Stage.IDENTIFICATION,
            "the keypad is locked after too many wrong entries",
            "wait until the keypad is free again; cards and codes work meanwhile",
            facts="keypad",
        ),
        Reason.PASSBACK: ReasonEntry(
            Stage.PASSBACK,
            "anti-passback",
            "let the person leave first, or forget where they are: forgive_antipassback "
            '{"user_id": $user}, or exempt them (antipassback_exemptions)',
            facts="passback",
        ),
        Reason.AREA_FULL: ReasonEntry(
            Stage.OCCUPANCY,
            "the area has as many people as may be in it",
            "wait until somebody leaves, correct who is inside (empty_area, or "
            'forgive_antipassback {"user_id": N}), or raise its maximum (occupancy_limits)',
            facts="occupancy",
        ),
        Reason.WAITING_FOR_PERSONS: ReasonEntry(
            Stage.PERSONS,
            "more people are required",
            "the missing people have to identify at this portal in time",
            verdict=StageVerdict.WAITS,
            facts="persons",
        ),
        Reason.PERSONS_MISSING: ReasonEntry(
            Stage.PERSONS,
            "the other people required did not come in time",
            "identify again, the required people one right after the other",
            facts="persons",
        ),
        Reason.NO_PLACE_AMONG_PERSONS: ReasonEntry(
            Stage.PERSONS,
            "several people are required, and none from this person's groups",
            "add user $user to a group that the portal rule needs (create_objects, user_groups)",
            facts="persons",
        ),
        Reason.WAITING_FOR_HOST: ReasonEntry(
            Stage.PERSONS,
            "a visitor waits for a host",
            "a host has to identify at this portal in time",
            verdict=StageVerdict.WAITS,
            facts="escort",
        ),
        Reason.HOST_MISSING: ReasonEntry(
            Stage.PERSONS,
            "no host came in time",
            "identify again, the host right before or after; or take user $user out of the "
            "visitors' group (user_groups)",
        ),
        Reason.INTERLOCK: ReasonEntry(
            Stage.INTERLOCK,
            "another door of the interlock is not closed and locked",
            "close the other door and wait until it is locked",
            facts="interlock",
        ),
        Reason.CLOCK_NOT_TRUSTED: ReasonEntry(
            Stage.RULES,
            "person or rules depend on the time, and the clock is not trusted",
            "set the clock: set_system_time, or let it reach a time server; `gateway doctor` names "
            "what is wrong with it",
        ),
        Reason.READER_WITHOUT_PORTAL: ReasonEntry(
            Stage.PLACE,
            "the reader stands for no portal",
            "tie the reader to a portal (portal_script_parameters); `gateway doctor` names it",
        ),
        Reason.TURNSTILE_BLOCKED: ReasonEntry(
            Stage.MODE,
            "the turnstile is blocked for that direction",
            "change catra.operation_mode",
        ),
        Reason.DOOR_UNREACHABLE: ReasonEntry(
            Stage.DOOR,
            "the module with the door's wires does not answer",
            "check the module's power, address and line; `gateway doctor` names what is wrong",
            facts="door_unreachable",
        ),
        Reason.SERVER_GRANTED: ReasonEntry(
            None,
            "the server granted",
            verdict=StageVerdict.PASSES,
        ),
        Reason.SERVER_DENIED: ReasonEntry(
            Stage.RULES,
            "the server denied",
            "change the person's rights at the server that online_client.server_id names; this "
            "device's own rules do not count while it answers",
        ),
        Reason.SERVER_NOT_IDENTIFIED: ReasonEntry(
            Stage.IDENTIFICATION,
            "the server did not identify anybody",
            "give the credential to a person at the server that online_client.server_id names",
        ),
        Reason.SERVER_FACTOR_DUE: ReasonEntry(
            Stage.SECOND_FACTOR,
            "the server asks for another factor",
            "present the factor that the server asks for at the same reader",
            verdict=StageVerdict.WAITS,
        ),
        Reason.SERVER_UNDECIDED: ReasonEntry(
            Stage.RULES,
            "the server answered without a decision",
            "have the server that online_client.server_id names answer with an event",
        ),
        Reason.SERVER_AWAY: ReasonEntry(
            Stage.RULES,
            "the server cannot be asked, and this device must not decide",
            "bring the server back, or set online_client.contingency_enabled to 1; `gateway "
            "doctor` names why it cannot be asked",
        ),
        Reason.INTERNAL_ERROR: ReasonEntry(
            Stage.OTHER,
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

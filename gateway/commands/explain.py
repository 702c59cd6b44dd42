"""`explain`: why a door opened or did not, for a logged access or one that has not happened.

The command is ours: the vendor's API has none for it. A search by PIN is for administrators, and no
answer contains a credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.access.admission_values import AdmissionSettings
from gateway.access.attempt import Attempt, Factor
from gateway.access.decision import decide
from gateway.access.factor_modes import FactorMode, strictest
from gateway.access.floors import of_floors
from gateway.access.log_events import OpeningCause
from gateway.access.person import Person
from gateway.access.policy import Portal
from gateway.access.reasons import Reason
from gateway.access.week import DAY_S, passes, stretches
from gateway.clock import Moment
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Right, check_right
from gateway.credentials.qr import QrMode, credential_of_code
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import ControllerUnavailable, InvalidRequest, NotFound
from gateway.explain.cures import cures_of
from gateway.explain.entry_words import card_words, opening_line
from gateway.explain.gates import gates_of
from gateway.explain.gesture_words import gesture_sentences
from gateway.explain.reason_words import facts_of
from gateway.explain.reports import (
    day_report,
    ended_at,
    rule_reports,
    stage_reports,
    steps_of,
    suppose,
)
from gateway.explain.sentences import PersonNames, Sentences
from gateway.explain.site_view import ExplainContext, SiteView
from gateway.explain.stages import Stage
from gateway.explain.time_words import when
from gateway.explain.values import Case, DayReport, RuleReport, Step, ZoneReport
from gateway.link.messages import ControllerStatus
from gateway.objects.fields import TEXT_LIMIT
from gateway.store.files import JOURNAL_FILE

LATEST = 4_102_444_800
"""The first second of the year 2100; a later time is a mistake."""
LOOKED_AHEAD_S = 8 * DAY_S
"""How far ahead the next opening is searched: a week and the rest of a day."""

RowId = Annotated[int, Field(ge=1, lt=1 << 63)]
DeviceSeconds = Annotated[int, Field(ge=0, lt=LATEST)]


class ExplainRequest(RequestModel):
    """`explain`: a logged access by its id, or an access that has not happened."""

    access_log_id: RowId | None = None
    user_id: RowId | None = None
    card_value: Annotated[int, Field(ge=0, lt=1 << 64)] | None = None
    qrcode_value: Annotated[str, Field(max_length=TEXT_LIMIT)] | None = None
    pin: Annotated[str, Field(max_length=TEXT_LIMIT)] | None = None
    """For administrators only."""
    portal_id: RowId | None = None
    reader: str | None = None
    """The name of a reader, in place of its portal."""
    time: DeviceSeconds | None = None
    """Device time; by default now."""

    def credential(self) -> Credential | None:
        """The presented credential, if any."""
        if self.card_value is not None:
            return Credential(CredentialKind.CARD, self.card_value)
        if self.qrcode_value is not None:
            return Credential(CredentialKind.QRCODE, self.qrcode_value)
        return None if self.pin is None else Credential(CredentialKind.PIN, self.pin)


_PERSON_MEMBERS = ("user_id", "card_value", "qrcode_value", "pin")
_PORTAL_MEMBERS = ("portal_id", "reader")
_FACTORS = {
    CredentialKind.CARD: Factor.CARD,
    CredentialKind.QRCODE: Factor.QRCODE,
    CredentialKind.PIN: Factor.PIN,
}


class StageShown(TypedDict):
    """One stage of the decision."""

    stage: str
    verdict: str
    text: str


class RuleShown(TypedDict):
    """One rule, and whether it applied."""

    id: int
    name: str
    type: int | None
    person: str | None
    groups: list[int]
    place: str
    time: str
    zones: list[ZoneReport]
    applied: bool
    why: str
    changed: bool
    text: str


class GateShown(TypedDict):
    """One gate of the decision; `decides` is true where it ended or waits."""

    gate: str
    verdict: str
    decides: bool


class CureShown(TypedDict):
    """One action that would change the outcome, and what it is done to."""

    action: str
    target: dict[str, object]


class Explanation(TypedDict):
    """Answer to `explain`. `source` is `journal` for a decision as it was recorded, `rules` for one
    that the present rules would take; `rules_now` is the outcome of the rules alone for the same
    person and portal at this moment, for a logged access of a known person."""

    access_log_id: NotRequired[int]
    reason: str
    source: str
    event: int
    user_id: int
    portal_id: int
    time: int
    rules_now: NotRequired[str]
    decided_by: NotRequired[str | None]
    facts: NotRequired[dict[str, object]]
    text: str
    day: DayReport
    stages: list[StageShown]
    gates: list[GateShown]
    rules: list[RuleShown]
    rules_left_out: int
    to_change: list[str]
    cures: list[CureShown]
    opens_next: NotRequired[int]
    gestures: NotRequired[list[str]]
    """What the person may do there beside opening, for an access that has not happened."""


def explain_context(context: CommandContext) -> ExplainContext:
    """What a view of the site reads in the api process."""

    def status() -> ControllerStatus | None:
        try:
            return context.controller.status()
        except ControllerUnavailable:
            return None

    return ExplainContext(
        database=context.store.reader(),
        models=context.store.models,
        rules_cache=context.rules_cache,
        journal=context.data / JOURNAL_FILE,
        site=context.site,
        clock=context.clock,
        device_time=context.device_time,
        status=status,
    )


def explain(call: Call[ExplainRequest]) -> Annotated[Mapping[str, object], Explanation]:
    """Every rule, stage and gate of an access, and what to change.

    A logged access (`access_log_id`) is explained as it was decided, with the present clauses of
    its rules (`changed` if they differ). For an access that has not happened, the request names a
    person or a credential, a portal or a reader, and a time; door modes and anti-passback are those
    of now.
    """
    if call.request.pin is not None:
        check_right(call.caller, Right.OWNER)
    return explained(SiteView(explain_context(call.context)), call.request)


def explained(view: SiteView, request: ExplainRequest) -> dict[str, Any]:
    """The answer to `request`. Raises InvalidRequest, NotFound or StorageError."""
    if request.access_log_id is not None:
        return _logged(view, request.access_log_id)
    given = [name for name in _PERSON_MEMBERS if getattr(request, name) is not None]
    if len(given) != 1:
        raise InvalidRequest(f"One of {', '.join(_PERSON_MEMBERS)} or access_log_id is needed")
    if (request.portal_id is None) == (request.reader is None):
        raise InvalidRequest(f"One of {', '.join(_PORTAL_MEMBERS)} is needed")
    return _supposed(view, request)


def _logged(view: SiteView, log_id: int) -> dict[str, Any]:
    """A logged access from the journal, beside the present rules."""
    entry = view.entry(log_id)
    if entry is None:
        raise NotFound(f"The journal has no access {log_id}")
    row, word = entry.body["row"], str(entry.body["reason"])
    trace = tuple(
        Step(step["rule_id"], step["name"], step["applied"], step["why"])
        for step in entry.body["trace"]
    )
    moment = replace(
        view.device_time.moment(entry.utc, trusted=entry.clock_trusted), stamp=row["time"]
    )
    head = {
        "access_log_id": log_id,
        "reason": word,
        "source": "journal",
        "event": row["event"],
        "user_id": row["user_id"],
        "portal_id": row["portal_id"],
        "time": row["time"],
    }
    if word in tuple(OpeningCause):  # opened by a button, a client or a server
        return {**head, **_opening(view, moment, entry.body)}
    if word not in tuple(Reason):
        raise NotFound(f"this version does not know the reason {word!r} of access {log_id}")
    member = view.people_index.one(row["user_id"]) if row["user_id"] else None
    person = member.person if member else None
    portal = view.policy.portals.get(row["portal_id"])
    case = Case(
        policy=view.policy,
        person=person,
        portal=portal,
        moment=moment,
        reason=Reason(word),
        trace=trace,
        rule_zones=view.rule_zones,
        logged=True,
        facts=facts_of(entry.body),
        violates=bool(entry.body.get("passback_violation")),
        readings=card_words(row["card_value"]) if "card_value" in row else "",
        stages_in_use=_stages_in_use(view, view.settings(), person, portal, moment),
    )
    shown = {name: row[name] for name in _SHOWN if name in row}
    answer = {**head, **_answer(view, case, member.name if member else "", shown)}
    if person is not None and portal is not None:
        answer["rules_now"] = decide(view.policy, person, portal.id, view.moment(None)).reason.value
    return answer


_SHOWN = ("card_value", "uhf_tag")
"""What a row of access_logs has of the credential, which can be given to somebody."""


def _stages_in_use(
    view: SiteView,
    settings: AdmissionSettings,
    person: Person | None,
    portal: Portal | None,
    moment: Moment,
) -> dict[Stage, bool]:
    """Whether stages that depend on the configuration are in use now."""
    return {
        Stage.THREAT_LEVEL: view.threat is not None
        and not (portal is not None and portal.passage.leads_out),
        Stage.VALIDITY: person is not None and person.limited,
        Stage.SECOND_FACTOR: portal is not None
        and view.policy.factors_at(portal, moment, settings.factor_mode, view.threat).mode
        is not FactorMode.CARD_OR_PIN,
        Stage.PASSBACK: portal is not None and settings.passback.applies_to(portal.passage),
        Stage.OCCUPANCY: portal is not None and view.occupancy(portal) is not None,
        Stage.PERSONS: portal is not None
        and bool(view.policy.portal_rules_at(portal, moment) or view.policy.escorts.get(portal.id)),
    }


def _opening(view: SiteView, moment: Moment, body: Mapping[str, Any]) -> dict[str, Any]:
    """An access that this device did not decide: who opened what."""
    line = opening_line(OpeningCause(body["reason"]), body, view.names)
    return {
        "text": f"{when(moment)}: {line.text}",
        "decided_by": None,
        "facts": _shown(facts_of(body)),
        "day": asdict(day_report(view.policy, moment)),
        "stages": [],
        "gates": [],
        "rules": [],
        "rules_left_out": 0,
        "to_change": [],
        "cures": [],
    }


def _supposed(view: SiteView, request: ExplainRequest) -> dict[str, Any]:
    """An access that has not happened."""
    portal_id, reader = request.portal_id or 0, request.reader or ""
    if request.reader is not None:
        portal_id = view.portal_of_reader(request.reader)
    elif portal_id not in view.policy.portals:
        raise NotFound(f"There is no portal {portal_id}")
    person, name, factor = _person(view, request)
    portal = view.policy.portals.get(portal_id)
    moment = view.moment(request.time)
    # Without a reader, the portal counts as one with a keypad.
    settings = view.settings(*([] if request.reader is not None else [reader]))
    seen = view.circumstances(moment, portal, person.id if person else 0)
    locked_ms = view.status.keypads_locked_ms.get(reader, 0) if view.status else 0
    attempt = Attempt(reader, portal_id, factor, person)
    found = suppose(view.policy, settings, attempt, seen, locked_ms)
    decision, known = found.decision, dict(found.facts)
    reason, beyond = decision.reason, found.beyond
    away = view.unreachable(portal) if portal else None
    if away is not None and Reason.GRANTED in (reason, beyond):
        known[Reason.DOOR_UNREACHABLE.value] = away
        if beyond is None:
            reason = Reason.DOOR_UNREACHABLE
        else:
            beyond = Reason.DOOR_UNREACHABLE
    if portal and person and view.opens_lifts(portal) and Reason.GRANTED in (reason, beyond):
        asked = view.policy.factors_at(portal, moment, settings.factor_mode, view.threat).mode
        shown = strictest((asked, FactorMode.PIN if factor.keyed else FactorMode.CARD))
        choices = view.floor_choices(portal, person, moment, shown)
        known.update(of_floors(choices))
        nothing = not any(its.released for its in choices.values())
        if nothing and view.opens_lifts(portal, alone=True):
            reason = Reason.NO_FLOOR if beyond is None else reason
            beyond = beyond and Reason.NO_FLOOR
    case = Case(
        policy=view.policy,
        person=person,
        portal=portal,
        moment=moment,
        reason=reason,
        trace=steps_of(decision),
        rule_zones=view.rule_zones,
        beyond=beyond,
        facts=known,
        violates=(found.after or found.outcome).passback_violation,
        readings=card_words(request.card_value) if request.card_value is not None else "",
        stages_in_use=_stages_in_use(view, settings, person, portal, moment),
        doors_known=view.status is not None,
    )
    gestures = []
    if person is not None and decision.allowed:
        gestures = list(gesture_sentences(view.rules.snapshot, person, portal_id))
    return {
        **({"gestures": gestures} if gestures else {}),
        "reason": reason.value,
        "source": "rules",
        "event": int(reason.event),
        "user_id": decision.user_id,
        "portal_id": portal_id,
        "time": moment.stamp,
        **_answer(view, case, name, request.model_dump(include={"card_value"}, exclude_none=True)),
    }


def _person(view: SiteView, request: ExplainRequest) -> tuple[Person | None, str, Factor]:
    """The person, their name, and the factor they present."""
    presented = request.credential()
    if presented is None:
        member = view.people_index.one(request.user_id or 0)
        if member is None:
            raise NotFound(f"There is no user {request.user_id}")
        return member.person, member.name, Factor.CARD
    key = f"{presented.kind.value}_identification_enabled"
    if not view.is_on("identifier", key):
        raise InvalidRequest(f"Nobody identifies this way here: identifier.{key} is 0")
    mode = QrMode(int(view.configured("face_id", "qrcode_legacy_mode_enabled")))
    credential = credential_of_code(presented, mode)
    factor = _FACTORS[credential.kind]
    if credential.kind is CredentialKind.QRCODE and mode is not QrMode.ALPHANUMERIC:
        return None, "", factor  # these modes accept numbers only
    person = view.counted(view.people().find(credential).person)
    member = view.people_index.one(person.id) if person else None
    return person, member.name if member else "", factor


def _answer(
    view: SiteView, case: Case, name: str, shown: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """The answer about a case, in data and in sentences; `shown` is what was presented."""
    present = case.person and case.person.at(case.moment)
    rules, left_out = rule_reports(replace(case, person=present))
    groups = set(case.person.group_ids if case.person else ())
    groups.update(group for rule in rules for group in rule.tied_groups)
    sentences = Sentences(
        case, PersonNames(name, view.people_index.group_names(groups)), view.names
    )
    opens_next = None
    if not case.reason.allowed and case.person and case.portal:
        opens_next = _opens_next(view, case.person, case.portal, case.moment)
    ended = ended_at(case)
    doors = tuple(view.topology.doors_of(case.portal.actions)) if case.portal else ()
    return {
        "text": sentences.verdict(),
        "decided_by": ended.value if ended else None,
        "facts": _shown(case.facts),
        "day": asdict(day_report(case.policy, case.moment)),
        "stages": [
            {
                "stage": report.stage.value,
                "verdict": report.verdict.value,
                "text": sentences.stage(report),
            }
            for report in stage_reports(case)
        ],
        "gates": [asdict(gate) for gate in gates_of(case)],
        "rules": [_rule(report, sentences) for report in rules],
        "rules_left_out": left_out,
        "to_change": sentences.to_change(rules, opens_next),
        "cures": [asdict(cure) for cure in cures_of(case, rules, doors, shown)],
        **({"opens_next": opens_next.stamp} if opens_next else {}),
    }


def _shown(known: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without the number of their form."""
    return {name: value for name, value in known.items() if name != "form"}


def _opens_next(view: SiteView, person: Person, portal: Portal, moment: Moment) -> Moment | None:
    ahead = stretches(view.device_time, moment.local, LOOKED_AHEAD_S)
    found = next(passes(view.policy, person, portal, ahead), None)
    return None if found is None else found.first


def _rule(report: RuleReport, sentences: Sentences) -> Mapping[str, object]:
    shown = asdict(report)
    del shown["tied_groups"]
    return {**shown, "text": sentences.rule(report)}


COMMANDS = (
    Command(
        explain, errors=(NotFound,), example={"user_id": 1, "portal_id": 1, "time": 1_795_419_000}
    ),
)

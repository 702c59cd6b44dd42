"""Makes journal entries of what happened. No other module knows the columns of the API's logs.

Every entry has three time stamps: device time for the API's column, UTC and monotonic for the
journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.facts import FORM, NOTHING, cut
from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.access.trace import RuleTrace
from gateway.alarms.register import AlarmSource
from gateway.clock import Clock, DeviceTime, Moment
from gateway.controller.state.ports import Trust, Writer
from gateway.credentials.values import Credential, CredentialKind
from gateway.link.messages import NO_LOG_TYPE
from gateway.store.journal import Entry, EntryKind

_VALUE_COLUMN = {
    CredentialKind.CARD: "card_value",
    CredentialKind.QRCODE: "qrcode_value",
    CredentialKind.PIN: "pin_value",
    CredentialKind.UHF_TAG: "uhf_tag",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry's ticket at the writer, and the id of its row in the API's table."""

    ticket: int
    id: int


@dataclass(frozen=True, slots=True)
class RecorderState:
    """The device's id and the newest ticket."""

    device_id: int
    last_ticket: int


class Recorder:
    """Stamps entries and passes them to the writer. The loop's thread alone uses it."""

    def __init__(self, writer: Writer, clock: Clock, device_time: DeviceTime, trust: Trust) -> None:
        self._writer = writer
        self._clock = clock
        self._device_time = device_time
        self._trust = trust
        self.device_id = 0
        self.noted: Callable[[int, Entry], None] = lambda _ticket, _entry: None
        """Gets each entry, with its ticket."""
        self.last_ticket = 0
        """The ticket of the newest entry, 0 before the first."""

    def state(self) -> RecorderState:
        return RecorderState(self.device_id, self.last_ticket)

    def restore(self, state: RecorderState) -> None:
        self.device_id, self.last_ticket = state.device_id, state.last_ticket

    def moment(self) -> Moment:
        """The present instant for access decisions."""
        utc = self._clock.utc()
        return self._device_time.moment(utc, trusted=self._trust.judge(utc).trusted)

    def decision(
        self,
        outcome: AdmissionOutcome,
        credential: Credential | None,
        identifier_id: int,
        doors: Iterable[int] = (),
        *,
        turnstile: bool = False,
    ) -> Receipt:
        """Record a decision; `credential` is the part of the credential that may be kept.

        `doors` were opened for it, and the turnstile released if `turnstile` is true.
        """
        decision = outcome.decision
        values: dict[str, int | str] = {}
        # An unknown PIN may be one digit off somebody's: it is not kept.
        if credential is not None and (
            credential.kind is not CredentialKind.PIN or decision.user_id
        ):
            values[_VALUE_COLUMN[credential.kind]] = credential.value
        return self._access(
            decision.event,
            decision.reason.value,
            user_id=decision.user_id,
            portal_id=outcome.logged_portal_id or decision.portal_id,
            identifier_id=identifier_id,
            values=values,
            rule_ids=decision.rule_ids,
            trace=decision.trace,
            marks=_marks(outcome),
            facts={
                **({"reader": outcome.reader} if outcome.reader else {}),
                **({"doors": list(doors)} if decision.allowed else {}),
                **({"turnstile": True} if turnstile else {}),
                **outcome.facts,
            },
        )

    def opening(
        self, event: AccessEvent, why: OpeningCause, portal_id: int, door: int = 0, by: str = ""
    ) -> Receipt:
        """Record an opening without a credential, of a door or the turnstile (0).

        A button caused it, or a client whose login is `by`.
        """
        return self._access(event, why.value, portal_id=portal_id, facts=_opened(door, by))

    def authorized(
        self,
        event: AccessEvent,
        user_id: int,
        portal_id: int,
        log_type_id: int = NO_LOG_TYPE,
        doors: Iterable[int] = (),
        by: str = "",
    ) -> Receipt:
        """Record an access that a server decided; `log_type_id` is its kind of punch."""
        return self._access(
            event,
            OpeningCause.DECIDED_BY_SERVER.value,
            user_id=user_id,
            portal_id=portal_id,
            values={"log_type_id": log_type_id},
            facts={"doors": list(doors), **({"by": cut(by)} if by else {})},
        )

    def _access(  # noqa: PLR0913 - the columns of a row, each by its name
        self,
        event: AccessEvent,
        reason: str,
        *,
        portal_id: int,
        user_id: int = 0,
        identifier_id: int = 0,
        values: Mapping[str, int | str] | None = None,
        rule_ids: Iterable[int] = (),
        trace: Iterable[RuleTrace] = (),
        marks: Mapping[str, Any] = MappingProxyType({}),
        facts: Mapping[str, Any] = NOTHING,
    ) -> Receipt:
        row_id = self._writer.give_id("access_logs")
        row = {
            "id": row_id,
            "time": self._stamp(),
            "event": int(event),
            "device_id": self.device_id,
            "identifier_id": identifier_id,
            "user_id": user_id,
            "portal_id": portal_id,
            "identification_rule_id": 0,
            "log_type_id": NO_LOG_TYPE,
            **(values or {}),
        }
        body = {
            "row": row,
            "rules": list(rule_ids),
            "reason": reason,
            "trace": [_trace(step) for step in trace],
            **marks,
            "facts": {"form": FORM, **facts},
        }
        return Receipt(self._add(EntryKind.ACCESS, body), row_id)

    def door_moved(self, door_id: int, *, opened: bool, sec_box: bool = False) -> Receipt:
        """Record that a door opened or closed, by its sensor or else by its relay."""
        what = "secbox" if sec_box else "door"
        row = self._event_row(what, "OPEN" if opened else "CLOSE", str(door_id))
        return Receipt(self._add(EntryKind.ACCESS_EVENT, {"row": row}), row["id"])

    def turned(
        self, key: str, *, left: bool, entrance: bool, allowed: bool, access_log_id: int
    ) -> Receipt:
        """Record a turn; `key` is the uuid of the event, and of its release if there was one."""
        row = self._event_row("catra", "TURN_LEFT" if left else "TURN_RIGHT", key)
        body = {
            "row": row,
            "counts": [
                "left_turns" if left else "right_turns",
                "entrance_turns" if entrance else "exit_turns",
            ],
            "access_log_id": access_log_id,
            "allowed": allowed,
        }
        return Receipt(self._add(EntryKind.TURN, body), row["id"])

    def gave_up(self, key: str, access_log_id: int) -> Receipt:
        """Record that nobody used the release `key`, granted by the access log if not 0."""
        row = self._event_row("catra", "GIVE_UP", key)
        body = {"row": row, "access_log_id": access_log_id}
        return Receipt(self._add(EntryKind.GAVE_UP, body), row["id"])

    def _event_row(self, event: str, kind: str, identification: str) -> dict[str, Any]:
        return {
            "id": self._writer.give_id("access_events"),
            "event": event,
            "type": kind,
            "identification": identification,
            "device_id": self.device_id,
            "timestamp": self._stamp(),
        }

    def alarm(self, source: AlarmSource, *, on: bool) -> Receipt:
        """Record the begin or the end of an alarm."""
        row_id = self._writer.give_id("alarm_logs")
        row = {
            "id": row_id,
            "event": 1 if on else 2,
            "cause": int(source.cause),
            "user_id": source.user_id,
            "time": self._stamp(),
            "access_log_id": source.access_log_id,
            "door_id": source.door_id,
        }
        part = {"part": source.part} if source.part else {}
        return Receipt(self._add(EntryKind.ALARM, {"row": row, **part}), row_id)

    def note(self, kind: EntryKind, **body: Any) -> int:
        """Record what no table of the API holds; return the ticket."""
        return self._add(kind, body)

    def _stamp(self) -> int:
        return self._device_time.stamp(self._clock.utc())

    def _add(self, kind: EntryKind, body: Mapping[str, Any]) -> int:
        utc = self._clock.utc()
        trusted = self._trust.judge(utc).trusted
        entry = Entry(kind, body, utc, self._clock.monotonic_ns(), trusted)
        ticket = self.last_ticket = self._writer.add(entry)
        self.noted(ticket, entry)
        return ticket


def _marks(outcome: AdmissionOutcome) -> dict[str, Any]:
    """The members that only some outcomes have."""
    marks: dict[str, Any] = {}
    if outcome.portal_rule_ids:
        marks["portal_rules"] = list(outcome.portal_rule_ids)
    if len(outcome.company) > 1:
        marks["company"] = [person.id for person in outcome.company]
    if outcome.decision.allowed:
        elsewhere = [it.id for it in outcome.decision.actions if it.runs_elsewhere]
        if elsewhere:
            marks["elsewhere"] = elsewhere
    if outcome.passback_violation:
        marks["passback_violation"] = True
    return marks


def _opened(door: int, by: str) -> dict[str, Any]:
    """The facts of an opening without a credential."""
    where = {"door": door} if door else {"turnstile": True}
    return {**where, **({"by": cut(by)} if by else {})}


def _trace(step: RuleTrace) -> dict[str, Any]:
    return {
        "rule_id": step.rule_id,
        "name": step.name,
        "applied": step.applied,
        "why": str(step.why),
    }

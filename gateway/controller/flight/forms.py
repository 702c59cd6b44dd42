"""The registry of everything in a flight record: stable name -> type.

A record uses these names alone, so classes, private attributes and modules may be renamed freely.
When the shape of a type here changes, raise `FORM`: a test compares the JSON schemas of all types
with those kept for the form.

A record leaves out:

- the collaborators of components: a replay builds its own from the site file;
- the rules and what components derive from them: the record has the rows of the rules, and
  `Controller.resume` configures the components with them;
- answers to clients that are still due, and what was logged already: neither affects a decision.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from types import GenericAlias, MappingProxyType
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from gateway.access.gestures import GestureState
from gateway.access.rows import PolicyRows
from gateway.controller.access.credential_handler import CredentialHandlerState
from gateway.controller.access.credential_uses import CredentialUsesState
from gateway.controller.access.emptying import AreaEmptyingState
from gateway.controller.access.identifier import IdentifierState, Shown
from gateway.controller.access.passback_positions import ForgivenessState, PassbackPositionsState
from gateway.controller.access.read_throttle import ReadThrottleState
from gateway.controller.access.reader_signals import ReaderSignalsState
from gateway.controller.access.server_questions import ServerQuestionsState
from gateway.controller.alarms.alarm_panel import AlarmPanelState
from gateway.controller.alarms.faults import FaultsState
from gateway.controller.alarms.fire import FireLatchState
from gateway.controller.alarms.output_tests import OutputTestsState
from gateway.controller.components import DamageFound, RulesRefused
from gateway.controller.core import LoopState
from gateway.controller.doors.clearances import ClearancesState
from gateway.controller.doors.door_panel import DoorPanelState
from gateway.controller.doors.elevators import ElevatorsState
from gateway.controller.doors.opening_hours import OpeningHoursState
from gateway.controller.doors.operators import OperatorsState
from gateway.controller.doors.turnstile_panel import TurnstilePanelState
from gateway.controller.requests.enrolment import EnrolmentCaptureState
from gateway.controller.state.flight import Asked, Pulse, Stateful
from gateway.controller.state.journal_writer import Committed, WriterFault
from gateway.controller.state.modes import ModeKeeperState
from gateway.controller.state.recorder import RecorderState
from gateway.controller.state.threat import ThreatKeeperState
from gateway.controller.triggers.spare_outputs import SpareOutputsState
from gateway.controller.triggers.trigger_runner import TriggerRunnerState
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.errors import BrokenRecord, StorageError, UnderRepair
from gateway.hardware.events import DeviceState, InputLevel, InputLost, KeyPressed, ReplaySuspected
from gateway.link.messages import Captured, ClearanceQuestion, ServerQuestion
from gateway.store.journal.passages import PassageEntered
from gateway.store.policy.people import Reading
from gateway.store.policy.snapshot import Snapshot

FORM = 36
"""A program reads only records of its own form."""
LONGEST_KEY_BITS = 8
"""A frame with at most so many bits is a key of a keypad."""

STATES: Mapping[str, type] = MappingProxyType(
    {
        "admission": CredentialHandlerState,
        "alarms": AlarmPanelState,
        "door": DoorPanelState,
        "emptying": AreaEmptyingState,
        "elevators": ElevatorsState,
        "enrolment": EnrolmentCaptureState,
        "faults": FaultsState,
        "fire": FireLatchState,
        "forgiveness": ForgivenessState,
        "gestures": GestureState,
        "hours": OpeningHoursState,
        "identifier": IdentifierState,
        "loop": LoopState,
        "modes": ModeKeeperState,
        "online": ServerQuestionsState,
        "operators": OperatorsState,
        "output_tests": OutputTestsState,
        "outputs": SpareOutputsState,
        "peers": ClearancesState,
        "positions": PassbackPositionsState,
        "recorder": RecorderState,
        "signals": ReaderSignalsState,
        "threat": ThreatKeeperState,
        "throttle": ReadThrottleState,
        "triggers": TriggerRunnerState,
        "turnstile": TurnstilePanelState,
        "uses": CredentialUsesState,
    }
)
"""The states of components. One of several has its number in its name: `door 1`."""

INPUTS: Mapping[str, type] = MappingProxyType(
    {
        "bad_frame": BadFrame,
        "committed": Committed,
        "damage_found": DamageFound,
        "device_state": DeviceState,
        "identification": Identification,
        "input_level": InputLevel,
        "input_lost": InputLost,
        "key_pressed": KeyPressed,
        "pulse": Pulse,
        "replay_suspected": ReplaySuspected,
        "request": Asked,
        "rules_refused": RulesRefused,
        "writer_fault": WriterFault,
    }
)
"""The inputs of the controller; new rules, which are stored in parts, are `rules`."""

ANSWERS: Mapping[str, Any] = MappingProxyType(
    {
        "any before": bool,
        "credential": Reading,
        "heard": bool,
        "inside": list[PassageEntered],
        "key": str,
        "passages": list[PassageEntered],
        "password": Reading,
        "person": Reading,
        "uses": int,
        "version": int,
        "window": int | None,
    }
)
"""The answers of files, by question; whether anybody `heard` a question to a server."""

_NOT_PARTS = ("policy", "rows", "configuration")
"""Parts of a snapshot that `rules.py` stores in another form."""

Hide = Callable[[str], str]
"""Replaces a secret."""


@cache
def rule_tables() -> Mapping[str, Any]:
    """The types of the tables that rules are compiled from."""
    hints = get_type_hints(PolicyRows)
    tables = {name: kind for name, kind in hints.items() if name != "version"}
    return {name: GenericAlias(tuple, (get_args(kind)[0], ...)) for name, kind in tables.items()}


@cache
def rule_parts() -> Mapping[str, Any]:
    """The types of the other parts of a snapshot."""
    hints = get_type_hints(Snapshot)
    return {name: kind for name, kind in hints.items() if name not in _NOT_PARTS}


def schemas() -> dict[str, Any]:
    """The JSON schemas of everything in a record, without titles and descriptions."""
    groups: dict[str, Mapping[str, Any]] = {
        "state": STATES,
        "input": INPUTS,
        "answer": ANSWERS,
        "rows": rule_tables(),
        "rules": rule_parts(),
    }
    return {
        f"{group} {name}": _without_prose(adapter(kind).json_schema())
        for group, kinds in groups.items()
        for name, kind in sorted(kinds.items())
    }


def _without_prose(schema: Any) -> Any:
    if isinstance(schema, dict):
        prose = ("title", "description")
        return {
            key: _without_prose(value)
            for key, value in schema.items()
            if key not in prose or not isinstance(value, str)
        }
    return [_without_prose(each) for each in schema] if isinstance(schema, list) else schema


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Converts values of `kind` to JSON and back."""
    return TypeAdapter(kind)


def dump(kind: Any, value: object, hide: Hide) -> Any:
    """`value` of type `kind` as JSON, with its secrets hidden."""
    return adapter(kind).dump_python(hidden(value, hide), mode="json")


def load(kind: Any, data: object) -> Any:
    """The inverse of `dump`. Raises BrokenRecord."""
    try:
        return adapter(kind).validate_json(json.dumps(data))
    except (TypeError, ValueError) as error:
        raise BrokenRecord(f"{json.dumps(data)[:80]} cannot be read: {error}") from error


def dump_input(what: object, hide: Hide) -> dict[str, Any]:
    """An input with its name. Raises LookupError for a type that has none."""
    name = _input_names()[type(what)]
    return {"is": name, "of": dump(type(what), what, hide)}


def load_input(data: Mapping[str, Any]) -> Any:
    """The inverse of `dump_input`. Raises BrokenRecord."""
    name = data["is"]
    if name not in INPUTS:
        raise BrokenRecord(f"there is no input {name!r}")
    return load(INPUTS[name], data["of"])


def dump_state(name: str, component: Stateful, hide: Hide) -> Any:
    """The state of the component `name`. Raises LookupError if it is not registered."""
    return dump(_state_kind(name), component.state(), hide)


def restore_states(components: Mapping[str, Stateful], states: Mapping[str, Any]) -> None:
    """Restore `components` from what `dump_state` returned for each. Raises BrokenRecord."""
    if components.keys() != states.keys():
        names = ", ".join(sorted(components.keys() ^ states.keys()))
        raise BrokenRecord(f"the record and this site do not both have: {names}")
    for name, component in components.items():
        component.restore(load(_state_kind(name), states[name]))


def _state_kind(name: str) -> type:
    return STATES[name.partition(" ")[0]]


def dump_question(asked: str, question: object, hide: Hide) -> Any:
    """A question to files as JSON."""
    if asked == "password":
        return hide(str(question))
    return dump(Credential, question, hide) if isinstance(question, Credential) else question


def dump_asked(question: ServerQuestion | ClearanceQuestion, hide: Hide) -> dict[str, Any]:
    """A question to a server or to peers as JSON, without what somebody keyed before a password."""
    if isinstance(question, ClearanceQuestion):
        return question.model_dump(mode="json")
    shown = question.model_dump(mode="json", exclude={"keyed_user_id"})
    if question.credential in ("pin", "password"):
        shown["value"] = hide(question.value)
    return shown


def dump_answer(asked: str, question: object, answer: object, hide: Hide) -> dict[str, Any]:
    """A question with its answer or its StorageError."""
    asking = {"asked": asked, "of": dump_question(asked, question, hide)}
    if isinstance(answer, StorageError):
        return {**asking, "failed": str(answer), "waits": isinstance(answer, UnderRepair)}
    return {**asking, "got": dump(ANSWERS[asked], answer, hide)}


def load_answer(answer: Mapping[str, Any]) -> Any:
    """The inverse of `dump_answer`. Raises a recorded StorageError, and BrokenRecord."""
    if "failed" in answer:
        raise (UnderRepair if answer.get("waits") else StorageError)(answer["failed"])
    return load(ANSWERS[answer["asked"]], answer.get("got"))


@cache
def _input_names() -> Mapping[type, str]:
    return {kind: name for name, kind in INPUTS.items()}


def hidden(value: Any, hide: Hide) -> Any:
    """`value` with its secrets replaced, and its mappings as plain dicts."""
    match value:
        case Credential(kind=CredentialKind.PIN, value=typed):
            return replace(value, value=hide(str(typed)))
        case BadFrame(bits=bits) if len(bits) <= LONGEST_KEY_BITS:
            return replace(value, bits=hide(bits))
        case Captured(value=read) if read is not None:
            return value.model_copy(update={"value": hide(str(read))})
        case Reading(secret=secret) | Shown(secret=secret) if secret:
            return _with_members(replace(value, secret=hide(secret)), hide)
    return _with_members(value, hide)


def _with_members(value: Any, hide: Hide) -> Any:
    """`value` with the secrets of its members replaced."""
    match value:
        case Mapping():
            return {hidden(key, hide): hidden(each, hide) for key, each in value.items()}
        case tuple() | list() | set() | frozenset():
            parts = [hidden(each, hide) for each in value]
            return value._make(parts) if hasattr(value, "_make") else type(value)(parts)
        case _ if is_dataclass(value) and not isinstance(value, type):
            members = {each.name: getattr(value, each.name) for each in fields(value)}
            changed = {
                name: after
                for name, before in members.items()
                if (after := hidden(before, hide)) is not before
            }
            return replace(value, **changed) if changed else value
    return value

"""The one registry of what stands in a flight record: stable name -> type.

A record calls values by these names alone, so classes, private attributes and modules may be
renamed freely. Whoever changes the shape of a type in here raises `FORM`: a test compares the
JSON schemas of all of them with those kept for the form.

Left out of a record on purpose:

- the collaborators of components: a replay puts its own together from the site file;
- the rules and what components take over from them: the record has the rows they come from, and
  `Controller.resume` hands them to the components again;
- answers to clients that are still due, and what was logged once: neither decides anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from types import GenericAlias, MappingProxyType
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from gateway.access.rows import PolicyRows
from gateway.controller.access.credential_handler import CredentialHandlerState
from gateway.controller.access.identifier import IdentifierState, Shown
from gateway.controller.access.passback_positions import ForgivenessState, PassbackPositionsState
from gateway.controller.access.read_throttle import ReadThrottleState
from gateway.controller.access.reader_signals import ReaderSignalsState
from gateway.controller.alarms.alarm_panel import AlarmPanelState
from gateway.controller.alarms.faults import FaultsState
from gateway.controller.alarms.fire import FireLatchState
from gateway.controller.components import DamageFound, RulesRefused
from gateway.controller.core import LoopState
from gateway.controller.doors.door_panel import DoorPanelState
from gateway.controller.doors.opening_hours import OpeningHoursState
from gateway.controller.doors.turnstile_panel import TurnstilePanelState
from gateway.controller.requests.enrolment import EnrolmentCaptureState
from gateway.controller.state.flight import Asked, Pulse, Stateful
from gateway.controller.state.journal_writer import Committed, WriterFault
from gateway.controller.state.modes import ModeKeeperState
from gateway.controller.state.recorder import RecorderState
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.errors import BrokenRecord, StorageError
from gateway.hardware.events import DeviceState, InputLevel, KeyPressed, ReplaySuspected
from gateway.link.messages import Captured
from gateway.store.journal.passages import PassageEntered
from gateway.store.policy.people import Reading
from gateway.store.policy.snapshot import Snapshot

FORM = 6
"""Of a record. A program reads records of its own form alone."""
LONGEST_KEY_BITS = 8
"""A frame of so few bits is a key of a keypad."""

STATES: Mapping[str, type] = MappingProxyType(
    {
        "admission": CredentialHandlerState,
        "alarms": AlarmPanelState,
        "door": DoorPanelState,
        "enrolment": EnrolmentCaptureState,
        "faults": FaultsState,
        "fire": FireLatchState,
        "forgiveness": ForgivenessState,
        "hours": OpeningHoursState,
        "identifier": IdentifierState,
        "loop": LoopState,
        "modes": ModeKeeperState,
        "positions": PassbackPositionsState,
        "recorder": RecorderState,
        "signals": ReaderSignalsState,
        "throttle": ReadThrottleState,
        "turnstile": TurnstilePanelState,
    }
)
"""What components remember. One of several is called by its kind and its number: `door 1`."""

INPUTS: Mapping[str, type] = MappingProxyType(
    {
        "bad_frame": BadFrame,
        "committed": Committed,
        "damage_found": DamageFound,
        "device_state": DeviceState,
        "identification": Identification,
        "input_level": InputLevel,
        "key_pressed": KeyPressed,
        "pulse": Pulse,
        "replay_suspected": ReplaySuspected,
        "request": Asked,
        "rules_refused": RulesRefused,
        "writer_fault": WriterFault,
    }
)
"""What happens to the controller; new rules, which come in parts, are `rules`."""

ANSWERS: Mapping[str, Any] = MappingProxyType(
    {
        "any before": bool,
        "credential": Reading,
        "key": str,
        "passages": list[PassageEntered],
        "password": Reading,
        "person": Reading,
        "version": int,
        "window": int | None,
    }
)
"""What files answer, by what was asked."""

_NOT_PARTS = ("policy", "rows", "configuration")
"""Of a snapshot; see `rules.py`."""

Hide = Callable[[str], str]
"""Gives the stand-in of a secret."""


@cache
def rule_tables() -> Mapping[str, Any]:
    """The tables of the rows that rules are compiled from."""
    hints = get_type_hints(PolicyRows)
    tables = {name: kind for name, kind in hints.items() if name != "version"}
    return {name: GenericAlias(tuple, (get_args(kind)[0], ...)) for name, kind in tables.items()}


@cache
def rule_parts() -> Mapping[str, Any]:
    """The other parts of a snapshot."""
    hints = get_type_hints(Snapshot)
    return {name: kind for name, kind in hints.items() if name not in _NOT_PARTS}


def schemas() -> dict[str, Any]:
    """The JSON schema of everything that stands in a record, without its prose."""
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
    """What turns values of `kind` into JSON and back."""
    return TypeAdapter(kind)


def dump(kind: Any, value: object, hide: Hide) -> Any:
    """`value`, which is of `kind`, as JSON, its secrets hidden."""
    return adapter(kind).dump_python(hidden(value, hide), mode="json")


def load(kind: Any, data: object) -> Any:
    """The value of `kind` that `dump` gave the form `data`. Raises BrokenRecord."""
    try:
        return adapter(kind).validate_json(json.dumps(data))
    except (TypeError, ValueError) as error:
        raise BrokenRecord(f"{json.dumps(data)[:80]} cannot be read: {error}") from error


def dump_input(what: object, hide: Hide) -> dict[str, Any]:
    """Something that happens, with its name. Raises LookupError for what has none."""
    name = _input_names()[type(what)]
    return {"is": name, "of": dump(type(what), what, hide)}


def load_input(data: Mapping[str, Any]) -> Any:
    """What `dump_input` gave the form `data`. Raises BrokenRecord."""
    name = data["is"]
    if name not in INPUTS:
        raise BrokenRecord(f"there is no input {name!r}")
    return load(INPUTS[name], data["of"])


def dump_state(name: str, component: Stateful, hide: Hide) -> Any:
    """What the component `name` remembers. Raises LookupError for one that is not registered."""
    return dump(_state_kind(name), component.state(), hide)


def restore_states(components: Mapping[str, Stateful], states: Mapping[str, Any]) -> None:
    """Let `components` remember what `dump_state` gave each. Raises BrokenRecord."""
    if components.keys() != states.keys():
        names = ", ".join(sorted(components.keys() ^ states.keys()))
        raise BrokenRecord(f"the record and this site do not both have: {names}")
    for name, component in components.items():
        component.restore(load(_state_kind(name), states[name]))


def _state_kind(name: str) -> type:
    return STATES[name.partition(" ")[0]]


def dump_question(asked: str, question: object, hide: Hide) -> Any:
    """What files were asked for."""
    if asked == "password":
        return hide(str(question))
    return dump(Credential, question, hide) if isinstance(question, Credential) else question


def dump_answer(asked: str, question: object, answer: object, hide: Hide) -> dict[str, Any]:
    """A question with its answer, or with the StorageError that was raised instead."""
    told = {"asked": asked, "of": dump_question(asked, question, hide)}
    if isinstance(answer, StorageError):
        return {**told, "failed": str(answer)}
    return {**told, "got": dump(ANSWERS[asked], answer, hide)}


def load_answer(answer: Mapping[str, Any]) -> Any:
    """The answer in what `dump_answer` gave. Raises StorageError if it was one, BrokenRecord."""
    if "failed" in answer:
        raise StorageError(answer["failed"])
    return load(ANSWERS[answer["asked"]], answer.get("got"))


@cache
def _input_names() -> Mapping[type, str]:
    return {kind: name for name, kind in INPUTS.items()}


def hidden(value: Any, hide: Hide) -> Any:
    """`value` with stand-ins for its secrets, its mappings as plain dicts."""
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
    """`value` with the secrets of what it is made of hidden."""
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

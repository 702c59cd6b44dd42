"""Names and shapes of what stands in a flight record, and that nothing is missing."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from gateway.access.policy import Policy
from gateway.clock import ManualClock
from gateway.controller.core import Controller
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.flight.forms import FORM, STATES, dump_state, restore_states, schemas
from gateway.controller.flight.rules import rules_of, snapshot_of
from gateway.controller.mirror.mirror import Mirror
from gateway.controller.replay.offline import OfflineClock, OfflineController, Sources
from gateway.controller.replay.replay import replay
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.flight import Asked
from gateway.controller.state.inbox import Inbox
from gateway.controller.state.journal_writer import JournalWriter
from gateway.controller.state.policies import PolicyKeeper
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.doors.state import DoorState
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import Capture, Request
from gateway.settings import SITE_FILE
from tests.unit.controller.flight_forms.keep import KEPT

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CARD_OF_ANA = (123 << 32) | 45678
UNKNOWN_CARD = (7 << 32) | 7

NOT_COMPARED = (EffectiveConfig, Policy, Inbox, JournalWriter, Mirror, PolicyKeeper)
"""The rules, which a replay compiles again, and what stands for files and threads."""
NOT_REMEMBERED = {
    "_heartbeat_ns": "when the loop beats next: a record has each beat as an input",
    "_committed": "answers to clients are no effects of a record",
    "board": "the status alone tells it",
    "damages": "what was met on the disk: the status alone tells it",
    "retention": "how much of the journal is kept decides nothing",
    "_started_ns": "what follows from it is an answer of `find_window`, which a record has",
    "_verdict_counts": "figures of the status decide nothing",
    "_wait_counts": "likewise",
    "_wait_sum_ns": "likewise",
    "_doors_known": "since when doors are so is of the status alone",
    "_last_values": "likewise",
    "_last_marks": "likewise",
    "_last_reads": "likewise",
}
"""Attributes that a record leaves out, and why that changes nothing that it compares."""


def test_the_shape_of_everything_in_a_record_is_that_of_its_form() -> None:
    """After changing one, raise FORM and run flight_forms/keep.py."""
    kept = _without_class_names(json.loads(KEPT.read_text(encoding="ascii")))
    now = _without_class_names(json.loads(json.dumps(schemas())))
    changed = {name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name)}
    assert not changed, f"raise FORM, which is {FORM}, since the shapes of these have changed"


def _without_class_names(shapes: dict[str, Any]) -> dict[str, Any]:
    """The schemas with each definition, which has the name of its class, where it is used."""

    def inlined(part: Any, definitions: dict[str, Any]) -> Any:
        if isinstance(part, list):
            return [inlined(each, definitions) for each in part]
        if isinstance(part, str) and part.startswith("#/$defs/"):
            return inlined(definitions[part.removeprefix("#/$defs/")], definitions)
        if not isinstance(part, dict):
            return part
        return {key: inlined(each, definitions) for key, each in part.items() if key != "$defs"}

    return {name: inlined(shape, shape.get("$defs", {})) for name, shape in shapes.items()}


def test_shapes_are_kept_for_the_present_form_alone() -> None:
    assert [path.name for path in KEPT.parent.glob("*.json")] == [f"{FORM}.json"]


@pytest.fixture
def flying(demo: Path, start: Start) -> Iterator[Bench]:
    """A running demo site that keeps a flight record."""
    text = (demo / SITE_FILE).read_text(encoding="utf-8")
    (demo / SITE_FILE).write_text(f"{text}\n[flight_record]\nenabled = true\n", encoding="utf-8")
    with start(demo) as bench:
        yield bench


def in_the_middle(bench: Bench) -> None:
    """Leave as much as possible under way at once."""
    happen, clock = bench.controller.happen, bench.clock

    def read(kind: CredentialKind, value: int | str) -> None:
        happen(Identification("front", Credential(kind, value), clock.monotonic_ns()))

    bench.configure({"identifier": {"multi_factor_authentication": 1}})
    read(CredentialKind.CARD, CARD_OF_ANA)
    read(CredentialKind.PIN, "1234")
    bench.pass_time(0.2)
    read(CredentialKind.CARD, CARD_OF_ANA)
    for number in range(12):
        read(CredentialKind.CARD, UNKNOWN_CARD + number)
    bench.simulator.set_input(InputName(InputKind.TAMPER), high=False)
    bench.simulator.set_input(InputName(InputKind.FIRE), high=True)
    bench.pass_time(0.2)
    enrol = Capture(ticket="t", credential=CredentialKind.CARD, left_ms=30_000)
    happen(Asked(b"me", Request(id="1", expires_ns=clock.monotonic_ns() + 10**9, command=enrol)))


class Nobody:
    """Files that are asked for nothing."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


def restored(controller: Controller, clock: ManualClock, names: Iterable[str]) -> Controller:
    """One on paper that remembers what `controller` does, as far as its components `names` go."""
    paper_clock = OfflineClock(clock.utc())
    paper_clock.ns = clock.monotonic_ns()
    nobody: Any = Nobody()
    sink: Any = nobody
    paper = OfflineController(
        controller._components.site, paper_clock, Sources(nobody, nobody, str), sink, lambda: str
    )
    ours, theirs = paper.controller.components(), controller.components()
    states = {name: dump_state(name, theirs[name], str) for name in names}
    restore_states({name: ours[name] for name in names}, json.loads(json.dumps(states)))
    config = controller._config
    assert config is not None
    paper.controller.resume(snapshot_of(rules_of(config.snapshot, str)))
    return paper.controller


def attributes(root: object) -> dict[str, Any]:
    """The data in every attribute in reach of `root`, by path and name."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    ahead: list[tuple[str, Any]] = [("", root)]
    while ahead:
        path, owner = ahead.pop()
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        slots = [each.name for each in fields(owner)] if is_dataclass(owner) else vars(owner)
        for name in slots:
            value, where = getattr(owner, name), f"{path}.{name}"
            ahead += collaborators(where, value)
            with suppress(NotDataError):
                found[where] = data(value)
    return found


def collaborators(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from collaborators(f"{path}[{key}]", each)
        return
    module = type(value).__module__
    ours = module.startswith("gateway.controller.") and ".flight." not in module
    if ours and not isinstance(value, NOT_COMPARED) and not is_data(value):
        yield path, value


class NotDataError(Exception):
    """A value that acts."""


def is_data(value: Any) -> bool:
    try:
        data(value)
    except NotDataError:
        return False
    return True


def data(value: Any) -> Any:
    """`value` in a form that can be compared. Raises NotDataError."""
    if isinstance(value, None | bool | int | float | str | bytes | Enum | BaseModel | datetime):
        return value
    if isinstance(value, Mapping):
        return sorted((repr(data(key)), data(each)) for key, each in value.items())
    if isinstance(value, set | frozenset):
        return sorted(repr(data(each)) for each in value)
    if isinstance(value, tuple | list | deque):
        return [data(each) for each in value]
    if is_dataclass(value) and not isinstance(value, NOT_COMPARED):
        return [type(value).__name__, *(data(getattr(value, each.name)) for each in fields(value))]
    raise NotDataError(value)


def forgotten(controller: Controller, clock: ManualClock, names: Iterable[str]) -> set[str]:
    """The attributes that differ in a controller that was restored."""
    there, here = attributes(controller), attributes(restored(controller, clock, names))
    differing = {path for path, value in there.items() if here.get(path) != value}
    return {path for path in differing if path.rpartition(".")[2] not in NOT_REMEMBERED}


def test_a_record_holds_everything_that_the_controller_remembers(flying: Bench) -> None:
    in_the_middle(flying)
    assert not forgotten(flying.controller, flying.clock, flying.controller.components())


@pytest.mark.parametrize("name", ["admission", "alarms", "door 1", "identifier", "throttle"])
def test_a_component_that_is_not_registered_is_found(flying: Bench, name: str) -> None:
    in_the_middle(flying)
    names = flying.controller.components().keys() - {name}
    assert forgotten(flying.controller, flying.clock, names)


def test_every_registered_state_belongs_to_a_component(flying: Bench) -> None:
    names = {name.partition(" ")[0] for name in flying.controller.components()}
    assert names | {"turnstile"} == set(STATES)


def test_a_record_replays_after_a_private_attribute_was_renamed(
    flying: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that begins while somebody's entry is awaited; the door's machine moves house."""
    flying.swipe(CARD_OF_ANA)
    flying.begin_record()
    flying.pass_time(10)
    record = max((flying.data / "flight").glob("*.jsonl"))

    class RenamedPanel(DoorPanel):
        @property
        def _state(self) -> DoorState:
            return self._machine

        @_state.setter
        def _state(self, state: DoorState) -> None:
            self._machine = state

    monkeypatch.setattr("gateway.controller.panels.DoorPanel", RenamedPanel)
    result = replay(record)
    assert result.difference is None
    assert result.broken is None
    assert result.effects

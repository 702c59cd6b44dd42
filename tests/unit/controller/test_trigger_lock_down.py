"""No triggers, whatever they are, open a door in lock-down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.access.rows import PolicyRows
from gateway.controller.replay.offline import OfflineClock, OfflineController, Sources
from gateway.controller.state.flight import Pulse
from gateway.controller.state.journal_writer import Committed
from gateway.hardware.events import InputKind, InputLevel, InputName
from gateway.store.policy.snapshot import Snapshot, without_rules
from gateway.triggers.values import Trigger
from gateway.triggers.words import Occurrence, TriggerAction
from tests.unit.controller.scenarios import demo_site

SHUT, OPEN = 1, 2
"""A door in lock-down, and one that is not."""
SENSORS = {number: InputName(InputKind.DOOR_SENSOR, number) for number in (SHUT, OPEN)}
MOVES = st.lists(
    st.tuples(st.sampled_from((SHUT, OPEN)), st.booleans(), st.sampled_from((10, 1_000, 45_000))),
    min_size=1,
    max_size=12,
)
EVENTS = (
    Occurrence.DOOR_OPENED,
    Occurrence.DOOR_CLOSED,
    Occurrence.MODE,
    Occurrence.OPENED_BY_CLIENT,
)
# What ends the lock-down may be followed by an opening: that is what it is for.
ACTIONS = (
    TriggerAction.UNLOCK,
    TriggerAction.LOCK,
    TriggerAction.LOCK_DOWN,
    TriggerAction.EMERGENCY,
    TriggerAction.DISARM,
)
TRIGGERS = st.lists(
    st.builds(
        Trigger,
        id=st.just(0),
        name=st.just("t"),
        event=st.sampled_from(EVENTS),
        action=st.sampled_from(ACTIONS),
        delay_ms=st.sampled_from((0, 0, 900)),
        target_door_id=st.sampled_from((0, SHUT, OPEN)),
        duration_ms=st.sampled_from((0, 5_000, 86_400_000)),
    ),
    min_size=1,
    max_size=5,
)


class Nobody:
    """Stands for the files of people."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name}: no trigger here asks for people")


class Lines:
    def begin(self, header: str) -> None:
        pass

    def write(self, line: str) -> bool:
        del line
        return False

    def close(self) -> None:
        pass


def rules(triggers: list[Trigger]) -> Snapshot:
    known = without_rules()
    values = {**known.configuration, ("general", f"door{SHUT}_exception_mode"): "lock_down"}
    values |= {("general", f"door_sensor{door}_enabled"): "1" for door in SENSORS}
    values |= {("alarm", "forced_access_enabled"): "1"}
    numbered = tuple(replace(row, id=number) for number, row in enumerate(triggers, 1))
    rows = PolicyRows(1)
    return replace(known, version=1, configuration=values, triggers=numbered, rows=rows)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TRIGGERS, MOVES)
def test_no_trigger_opens_a_door_in_lock_down(
    triggers: list[Trigger], moves: list[tuple[int, bool, int]]
) -> None:
    clock = OfflineClock()
    nobody: Any = Nobody()
    sources = Sources(nobody, nobody, lambda: "key")
    with OfflineController(demo_site(), clock, sources, Lines(), lambda: str) as offline:
        controller = offline.controller

        def look() -> dict[int, bool]:
            controller.happen(Committed(controller._components.recorder.last_ticket, 1))
            controller.happen(Pulse.TIME)
            return {door.id: door.unlocked for door in controller.status().doors}

        for name in SENSORS.values():  # both are closed
            controller.happen(InputLevel(name, True, clock.ns))
        controller.happen(rules(triggers))
        for door, high, passed_ms in moves:
            controller.happen(InputLevel(SENSORS[door], high, clock.ns))
            for _ in range(2 + passed_ms // 5_000):
                clock.ns += passed_ms * 1_000_000 // (2 + passed_ms // 5_000)
                clock.moment += timedelta(milliseconds=passed_ms // (2 + passed_ms // 5_000))
                assert not look()[SHUT]

"""What is in force is told until somebody ends it: by the log, the doctor and the simulator."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.cli.doctor import Finding, Grade, examine
from gateway.errors import NotFound
from gateway.hardware.events import InputKind, InputName
from gateway.link.client import ControllerClient
from gateway.link.messages import OpenDoor, ResetFire, Simulate
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

FIRE = InputName(InputKind.FIRE)
UNTIL_RESET = "front, back stay unlocked until somebody resets it: run `gateway alarm reset --data"


@pytest.fixture
def told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Finding]]:
    """What the doctor warns of that the controller's state tells."""
    monkeypatch.setattr(ControllerClient, "status", lambda _: bench.controller.status())
    usual = set(examine(bench.data))
    return lambda: [it for it in examine(bench.data) if it.grade is Grade.WARN and it not in usual]


def burn(bench: Bench, *, on: bool) -> None:
    bench.simulator.set_input(FIRE, high=on)
    bench.pass_time(0.2)


def test_the_doctor_tells_a_fire_until_it_is_reset(
    bench: Bench, told: Callable[[], list[Finding]]
) -> None:
    burn(bench, on=True)
    (found,) = told()
    assert (found.grade, found.subject) == (Grade.WARN, "fire")
    assert "its input still reports it; front, back stay unlocked until" in found.text
    burn(bench, on=False)
    (found,) = told()
    assert "its input is normal" in found.text
    assert UNTIL_RESET in found.text
    bench.ask(ResetFire())
    bench.settle()
    assert told() == []


def test_the_journal_tells_that_a_fire_goes_on_without_its_input_and_over_a_restart(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        burn(bench, on=True)
        burn(bench, on=False)
        burning = bench.controller.status().fire
        assert burning is not None
        since = burning.since_utc
    with start(demo) as again:
        again.pass_time(0.2)
        assert again.controller.status().fire == burning
        goes_on = {"on": True, "since_utc": since}
        assert again.journal(EntryKind.FIRE) == [
            {"on": True},
            {**goes_on, "input_active": False},
            goes_on,
            {**goes_on, "input_active": False},
        ]


def test_the_doctor_tells_modes_holds_keypads_and_alarms(
    bench: Bench, told: Callable[[], list[Finding]]
) -> None:
    bench.ask(OpenDoor(door=2, timeout_ms=0, reason=0))
    bench.settle()
    bench.configure({"general": {"door1_exception_mode": "lock_down"}})
    for key in "9#" * 5:
        bench.simulator.keys("front", key)
        bench.pass_time(0.2)
    lines = [f"{it.subject}: {it.text}" for it in told()]
    for pattern in (
        r"door front: lock-down: .*, without an end; set_exception_mode .*\"door\":1",
        r"door back: held unlocked by a command .*door=2,timeout=-1",
        r"keypad front: locked until \d\d:\d\d:\d\d after too many wrong entries",
        r"alarm: front: tampering \(keypad front\)",
    ):
        assert any(re.match(pattern, line) for line in lines), (pattern, lines)


def test_a_button_that_a_door_has_not_is_named_so(bench: Bench) -> None:
    with pytest.raises(NotFound, match="door back has no exit button"):
        bench.ask(Simulate(verb="rex", door="back"))

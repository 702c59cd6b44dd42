"""Triggers over a whole gateway: an input or the clock moves a pin, and a kill loses no delay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from gateway.settings import SITE_FILE
from gateway.settings.files import END_LINE

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Row, Running

Eventually = Callable[..., Any]
GATE, LIGHT = 21, 13
OUTPUTS = f"""
[[output]]
name = "gate"
pin = {GATE}
active = "high"

[[output]]
name = "light"
pin = {LIGHT}
active = "high"
"""
PULSE = {"action": "pulse", "output": "gate", "duration_ms": 150}


@pytest.fixture(scope="module")
def running(make: Maker) -> Iterator[Running]:
    site = make.demo()
    path = site.data / SITE_FILE
    path.write_text(path.read_text().replace(END_LINE, OUTPUTS + END_LINE))
    with make.run(site) as found:
        yield found


@pytest.fixture
def put(running: Running, eventually: Eventually) -> Iterator[Callable[..., int]]:
    """Adds a trigger, which goes with the test; the front door is closed."""
    running.sim("door", door="front", value="closed")
    eventually(lambda: not running.status().doors[0].open, "a closed door")

    def added(**row: Any) -> int:
        (number,) = running.api.create("triggers", {"name": "it", **row})
        return number

    yield added
    running.api.ask("destroy_objects", {"object": "triggers"})
    running.sim("door", door="front", value="closed")


def entries(running: Running, trigger: int) -> list[Row]:
    return [
        {"seq": entry.seq, "kind": entry.kind.value, **entry.body}
        for entry in running.site.journal()
        if entry.body.get("trigger") == trigger
    ]


def test_a_door_that_opens_pulses_a_pin_by_a_trigger_that_the_journal_names(
    running: Running, put: Callable[..., int], eventually: Eventually
) -> None:
    number = put(event="door_opened", door_id=1, **PULSE)
    before = running.board.edges(GATE)
    told = running.site.type("explain", "--event", "door_opened", "--door", "1").stdout
    assert "it: yes: pulse gate for 0.15 s" in told

    running.sim("door", door="front", value="open")
    eventually(lambda: running.board.edges(GATE) == before + 2, "a pulse")
    high, low = running.board.history(GATE)[-2:]
    assert (high.high, low.high) == (True, False)
    eventually(lambda: len(entries(running, number)) == 3, "all entries")
    waits, switched, done = entries(running, number)
    assert (waits["step"], switched["kind"], done["step"]) == ("waits", "output", "done")
    status = next(it for it in running.status().triggers if it.id == number)
    assert status.done_utc > 0


def test_a_time_of_day_moves_a_pin_and_what_the_clock_jumped_over_does_not(
    running: Running, put: Callable[..., int], eventually: Eventually
) -> None:
    number = put(event="time_of_day", start=22 * 3_600, **PULSE)
    before = running.board.edges(GATE)
    zone = ZoneInfo("America/Sao_Paulo")
    tomorrow = datetime.now(zone) + timedelta(days=1)
    nearly = tomorrow.replace(hour=21, minute=59, second=59, microsecond=0)
    running.site.sim("clock", "set", nearly.astimezone(UTC).isoformat())
    eventually(lambda: running.board.edges(GATE) == before + 2, "a pulse at 22:00")
    begun = [row for row in entries(running, number) if row.get("step") == "waits"]
    assert len(begun) == 1
    running.sim("clock", value="real")


def test_a_kill_during_a_delay_loses_neither_it_nor_what_is_switched_on(
    running: Running, put: Callable[..., int], eventually: Eventually
) -> None:
    number = put(event="door_opened", delay_ms=2_500, action="on", output="light")
    running.sim("door", door="front", value="open")
    eventually(lambda: entries(running, number), "the begin of the delay")
    assert not running.board.high(LIGHT)
    running.kill("controller")
    eventually(lambda: running.board.high(LIGHT), "the light after the restart")
    eventually(lambda: entries(running, number)[-1]["step"] == "done", "its entry")

    running.kill("controller")
    eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")
    eventually(lambda: running.board.high(LIGHT), "the light, taken up again")


def test_a_mode_that_a_trigger_sets_reaches_the_database(
    running: Running, put: Callable[..., int], eventually: Eventually
) -> None:
    put(event="door_opened", action="lock_down", target_door_id=2)
    put(event="door_opened", delay_ms=100, action="unlock", target_door_id=2)

    def configured() -> str:
        asked = {"general": ["door2_exception_mode"]}
        found = running.api.ask("get_configuration", asked)
        return str(found["general"]["door2_exception_mode"])

    running.sim("door", door="front", value="open")
    eventually(lambda: configured() == "lock_down", "the mode in the database")
    eventually(
        lambda: any(row.get("step") == "refused" for row in _all_steps(running)), "the refusal"
    )
    running.api.configure("general", door2_exception_mode="none")


def _all_steps(running: Running) -> list[Row]:
    return [dict(it.body) for it in running.site.journal() if it.kind.value == "trigger"]

"""Supervised contacts: the table of what a loop reads, and the driver at both chips' protocols."""

from __future__ import annotations

import math
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.clock import ManualClock
from gateway.hardware.adc.driver import AdcDriver
from gateway.hardware.adc.loops import POLL_MS, LoopSamples, sampled, samples_of
from gateway.hardware.device_thread import Backoff
from gateway.hardware.events import (
    DeviceState,
    HardwareEvent,
    InputKind,
    InputLevel,
    InputLost,
    InputName,
    Loop,
)
from gateway.hardware.simulated.adc import SimulatedAdcs
from gateway.settings import AdcInput, LoopBands, LoopReading
from gateway.settings.adc import HYSTERESIS, AnyAdc

TABLE = Path(__file__).parent / "tables" / "loops.toml"
CASES = tomllib.loads(TABLE.read_text(encoding="utf-8"))["case"]
ADC: TypeAdapter[AnyAdc] = TypeAdapter(AnyAdc)
MCP = {"name": "loops", "kind": "mcp3208", "device": "simulated"}
ADS = {"name": "loops", "kind": "ads1115", "device": "simulated", "address": 0x49}
ZONE = InputName(InputKind.ZONE, 1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_loop_reads_as_the_table_says(case: dict[str, Any]) -> None:
    wire = AdcInput(adc="loops", channel=0, **case.get("settings", {}))
    bands = LoopBands.of(ADC.validate_python(MCP), wire)
    rows = {at_ms: (ohm, reads) for at_ms, ohm, reads in case["timeline"]}
    noise, state, ohm = cycle(case.get("noise", ["0"])), LoopSamples(), "endless"
    for at_ms in range(0, max(rows) + POLL_MS, POLL_MS):
        given_ohm, reads = rows.get(at_ms, ("", ""))
        ohm = given_ohm or ohm
        now = next(noise) if ohm == "noise" else ohm
        before, measured = state.reading, math.inf if now == "endless" else float(now)
        state = sampled(bands, state, measured, samples_of(wire.debounce_ms))
        assert (state.reading or "" if state.reading is not before else "") == reads, at_ms


@given(
    st.integers(0, 60_000), st.integers(0, 60_000), st.integers(500, 100_000), st.integers(1, 20)
)
def test_resistors_that_are_accepted_have_bands_apart_that_hold_their_nominal_values(
    series: int, parallel: int, bias: int, tolerance: int
) -> None:
    adc = ADC.validate_python({**MCP, "bias_ohm": bias})
    wire = AdcInput(
        adc="loops",
        channel=0,
        series_ohm=series,
        parallel_ohm=parallel,
        tolerance_percent=tolerance,
    )
    try:
        bands = LoopBands.of(adc, wire)
    except ValueError:
        return
    edges = [edge for _reading, least, most in bands.bands for edge in (least, most)]
    assert edges == sorted(edges)
    assert edges[0] == 0
    assert edges[-1] == math.inf
    opened = series + parallel if parallel else math.inf
    for before in (None, *LoopReading):
        assert bands.reading(series, before) is LoopReading.CLOSED
        assert bands.reading(opened, before) is LoopReading.OPEN
    for below, above in zip(bands.bands, bands.bands[1:], strict=False):
        assert below[2] * (1 + HYSTERESIS) < above[1] * (1 - HYSTERESIS)


class Played:
    """A driver at a simulated converter."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        adc = ADC.validate_python(settings)
        wires = {ZONE: AdcInput(adc="loops", channel=2)}
        self.clock = ManualClock(datetime(2026, 11, 23, tzinfo=UTC))
        self.events: list[HardwareEvent] = []
        self.chip = SimulatedAdcs([adc], wires)
        self.driver = AdcDriver(
            adc,
            wires,
            Loop(self.clock, self.events.append, lambda: None),
            backoff=Backoff(0.01, 0.01),
            opener=self.chip.open,
        )

    def wait_for(self, condition: Callable[[HardwareEvent], bool]) -> HardwareEvent:
        give_up, pause = time.monotonic() + 30, threading.Event()
        while time.monotonic() < give_up:
            self.driver.service(0)
            for number, event in enumerate(self.events):
                if condition(event):
                    del self.events[: number + 1]
                    return event
            pause.wait(0.005)
        raise AssertionError(self.events)


@pytest.fixture(params=[MCP, ADS], ids=["mcp3208", "ads1115"])
def played(request: pytest.FixtureRequest) -> Iterator[Played]:
    made = Played(request.param)
    yield made
    made.driver.close()


def test_a_converter_reports_contacts_and_disturbed_wires(played: Played) -> None:
    played.wait_for(lambda it: isinstance(it, DeviceState) and it.online)
    played.wait_for(lambda it: isinstance(it, InputLevel) and it.high)
    played.chip.set_contact(ZONE, high=False)
    played.wait_for(lambda it: isinstance(it, InputLevel) and not it.high)
    (line,) = played.driver.lines()
    assert (line.high, line.reading) == (False, "closed")
    assert line.ohm == pytest.approx(4_700, rel=0.01)
    for what, tampered in (("cut", True), ("shorted", True), ("6800", False)):
        played.chip.play("loops", 2, what)
        lost = played.wait_for(lambda it: isinstance(it, InputLost))
        assert isinstance(lost, InputLost)
        assert lost.tampered is tampered
        (line,) = played.driver.lines()
        assert line.high is None
    assert line.reading == "fault"


def test_a_converter_that_does_not_answer_is_offline_and_its_inputs_are_unknown(
    played: Played,
) -> None:
    played.wait_for(lambda it: isinstance(it, InputLevel))
    played.chip.plug("loops", plugged=False)
    played.wait_for(lambda it: isinstance(it, DeviceState) and not it.online)
    lost = played.wait_for(lambda it: isinstance(it, InputLost))
    assert isinstance(lost, InputLost)
    assert not lost.tampered
    (line,) = played.driver.lines()
    assert (line.high, line.reading, line.ohm) == (None, "", None)
    played.chip.plug("loops", plugged=True)
    played.wait_for(lambda it: isinstance(it, DeviceState) and it.online)
    played.wait_for(lambda it: isinstance(it, InputLevel) and it.high)

"""A technician watches the wires over the link, and tests outputs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.credentials.wiegand import FORMATS, encode
from gateway.errors import InvalidRequest, NotFound
from gateway.link.messages import LARGEST_MESSAGE, Simulate
from gateway.link.wiring import PulseOutput, WatchWiring, WiringCaptures
from gateway.settings import SITE_FILE

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANAS = encode(FORMATS["w26"], 123, 45678)


def watched(bench: Bench, reader: str | None = "front", *, keys: bool = False) -> WiringCaptures:
    command = WatchWiring(reader=reader, keys=keys, widths=True)
    return WiringCaptures.model_validate_json(
        WiringCaptures.model_validate(bench.ask(command)).model_dump_json()
    )


def send(bench: Bench, bits: str, pulse_us: int = 50) -> None:
    bench.ask(Simulate(verb="frame", reader="front", value=bits, pulse_us=pulse_us))
    bench.pass_time(0.2)


def test_a_watched_reader_answers_with_its_frames_and_decides_as_ever(bench: Bench) -> None:
    assert watched(bench).frames == ()
    send(bench, ANAS)
    (frame,) = watched(bench).frames
    assert (frame.bits, set(frame.widths_us)) == (ANAS, {50})
    assert frame.at_ns <= watched(bench).now_ns
    assert bench.events()[-1] == (7, 1)
    send(bench, encode(FORMATS["w26"], 1, 1), pulse_us=12)
    assert set(watched(bench).frames[-1].widths_us) == {12}
    assert bench.events()[-1] == (3, 0)


def test_a_watch_without_a_reader_shows_inputs_alone(bench: Bench) -> None:
    bench.ask(Simulate(verb="door", door="front", value="open"))
    bench.pass_time(0.2)
    answer = watched(bench, None)
    assert answer.frames == ()
    (sensor,) = [it for it in answer.inputs if (it.kind, it.number) == ("door_sensor", 1)]
    assert sensor.changes == 1


def test_noise_of_twenty_frames_fits_one_message(bench: Bench) -> None:
    watched(bench)
    for _ in range(21):
        send(bench, "10" * 150)
        watched(bench)
    answer = watched(bench)
    assert len(answer.frames) == 20
    assert len(answer.model_dump_json()) < LARGEST_MESSAGE


def test_an_unknown_reader_cannot_be_watched(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no reader 'gone'"):
        watched(bench, "gone")


@pytest.fixture
def loud(demo: Path, start: Start) -> Iterator[Bench]:
    """The demo site with a siren, which alarms sound, and a flight record."""
    with (demo / SITE_FILE).open("a", encoding="utf-8") as site:
        site.write(
            '\n[siren]\npin = 13\nactive = "high"\ntime_s = 20\n[flight_record]\nenabled = true\n'
        )
    with start(demo) as bench:
        bench.configure({"alarm": {"siren_enabled": 1, "device_violation_enabled": 1}})
        yield bench


def test_a_watch_ends_and_nothing_of_it_is_in_a_flight_record(loud: Bench) -> None:
    watched(loud, keys=True)
    loud.ask(Simulate(verb="key", reader="front", value="9"))
    loud.pass_time(0.5)
    assert [frame.bits for frame in watched(loud, keys=True).frames] == ["1001"]
    loud.pass_time(6)
    assert watched(loud, keys=True).frames == ()
    records = list((loud.data / "flight").glob("*"))
    assert records
    assert not any(b"watch_wiring" in path.read_bytes() for path in records)


def level_of(bench: Bench, use: str) -> str:
    (level,) = [str(it["level"]) for it in bench.outputs() if it.get("use") == use]
    return level


def test_an_output_is_on_for_its_time_alone(loud: Bench) -> None:
    assert level_of(loud, "siren") == "low"
    loud.ask(PulseOutput(output="siren", for_ms=500))
    assert level_of(loud, "siren") == "high"
    assert not loud.controller.status().siren, "no alarm sounds"
    with pytest.raises(InvalidRequest, match="is on already"):
        loud.ask(PulseOutput(output="siren", for_ms=500))
    loud.pass_time(0.6)
    assert level_of(loud, "siren") == "low"


def test_a_siren_that_an_alarm_starts_within_a_test_goes_on_after_it(loud: Bench) -> None:
    loud.ask(PulseOutput(output="siren", for_ms=2_000))
    loud.ask(Simulate(verb="tamper", value="on"))
    loud.pass_time(0.5)
    assert loud.controller.status().siren
    loud.pass_time(3)
    assert level_of(loud, "siren") == "high"


def test_an_output_that_the_site_does_not_have_is_refused(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no output 'door front'"):
        bench.ask(PulseOutput(output="door front", for_ms=500))


def test_something_new_is_published_while_watched(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[str] = []
    link = bench.controller._components.link
    monkeypatch.setattr(link, "publish", lambda fact: kinds.append(fact.kind))
    send(bench, ANAS)
    assert "wiring" not in kinds
    watched(bench)
    send(bench, encode(FORMATS["w26"], 1, 1))
    assert "wiring" in kinds

"""What `gateway doctor` says of supervised contacts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.cli.doctor import Grade
from gateway.hardware.boards.profiles import load_profile, site_problems
from gateway.settings import SITE_FILE, parse_site

EXAMPLE = Path(__file__).parents[3] / "hw/examples/supervised.toml"


@pytest.mark.parametrize(
    ("resistors", "said"),
    [
        ("series_ohm = 2200\nparallel_ohm = 0", "without a parallel resistor, cut wires look like"),
        ("series_ohm = 0\nparallel_ohm = 4700", "without a series resistor, shorted wires look"),
        ("series_ohm = 2200\nparallel_ohm = 4700", None),
    ],
)
def test_it_names_what_one_resistor_cannot_tell(
    tmp_path: Path, resistors: str, said: str | None
) -> None:
    text = EXAMPLE.read_text("utf-8").replace("series_ohm = 2200\nparallel_ohm = 4700", resistors)
    (tmp_path / SITE_FILE).write_text(text, "utf-8")
    found = [it for it in doctor.examine(tmp_path) if "resistor" in it.text]
    assert [(it.grade, it.subject) for it in found] == [(Grade.WARN, "zone 1")] * (said is not None)
    assert all(said in it.text for it in found if said)


@pytest.mark.parametrize("there", [True, False])
def test_it_names_the_package_that_a_converter_wants(tmp_path: Path, *, there: bool) -> None:
    (tmp_path / SITE_FILE).write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    found = list(doctor.examine(tmp_path, has=lambda name: there or name != "spidev"))
    missing = [it for it in found if it.subject == "adc"]
    assert [it.grade for it in missing] == [Grade.FAIL] * (not there)
    assert all("apt-get install python3-spidev" in it.text for it in missing)


def test_pins_of_the_bus_of_a_converter_are_refused_for_other_uses() -> None:
    site = parse_site(EXAMPLE.read_text("utf-8").replace("pin = 17", "pin = 10"), "site")
    (problem,) = site_problems(load_profile("pi4"), site)
    assert problem == "door 'corridor' strike: pin 10 belongs to SPI0, where adc 'loops' is"
    simulated = parse_site(
        EXAMPLE.read_text("utf-8").replace("/dev/spidev0.0", "simulated"), "site"
    )
    (problem,) = site_problems(load_profile("pi4"), simulated)
    assert "adc 'loops': 'simulated' needs the simulated board" in problem

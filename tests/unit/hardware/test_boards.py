from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.hardware.boards import profiles as boards
from gateway.hardware.boards.profiles import BoardProfile, board_names, load_profile
from gateway.settings import SiteFile

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

PI = load_profile("pi4")
HW = Path(__file__).parents[3] / "hw"


def site(**tables: Any) -> SiteFile:
    head = {"name": "S", "timezone": "UTC", "board": "pi4"}
    return SiteFile.model_validate({"site": head, **tables})


def door(pin: int = 17, **more: Any) -> dict[str, Any]:
    strike = {"pin": pin, "locked": "low", "unlocked": "high"}
    return {"id": 1, "name": "front", "egress": "mechanical", "strike": strike, **more}


@pytest.mark.parametrize("name", board_names())
def test_every_profile_of_the_project_loads(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.pins


def test_the_boards_that_the_manual_names_are_there() -> None:
    assert {"simulated", "pi-zero-2w", "pi3", "pi4", "pi5"} <= set(board_names())


@pytest.mark.parametrize("name", ["pi99", "../boards/pi4", ""])
def test_an_unknown_board_is_refused_with_those_allowed(name: str) -> None:
    with pytest.raises(SettingsError, match=r"site\.board.*'pi4' .*, 'pi5' .*, 'simulated' "):
        load_profile(name)


def test_a_pi_pulls_its_low_pins_up_and_the_others_down_while_it_boots() -> None:
    assert [pin for pin in PI.pins if PI.boot_level(pin)] == [2, 3, 4, 5, 6, 7, 8, 14]


def test_a_pin_that_the_board_lacks_is_refused_with_those_allowed() -> None:
    with pytest.raises(SettingsError, match=r"door 'front' strike.*no pin 28.*allowed: 2, 3"):
        boards.check_site(PI, site(door=[door(28)]))


def test_a_reserved_pin_is_refused_with_the_reason() -> None:
    with pytest.raises(SettingsError, match=r"pin 0 is reserved: identification EEPROM"):
        boards.check_site(PI, site(door=[door(0)]))


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        boards.check_site(PI, site(door=[door(0, sensor={"pin": 60})]))
    assert "pin 0" in str(refusal.value)
    assert "pin 60" in str(refusal.value)


def test_pins_of_the_header_are_accepted() -> None:
    boards.check_site(PI, site(door=[door(2, sensor={"pin": 27})]))
    boards.check_site(PI, site(door=[door(2, sensor={"pin": 27})]))


@pytest.mark.parametrize("pull", ["down", "floating"])
def test_a_pull_that_a_fixed_resistor_overrules_is_refused(pull: str) -> None:
    with pytest.raises(SettingsError, match=r"pin 3 has a fixed pull-up \(allowed: up\)"):
        boards.check_site(PI, site(door=[door(sensor={"pin": 3, "pull": pull})]))


@pytest.mark.parametrize("formats", [["w27"], ["w26", "W34"], []])
def test_an_unknown_wiegand_format_is_refused_with_those_allowed(formats: list[str]) -> None:
    reader = {"name": "r", "index": 1, "portal": 1, "kind": "wiegand", "d0": 5, "d1": 6}
    with pytest.raises(SettingsError, match=r"reader 'r' formats.*\['w26', 'w32'.*'w66'\]"):
        boards.check_site(PI, site(reader=[{**reader, "formats": formats}]))


def test_a_simulated_port_on_a_real_board_is_refused(bench: Bench) -> None:
    reader = {"name": "r", "index": 1, "portal": 1, "kind": "serial_qr", "port": "simulated"}
    with pytest.raises(SettingsError, match=r"'simulated' needs the simulated board"):
        boards.check_site(PI, site(reader=[reader]))
    boards.check_site(bench.profile, site(reader=[reader]))


def test_a_port_that_two_devices_name_is_refused(bench: Bench) -> None:
    def check(*places: str, box: str = "/dev/b") -> None:
        kinds = {"/dev/input/x": ("hid", "device")}
        readers = []
        for number, place in enumerate(places, 1):
            kind, key = kinds.get(place, ("serial_qr", "port"))
            found = {"name": f"r{number}", "index": number, "portal": 1, "kind": kind, key: place}
            readers.append(found)
        module = {"name": "gate", "egress": "mechanical", "port": box, "address": 1, "relay": 0}
        boards.check_site(bench.profile, site(reader=readers, sec_box=[module]))

    check("/dev/a", "/dev/input/x", "simulated", "simulated", box="simulated")
    with pytest.raises(
        SettingsError, match="reader 'r2' port: '/dev/a' is already used by reader 'r1'"
    ):
        check("/dev/a", "/dev/a")
    with pytest.raises(
        SettingsError, match="reader 'r2' device: '/dev/input/x' is already used by reader"
    ):
        check("/dev/input/x", "/dev/input/x")
    with pytest.raises(
        SettingsError, match="reader 'r1' port: '/dev/b' is already used by sec_box 'gate'"
    ):
        check("/dev/b")


def test_a_strike_that_the_boot_level_unlocks_is_warned_of() -> None:
    (warning,) = boards.warnings(PI, site(door=[door(4)]))
    assert "door 'front'" in warning
    assert "pin 4 is high while the board boots, and high unlocks" in warning
    assert "`gpio=4=op,dl` in config.txt" in warning
    assert boards.warnings(PI, site(door=[door(17)])) == []


def test_a_pin_with_a_note_is_warned_of() -> None:
    (warning,) = boards.warnings(PI, site(zone=[{"number": 1, "pin": 14}]))
    assert warning == "zone 1: pin 14: serial console output: goes high while booting"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"chip": None}, "chip"),
        ({"backend": "simulated"}, "chip"),
        ({"backend": "lgpio"}, "backend"),
        ({"models": ()}, "models"),
        ({"header": 40}, "header"),
        ({"revision": "xyz"}, "revision"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        BoardProfile.model_validate({**PI.model_dump(), **change})


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of profiles of an installed package, empty."""
    folder = tmp_path / "gateway" / "_share" / "hw" / "boards"
    folder.mkdir(parents=True)
    headers = folder.with_name("headers")
    headers.mkdir()
    (headers / "rpi40.toml").write_text((HW / "headers" / "rpi40.toml").read_text())
    monkeypatch.setattr(
        "gateway.settings.profiles.resources.files", lambda package: tmp_path / package
    )
    return folder


PI_TEXT = (HW / "boards" / "pi4.toml").read_text()


def test_an_installed_package_brings_its_own_profiles(installed: Path) -> None:
    (installed / "mine.toml").write_text(PI_TEXT.replace('name = "pi4"', 'name = "mine"'))
    assert board_names() == ["mine"]
    assert load_profile("mine").chip == "pinctrl-bcm2711"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name = ", "cannot be read"),
        ('name = "other"', "title: missing key"),
        ("pins = 3", "pins: "),
        (PI_TEXT.replace("rpi40", "rpi41"), r"header: .*rpi41\.toml cannot be read"),
    ],
)
def test_a_broken_profile_is_refused_naming_the_file(
    installed: Path, text: str, named: str
) -> None:
    (installed / "mine.toml").write_text(text)
    with pytest.raises(SettingsError, match=rf"hw/boards/mine\.toml.*{named}"):
        load_profile("mine")


def test_a_profile_under_another_name_is_refused(installed: Path) -> None:
    (installed / "mine.toml").write_text(PI_TEXT)
    with pytest.raises(SettingsError, match="name is 'pi4', the file says 'mine'"):
        load_profile("mine")


def test_two_names_for_one_contactless_reader_are_refused(bench: Bench) -> None:
    def check(*names: str) -> None:
        fields = {"portal": 1, "kind": "pcsc"}
        readers = [
            {**fields, "name": f"r{number}", "index": number, "reader": name}
            for number, name in enumerate(names, 1)
        ]
        boards.check_site(bench.profile, site(reader=readers))

    check("ACME 00 00", "ACME 00 01", "Other")
    check("simulated", "simulated")
    with pytest.raises(SettingsError, match=r"reader 'r1' reader: 'ACME 00' begins as 'ACME' of"):
        check("ACME 00", "ACME")
    with pytest.raises(SettingsError, match="names of different readers"):
        check("ACME", "ACME")

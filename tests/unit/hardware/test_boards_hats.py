"""Relay boards and other modules: what a site that names them may not do, and should know."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.hardware.boards.profiles import check_site, load_hats, load_profile, warnings
from gateway.settings import SiteFile
from gateway.settings.hats import Hat, hat_names, load_hat

PI = load_profile("pi4")
WAVESHARE = "waveshare-relay-3ch"


def site(*hats: str, **tables: Any) -> SiteFile:
    head = {"name": "S", "timezone": "UTC", "board": "pi4", "hats": hats}
    return SiteFile.model_validate({"site": head, **tables})


def door(pin: int, locked: str = "low", unlocked: str = "high") -> dict[str, Any]:
    strike = {"pin": pin, "locked": locked, "unlocked": unlocked}
    return {"id": 1, "name": "front", "egress": "mechanical", "strike": strike}


def strike_on_low(pin: int) -> dict[str, Any]:
    return door(pin, locked="high", unlocked="low")


@pytest.mark.parametrize("name", hat_names())
def test_every_module_loads_and_its_pins_are_on_the_header(name: str) -> None:
    hat = load_hat(name)
    numbers = [*hat.uses, *(channel.gpio for channel in hat.channels if channel.gpio is not None)]
    assert set(numbers) <= set(PI.pins)
    assert hat.notes
    assert hat.kind != "relay" or hat.channels


def test_an_unknown_module_is_refused_with_those_allowed() -> None:
    with pytest.raises(SettingsError, match=r"site\.hats: 'relay9'.*'waveshare-relay-3ch'"):
        check_site(PI, site("relay9"))


def test_a_strike_on_a_channel_of_the_relay_board_is_accepted() -> None:
    check_site(PI, site(WAVESHARE, door=[strike_on_low(26)]))


def test_a_strike_on_no_channel_of_the_relay_board_is_refused_with_those_there() -> None:
    with pytest.raises(
        SettingsError, match=r"'front' strike: pin 17 drives no relay.*CH1 26, CH2 20"
    ):
        check_site(PI, site(WAVESHARE, door=[strike_on_low(17)]))


def test_a_relay_board_wired_by_hand_beside_it_makes_any_pin_possible() -> None:
    check_site(PI, site(WAVESHARE, "generic-relay-low", door=[strike_on_low(17)]))


def test_an_input_on_a_relays_pin_is_refused() -> None:
    with pytest.raises(SettingsError, match="zone 1: pin 20 drives relay CH2 of Waveshare"):
        check_site(PI, site(WAVESHARE, zone=[{"number": 1, "pin": 20}]))


def test_a_pin_that_a_module_takes_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"zone 1: pin 2 is used by .*DS3231.*I2C1 SDA"):
        check_site(PI, site("rtc-ds3231", zone=[{"number": 1, "pin": 2}]))


def test_a_siren_whose_level_is_not_its_relays_is_refused() -> None:
    check_site(PI, site(WAVESHARE, siren={"pin": 20, "active": "low"}))
    with pytest.raises(SettingsError, match="siren: active is high, but low energises CH2 of Wave"):
        check_site(PI, site(WAVESHARE, siren={"pin": 20, "active": "high"}))


def test_a_strike_that_power_would_lock_is_warned_of() -> None:
    told = warnings(PI, site(WAVESHARE, door=[door(26)]))
    assert [text for text in told if "energises CH1 of Waveshare" in text]
    told = warnings(PI, site(WAVESHARE, door=[strike_on_low(26)]))
    assert not [text for text in told if "energises CH1 of Waveshare" in text]


def test_a_low_active_board_that_the_pull_down_switches_on_at_boot_is_warned_of() -> None:
    told = warnings(PI, site("generic-relay-low", door=[strike_on_low(17)]))
    (boot,) = [text for text in told if "while the board boots" in text]
    assert "low unlocks" in boot
    assert "`gpio=17=op,dh` in config.txt" in boot


def test_a_magnet_that_the_pull_up_energises_at_boot_is_warned_of() -> None:
    magnet = door(5, locked="high", unlocked="low")
    told = warnings(PI, site("sb-pirelay-v2", door=[magnet]))
    (boot,) = [text for text in told if "while the board boots" in text]
    assert "pin 5 is high" in boot
    assert "may energise the relay" in boot
    magnet = door(19, locked="high", unlocked="low")
    told = warnings(PI, site("sb-pirelay-v2", door=[magnet]))
    assert not [text for text in told if "may energise the relay" in text]


def reader(**outputs: Any) -> dict[str, Any]:
    head = {"name": "front", "index": 1, "portal": 1, "kind": "wiegand", "d0": 23, "d1": 24}
    return {**head, **outputs}


def test_a_readers_light_needs_no_relay() -> None:
    check_site(PI, site(WAVESHARE, reader=[reader(green={"pin": 17, "active": "high"})]))
    check_site(PI, site("generic-relay-low", reader=[reader(red={"pin": 17, "active": "high"})]))


def test_a_readers_light_on_a_relay_obeys_the_relays_level() -> None:
    check_site(PI, site(WAVESHARE, reader=[reader(green={"pin": 20, "active": "low"})]))
    with pytest.raises(SettingsError, match="'front' green: active is high, but low energises CH2"):
        check_site(PI, site(WAVESHARE, reader=[reader(green={"pin": 20, "active": "high"})]))


def test_a_readers_buzzer_that_sounds_while_the_board_boots_is_warned_of() -> None:
    told = warnings(PI, site(reader=[reader(buzzer={"pin": 17, "active": "low"})]))
    (boot,) = [text for text in told if "buzzer" in text]
    assert "pin 17 is low while the board boots: it may be on from power-up" in boot
    assert "`gpio=17=op,dh`" in boot
    assert warnings(PI, site(reader=[reader(buzzer={"pin": 17, "active": "high"})])) == []


def test_an_unverified_relay_board_is_warned_of() -> None:
    told = warnings(PI, site("keyestudio-ks0212"))
    assert [text for text in told if "test each relay" in text]


def test_whether_power_locks_is_told_by_the_relay_boards_level() -> None:
    low_is_on = site(WAVESHARE, door=[strike_on_low(26)])
    assert not load_hats(low_is_on).power_locks(low_is_on.door[0].strike)
    magnet = site(WAVESHARE, door=[door(26)])
    assert load_hats(magnet).power_locks(magnet.door[0].strike)
    bare = site(door=[strike_on_low(26)])
    assert load_hats(bare).power_locks(bare.door[0].strike)


def test_two_boards_wired_by_hand_that_differ_tell_nothing_of_a_pin() -> None:
    both = site("generic-relay-low", "generic-relay-high")
    assert load_hats(both).relay_at(17) is None
    one = load_hats(site("generic-relay-high")).relay_at(17)
    assert one is not None
    assert one.active == "high"


@pytest.mark.parametrize(
    ("channels", "named"),
    [
        ([{"name": "A"}], "active is needed"),
        ([{"name": "A", "active": "low"}] * 2, "a name is there twice"),
        (
            [{"name": name, "gpio": 5, "active": "low"} for name in "AB"],
            "a gpio is there twice",
        ),
        (
            [{"name": "A", "active": "low"}, {"name": "B", "gpio": 5, "active": "low"}],
            "for all of them or for none",
        ),
    ],
)
def test_a_module_that_contradicts_itself_is_refused(
    channels: list[dict[str, Any]], named: str
) -> None:
    facts = {"name": "x", "title": "X", "kind": "relay", "verified": True, "channel": channels}
    with pytest.raises(ValidationError, match=named):
        Hat.model_validate(facts)


def locked_by(lock: dict[str, Any], *hats: str) -> SiteFile:
    return site(*hats, door=[{"id": 1, "name": "front", "egress": "mechanical", "lock": lock}])


@pytest.mark.parametrize(
    ("lock", "inverted"),
    [
        ({"kind": "strike"}, False),
        ({"kind": "magnet"}, False),
        ({"kind": "strike", "locked": "high", "unlocked": "low"}, False),
        ({"kind": "strike", "locked": "low", "unlocked": "high"}, True),
        ({"kind": "strike", "locked": "low", "unlocked": "high", "contact": "NC"}, False),
        ({"kind": "magnet", "locked": "low", "unlocked": "high"}, False),
        ({"kind": "magnet", "locked": "high", "unlocked": "low"}, True),
        ({"locked": "low", "unlocked": "high"}, False),
    ],
)
def test_levels_that_contradict_the_kind_are_found(lock: dict[str, Any], *, inverted: bool) -> None:
    wired = locked_by({"pin": 26, **lock}, WAVESHARE)
    found = list(load_hats(wired).inverted(wired))
    assert [key for key, _ in found] == [f"door 'front' {lock.get('kind')}"] * inverted
    assert all("CH1 of Waveshare" in text for _, text in found)
    assert all("the door would be open when it should be locked" in text for _, text in found)


def test_a_magnet_that_is_declared_one_is_not_warned_of() -> None:
    magnet = locked_by({"relay": "CH1", "kind": "magnet"}, WAVESHARE)
    assert not [text for text in warnings(PI, magnet) if "right for a magnet" in text]
    assert load_hats(magnet).power_locks(magnet.door[0].strike)

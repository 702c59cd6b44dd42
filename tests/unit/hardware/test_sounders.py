"""The siren's and the bell's pins: off from the claim to the stop, unless they are driven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import SettingsError
from gateway.hardware.boards.profiles import check_site, load_profile, warnings
from gateway.hardware.events import InputKind, InputName

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

SIREN, BELL = 13, 4
"""Low and high while the board boots."""
SOUNDERS = {
    "siren": {"pin": SIREN, "active": "high"},
    "bell": {"pin": BELL, "active": "low"},
}


def test_both_are_claimed_switched_off_and_no_edge_is_seen(bench: Bench) -> None:
    bench.use(**SOUNDERS)
    bench.open()
    assert (bench.pin(SIREN).high, bench.pin(SIREN).edges) == (False, 0)
    assert (bench.pin(BELL).high, bench.pin(BELL).edges) == (True, 0)


def test_an_output_is_written_only_when_it_changes(bench: Bench) -> None:
    bench.use(**SOUNDERS)
    rig = bench.open()
    for on in (True, True, False, False):
        rig.sounders["siren"].drive(on=on)
        rig.sounders["bell"].drive(on=on)
        assert bench.pin(SIREN).high is on
        assert bench.pin(BELL).high is not on
    assert (bench.pin(SIREN).edges, bench.pin(BELL).edges) == (2, 2)


@pytest.mark.parametrize("end", ["close", "abandon"])
def test_at_the_end_both_are_off(bench: Bench, end: str) -> None:
    bench.use(**SOUNDERS)
    rig = bench.open()
    for output in rig.sounders.values():
        output.drive(on=True)
    getattr(rig, end)()
    assert not bench.pin(SIREN).high
    assert bench.pin(BELL).high


def test_the_simulated_board_shows_them_by_their_use(bench: Bench) -> None:
    bench.use(door=[], **SOUNDERS)
    bench.start()
    outputs: Any = bench.sim.state()["outputs"]
    found = [(shown["pin"], shown["door"], shown["use"], shown["level"]) for shown in outputs]
    assert found == [(SIREN, 0, "siren", "low"), (BELL, 0, "bell", "high")]


def test_one_that_sounds_while_the_board_boots_is_warned_of(bench: Bench) -> None:
    bench.use(siren={"pin": SIREN, "active": "low"}, bell={"pin": BELL, "active": "high"})
    told = " ".join(warnings(load_profile("pi4"), bench.site))
    assert f"siren: pin {SIREN} is low while the board boots" in told
    assert f"bell: pin {BELL} is high while the board boots" in told
    bench.use(**SOUNDERS)
    assert "sounds" not in " ".join(warnings(load_profile("pi4"), bench.site))


def test_the_contacts_of_readers_and_of_the_power_supply_are_inputs(bench: Bench) -> None:
    contacts = {"mains_fail": 20, "battery_low": 21, "under_voltage": 26}
    bench.use(power={key: {"pin": pin, "idle": "high"} for key, pin in contacts.items()})
    bench.open()
    bench.run(ms=100)
    for key in contacts:
        assert bench.levels(InputName(InputKind(key))) == [True]


def test_a_pull_that_the_board_overrules_is_refused(bench: Bench) -> None:
    bench.use(power={"mains_fail": {"pin": 2, "pull": "down", "idle": "low"}})
    with pytest.raises(SettingsError, match="power mains_fail: pull is down"):
        check_site(bench.profile, bench.site)


# lights and buzzers of readers


def lights(bench: Bench, green: str = "high", buzzer: str = "low") -> None:
    reader = {
        **bench.site.reader[0].model_dump(),
        "green": {"pin": SIREN, "active": green},
        "buzzer": {"pin": BELL, "active": buzzer},
    }
    bench.use(reader=[reader])


def test_a_readers_lights_are_claimed_switched_off_and_switched_off_at_the_end(
    bench: Bench,
) -> None:
    lights(bench)
    rig = bench.open()
    assert list(rig.sounders) == ["reader card green", "reader card buzzer"]
    assert (bench.pin(SIREN).high, bench.pin(SIREN).edges) == (False, 0)
    assert (bench.pin(BELL).high, bench.pin(BELL).edges) == (True, 0)
    for output in rig.sounders.values():
        output.drive(on=True)
    assert (bench.pin(SIREN).high, bench.pin(BELL).high) == (True, False)
    rig.close()
    assert (bench.pin(SIREN).high, bench.pin(BELL).high) == (False, True)


def test_a_light_that_is_on_while_the_board_boots_is_warned_of(bench: Bench) -> None:
    lights(bench, green="low", buzzer="high")
    told = " ".join(warnings(load_profile("pi4"), bench.site))
    assert f"reader 'card' green: pin {SIREN} is low while the board boots" in told
    assert f"reader 'card' buzzer: pin {BELL} is high while the board boots" in told
    lights(bench)
    assert "reader 'card'" not in " ".join(warnings(load_profile("pi4"), bench.site))

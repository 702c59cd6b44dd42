"""What a site file says of sirens, bells, tamper contacts and the power supply."""

from __future__ import annotations

import pytest

from gateway.errors import SettingsError
from gateway.settings import SiteFile, parse_site
from gateway.settings.initial import initial_configuration

SITE = '[site]\nname = "Test"\ntimezone = "UTC"\nboard = "simulated"\n'
READER = """
[[reader]]
name = "front"
index = 1
kind = "wiegand"
portal = 1
d0 = 5
d1 = 6
"""


def parsed(text: str) -> SiteFile:
    return parse_site(SITE + text, "gateway.toml")


def test_a_site_without_them_has_none() -> None:
    site = parsed(READER)
    assert (site.siren, site.bell, list(site.power.contacts())) == (None, None, [])
    assert (site.reader[0].tamper, site.reader[0].tamper_disables) == (None, False)
    assert list(site.sounders()) == []


@pytest.mark.parametrize("active", ["high", "low"])
def test_the_active_level_switches_on(active: str) -> None:
    site = parsed(f'[siren]\npin = 13\nactive = "{active}"\n')
    assert site.siren is not None
    assert site.siren.time_s == 180
    assert site.siren.level(on=True) is (active == "high")
    assert site.siren.level(on=False) is (active == "low")


def test_each_pin_is_claimed_under_its_key() -> None:
    text = READER + (
        'tamper = { pin = 7, idle = "high" }\n'
        '[siren]\npin = 13\nactive = "high"\n[bell]\npin = 19\nactive = "high"\n'
        '[power.mains_fail]\npin = 20\nidle = "high"\n[power.battery_low]\npin = 21\nidle = "low"\n'
        '[power.under_voltage]\npin = 26\nidle = "low"\n'
    )
    assert dict(parsed(text).pins()) == {
        5: "reader 'front' d0",
        6: "reader 'front' d1",
        7: "reader 'front' tamper",
        13: "siren",
        19: "bell",
        20: "power mains_fail",
        21: "power battery_low",
        26: "power under_voltage",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[siren]\npin = 13\n", "siren.active: missing key"),
        ('[siren]\npin = 13\nactive = "high"\ntime_s = 4\n', "siren.time_s"),
        ('[siren]\npin = 13\nactive = "high"\ntime_s = 3601\n', "siren.time_s"),
        ('[bell]\npin = 13\nactive = "on"\n', "bell.active"),
        ('[power.mains]\npin = 13\nidle = "low"\n', "power.mains: unknown key"),
        ("[power.mains_fail]\npin = 13\n", "power.mains_fail.idle: missing key"),
        ("[[zone]]\nnumber = 1\npin = 4\nentry_delay_s = 601\n", "zone 1 entry_delay_s"),
        (READER + "tamper_disables = true\n", "tamper_disables needs a tamper contact"),
        (READER + 'tamper = { pin = 5, idle = "low" }\n', "pin 5 is used twice"),
        ('[siren]\npin = 9\nactive = "low"\n[bell]\npin = 9\nactive = "low"\n', "siren and bell"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        parsed(text)


def test_what_is_wired_is_switched_on_when_a_site_is_made() -> None:
    text = '[siren]\npin = 13\nactive = "high"\n[bell]\npin = 19\nactive = "high"\n'
    assert initial_configuration(parsed(READER)) == {}
    wired = {"general": {"bell_enabled": 1}, "alarm": {"siren_enabled": 1}}
    assert initial_configuration(parsed(text)) == wired
    off = initial_configuration(parsed(text + "[initial.alarm]\nsiren_enabled = 0\n"))
    assert off["alarm"] == {"siren_enabled": 0}

"""The keys of a door in the site file that the API has none for."""

from __future__ import annotations

import re

import pytest

from gateway.errors import SettingsError
from gateway.settings import Level, RexMode, parse_site

SITE = """
[site]
name = "Depot"
timezone = "Europe/Berlin"
board = "simulated"

[[door]]
id = 1
name = "gate"
egress = "mechanical"
strike = { pin = 17, locked = "high", unlocked = "low" }
"""


def test_a_door_that_says_nothing_unlocks_by_its_button_for_ten_minutes_at_most() -> None:
    (door,) = parse_site(SITE + "rex = { pin = 4 }", "site").door
    assert door.rex is not None
    assert door.rex.mode is RexMode.UNLOCK
    assert (door.pre_alarm_s, door.output_limit_s, door.bond) == (0, 600, None)


def test_every_key_of_a_door_is_read() -> None:
    keys = 'rex = { pin = 4, mode = "shunt" }\nbond = { pin = 5, idle = "low" }'
    (door,) = parse_site(f"{SITE}{keys}\npre_alarm_s = 10\noutput_limit_s = 1", "site").door
    assert door.rex is not None
    assert door.bond is not None
    assert (door.rex.mode, door.bond.idle) == (RexMode.SHUNT, Level.LOW)
    assert (door.pre_alarm_s, door.output_limit_s) == (10, 1)


def test_a_door_that_nobody_could_leave_by_is_refused() -> None:
    text = SITE.replace("mechanical", "software") + 'rex = { pin = 4, mode = "shunt" }'
    with pytest.raises(SettingsError, match=r"door 'gate': rex[.]mode shunt drives nothing"):
        parse_site(text, "site")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            'rex = { pin = 4, mode = "sometimes" }',
            "door 'gate' rex.mode: 'unlock', 'unlock_while_pressed'",
        ),
        ("bond = { pin = 4 }", "door 'gate' bond.idle: missing key"),
        ('bond = { pin = 17, idle = "low" }', "pin 17 is used twice"),
        ("pre_alarm_s = -1", "door 'gate' pre_alarm_s: 0 to 3600 is allowed"),
        (
            "pre_alarm_s = 3601",
            "door 'gate' pre_alarm_s: 0 to 3600 is allowed",
        ),
        (
            "output_limit_s = 0",
            "door 'gate' output_limit_s: 1 to 3600 is allowed",
        ),
        ("output_limit_s = 3601", "door 'gate' output_limit_s: 1 to 3600 is allowed"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_by_name(keys: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_site(SITE + keys, "site")
    assert said in str(refused.value)


LIFT = "[[elevator]]\nid = 1\nname = 'lift'\nfloor = [{floors}]\n"
FLOOR = "{{ number = {number}, pin = {pin}, active = 'high' }}"


@pytest.mark.parametrize(
    ("floors", "said"),
    [
        ([(1, 5), (1, 6)], "floor number 1 is used twice"),
        (
            [(1, 5), (2, 5)],
            "pin 5 is used twice: elevator 'lift' floor 1 and elevator 'lift' floor 2",
        ),
        ([(9, 5)], "1 to 8 is allowed"),
        ([], "floor"),
    ],
)
def test_a_lift_that_cannot_be_is_refused(floors: list[tuple[int, int]], said: str) -> None:
    listed = ", ".join(FLOOR.format(number=number, pin=pin) for number, pin in floors)
    with pytest.raises(SettingsError, match=re.escape(said)):
        parse_site(f"{SITE}\n{LIFT.format(floors=listed)}", "site")

"""The table of the turnstile in the site file."""

from __future__ import annotations

import pytest

from gateway.errors import SettingsError
from gateway.settings import LockState, Side, parse_site

GOOD = """
[site]
name = "Lobby"
timezone = "Europe/Berlin"
board = "simulated"

[[door]]
id = 1
name = "side"
egress = "mechanical"
strike = { pin = 17, locked = "low", unlocked = "high" }

[turnstile]
name = "lobby"
egress = "mechanical"
on_stop = "unlocked"

[turnstile.clockwise]
relay = { pin = 19, locked = "low", unlocked = "high" }
turn = { pin = 20, pull = "up", idle = "high" }

[turnstile.anticlockwise]
relay = { pin = 21, locked = "high", unlocked = "low" }
turn = { pin = 26, pull = "down", idle = "low" }
"""


def test_a_turnstile_has_a_relay_and_a_contact_for_each_way() -> None:
    site = parse_site(GOOD, "site")
    turnstile = site.turnstile
    assert turnstile is not None
    assert turnstile.way(Side.CLOCKWISE).relay.pin == 19
    assert turnstile.way(Side.ANTICLOCKWISE).turn.pin == 26
    assert (turnstile.on_start, turnstile.on_stop) == (LockState.LOCKED, LockState.UNLOCKED)
    assert turnstile.fire_release
    assert dict(site.pins())[21] == "turnstile 'lobby' anticlockwise relay"


def test_a_site_need_not_have_one() -> None:
    assert parse_site(GOOD.split("[turnstile]", maxsplit=1)[0], "site").turnstile is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("pin = 19", "pin = 17"),
            "pin 17 is used twice: door 'side' strike and turnstile 'lobby' clockwise relay",
        ),
        (
            ("pin = 26", "pin = 20"),
            "turnstile 'lobby' clockwise turn and turnstile 'lobby' anticlockwise turn",
        ),
        (('name = "lobby"', ""), "turnstile.name: missing key"),
        (('egress = "mechanical"\non_stop', "on_stop"), "turnstile.egress: missing key"),
        (('on_stop = "unlocked"', 'on_stop = "ajar"'), "turnstile.on_stop"),
        (('on_stop = "unlocked"', "rex = 4"), "turnstile.rex: unknown key"),
        (
            ('locked = "high", unlocked = "low"', 'locked = "low", unlocked = "low"'),
            "turnstile.anticlockwise.relay: locked and unlocked must be different levels",
        ),
        (
            ('turn = { pin = 20, pull = "up", idle = "high" }', "turn = { pin = 20 }"),
            "turnstile.clockwise.turn.idle: missing key",
        ),
        (("[turnstile.anticlockwise]", "[turnstile.left]"), "turnstile.anticlockwise: missing"),
    ],
)
def test_a_wrong_turnstile_is_refused_by_its_key(change: tuple[str, str], said: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(SettingsError) as refused:
        parse_site(GOOD.replace(*change), "site")
    assert said in str(refused.value)

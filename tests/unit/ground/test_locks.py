"""A lock as its installer knows it: pin and levels follow from relay, kind and contact."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import LockState, SiteFile, Strike
from gateway.settings.hats import hat_names, load_hat

WAVESHARE, HIGH = "waveshare-relay-3ch", "generic-relay-high"
LOW = "generic-relay-low"


def site(lock: dict[str, Any], *hats: str, key: str = "lock") -> SiteFile:
    return SiteFile.model_validate(
        {
            "site": {"name": "S", "timezone": "UTC", "board": "pi4", "hats": hats},
            "door": [{"id": 1, "name": "front", "egress": "mechanical", key: lock}],
        }
    )


def wired(lock: dict[str, Any], *hats: str) -> Strike:
    return site(lock, *hats).door[0].strike


@pytest.mark.parametrize(
    ("lock", "hats", "pin", "levels"),
    [
        # waveshare-relay-3ch: low switches a relay on.
        ({"relay": "CH1", "kind": "strike"}, [WAVESHARE], 26, ("high", "low")),
        ({"relay": "CH1", "kind": "magnet"}, [WAVESHARE], 26, ("low", "high")),
        ({"relay": "CH2", "kind": "strike", "contact": "NC"}, [WAVESHARE], 20, ("low", "high")),
        ({"relay": "CH2", "kind": "magnet", "contact": "NC"}, [WAVESHARE], 20, ("high", "low")),
        ({"pin": 21, "kind": "strike"}, [WAVESHARE], 21, ("high", "low")),
        ({"relay": "CH1", "pin": 26, "kind": "strike"}, [WAVESHARE], 26, ("high", "low")),
        # Boards that are wired by hand.
        ({"pin": 17, "kind": "strike"}, [HIGH], 17, ("low", "high")),
        ({"pin": 17, "kind": "magnet"}, [HIGH], 17, ("high", "low")),
        ({"pin": 17, "kind": "strike"}, [LOW], 17, ("high", "low")),
        ({"relay": "IN3", "pin": 17, "kind": "strike"}, [HIGH], 17, ("low", "high")),
        # Levels that are given go before those that would follow.
        (
            {"relay": "CH1", "kind": "strike", "locked": "low", "unlocked": "high"},
            [WAVESHARE],
            26,
            ("low", "high"),
        ),
        ({"pin": 17, "locked": "low", "unlocked": "high"}, [], 17, ("low", "high")),
        # Beside boards that drive no relay.
        ({"relay": "CH3", "kind": "strike"}, ["rtc-ds3231", WAVESHARE], 21, ("high", "low")),
    ],
)
def test_pin_and_levels_follow(
    lock: dict[str, Any], hats: list[str], pin: int, levels: tuple[str, str]
) -> None:
    strike = wired(lock, *hats)
    assert (strike.pin, (strike.locked, strike.unlocked)) == (pin, levels)


@pytest.mark.parametrize(
    ("lock", "hats", "said"),
    [
        (
            {"relay": "CH9", "kind": "strike"},
            [WAVESHARE],
            "no relay 'CH9' (allowed: CH1, CH2, CH3)",
        ),
        ({"relay": "ch1", "kind": "strike"}, [WAVESHARE], "did you mean 'CH1'?"),
        ({"relay": "CH1", "kind": "strike"}, [], "none: name the relay board in site.hats"),
        ({"relay": "CH1", "pin": 20, "kind": "strike"}, [WAVESHARE], "is pin 26, not 20"),
        ({"relay": "IN1", "kind": "strike"}, [HIGH], "is wired by hand: say to which pin"),
        ({"pin": 17, "kind": "strike"}, [], "which level switches its relay on is not known"),
        ({"pin": 17, "kind": "strike"}, [HIGH, LOW], "which level switches its relay on is not"),
        ({"pin": 17, "kind": "strike"}, [WAVESHARE], "pin 17 is no relay of site.hats (CH1 26, "),
        ({"pin": 17}, [HIGH], 'kind = "strike" or "magnet" is missing'),
    ],
)
def test_what_cannot_be_told_is_refused_by_the_doors_name(
    lock: dict[str, Any], hats: list[str], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        site(lock, *hats)
    assert "door 'front' lock: " in str(refused.value)
    assert said in str(refused.value)


def test_an_unknown_board_is_told_once_and_not_of_each_lock() -> None:
    with pytest.raises(ValidationError) as refused:
        site({"relay": "CH1", "kind": "strike"}, "relay9")
    assert "site.hats: 'relay9' has no profile" in str(refused.value)
    assert "lock: " not in str(refused.value)


@pytest.mark.parametrize("kind", ["strike", "magnet"])
@pytest.mark.parametrize("contact", ["NO", "NC"])
@pytest.mark.parametrize("name", [it for it in hat_names() if load_hat(it).kind == "relay"])
def test_a_lock_has_power_exactly_as_its_kind_needs_it(name: str, contact: str, kind: str) -> None:
    channel = load_hat(name).channels[0]
    pin = {} if channel.gpio is not None else {"pin": 17}
    lock = {"relay": channel.name, "kind": kind, "contact": contact, **pin}
    strike = wired(lock, name)
    for state in LockState:
        high = strike.level(state)
        relay_on = high is (channel.active == "high")
        has_power = relay_on is (contact == "NO")
        assert has_power is ((state is LockState.LOCKED) is (kind == "magnet"))


def test_a_site_that_was_read_is_the_same_when_it_is_read_again() -> None:
    first = site({"relay": "CH1", "kind": "magnet"}, WAVESHARE)
    assert SiteFile.model_validate(first.model_dump(mode="json")) == first


def test_strike_is_another_word_for_lock_and_only_one_of_them_is_given() -> None:
    lock = {"relay": "CH1", "kind": "strike"}
    assert site(lock, WAVESHARE, key="strike") == site(lock, WAVESHARE)
    both = {"id": 1, "name": "front", "egress": "mechanical", "lock": lock, "strike": lock}
    with pytest.raises(ValidationError, match="lock and strike are the same key"):
        SiteFile.model_validate(
            {
                "site": {"name": "S", "timezone": "UTC", "board": "pi4", "hats": [WAVESHARE]},
                "door": [both],
            }
        )


def test_the_sides_of_a_turnstile_take_the_same_table() -> None:
    side = {"turn": {"pin": 5, "idle": "high"}, "relay": {"relay": "CH1", "kind": "strike"}}
    other = {"turn": {"pin": 6, "idle": "high"}, "relay": {"relay": "CH2", "kind": "strike"}}
    read = SiteFile.model_validate(
        {
            "site": {"name": "S", "timezone": "UTC", "board": "pi4", "hats": [WAVESHARE]},
            "turnstile": {
                "name": "lobby",
                "egress": "mechanical",
                "clockwise": side,
                "anticlockwise": other,
            },
        }
    )
    assert read.turnstile is not None
    assert (read.turnstile.clockwise.relay.pin, read.turnstile.anticlockwise.relay.pin) == (26, 20)

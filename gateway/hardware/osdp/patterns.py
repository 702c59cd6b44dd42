"""What a reader's light and sounder show for each signal, as commands of the library. Pure.

Counts are tenths of a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from gateway.access.signals import SHORT_MS, Cue, Idle
from gateway.settings import IdleLight

Command = Mapping[str, object]

_LED, _BUZZER = 2, 3
_CANCEL_TEMPORARY, _SET_TEMPORARY = 1, 2
_SET_PERMANENT = 1
_TONE_OFF, _TONE = 1, 2
_LONGEST = 0xFFFF


class LightColour(IntEnum):
    """A colour of a reader's light."""

    OFF = 0
    RED = 1
    GREEN = 2
    AMBER = 3
    BLUE = 4


@dataclass(frozen=True, slots=True)
class Look:
    """A light, and beeps."""

    colour: LightColour
    on: int = 1
    off: int = 0
    """The light blinks; 0 for steady."""
    between: LightColour = LightColour.OFF
    """The colour while a light that blinks is off."""
    beeps: int = 0
    beep: int = 1


LOOKS: Mapping[Cue, Look] = MappingProxyType(
    {
        Cue.GRANT: Look(LightColour.GREEN, beeps=1, beep=2),
        Cue.DENY: Look(LightColour.RED, beeps=3),
        Cue.WAIT: Look(LightColour.AMBER, on=5, off=5),
        Cue.ERROR: Look(LightColour.RED, on=2, off=2, beeps=1, beep=10),
    }
)


IDLE_LOOKS: Mapping[Idle, Look] = MappingProxyType(
    {
        Idle.LOCK_DOWN: Look(LightColour.RED),
        Idle.ENROLMENT: Look(LightColour.AMBER, on=2, off=2, between=LightColour.GREEN),
    }
)
"""The usual colour is a setting of the reader."""


def idle_light(idle: Idle, usual: IdleLight) -> Command:
    """Show `idle` whenever nothing else is shown."""
    look = IDLE_LOOKS.get(idle, Look(LightColour[usual.name]))
    return {
        **_led(look),
        "temporary": False,
        "control_code": _SET_PERMANENT,
    }


def light(cue: Cue | None, for_ms: int = 0) -> Command:
    """Show `cue` for a time, 0 for a moment; None ends what is shown."""
    look = LOOKS[cue] if cue else Look(LightColour.OFF)
    return {
        **_led(look),
        "temporary": True,
        "control_code": _SET_TEMPORARY if cue else _CANCEL_TEMPORARY,
        "timer_count": _tenths(for_ms or SHORT_MS) if cue else 0,
    }


def _led(look: Look) -> dict[str, object]:
    return {
        "command": _LED,
        "reader": 0,
        "led_number": 0,
        "on_count": look.on,
        "off_count": look.off,
        "on_color": int(look.colour),
        "off_color": int(look.between),
    }


def beeps(cue: Cue) -> Iterator[Command]:
    """The beeps of `cue`, if it has any."""
    look = LOOKS[cue]
    if look.beeps:
        yield _sound(look.beep, look.beeps)


def buzz(for_ms: int) -> Command:
    """One sound."""
    return _sound(min(_tenths(for_ms), 0xFF), 1)


def silence() -> Command:
    """End all sound."""
    return {**_sound(1, 1), "control_code": _TONE_OFF}


def _sound(length: int, times: int) -> dict[str, object]:
    counts = {"on_count": length, "off_count": 1, "rep_count": times}
    return {"command": _BUZZER, "reader": 0, "control_code": _TONE, **counts}


def _tenths(milliseconds: int) -> int:
    return max(1, min(_LONGEST, -(-milliseconds // 100)))

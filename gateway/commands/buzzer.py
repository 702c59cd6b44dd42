"""The buzzer: a beep is heard at every reader that has one, or refused where none has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.commands.answers import Done
from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.requests import RequestModel
from gateway.errors import ControllerUnavailable, NotSupportedHere
from gateway.link.messages import LONGEST_BUZZ_MS, Buzz

HIGHEST_HZ = 20_000
"""What a person can hear; the documentation names no bounds."""


class BuzzRequest(RequestModel):
    """`buzzer_buzz`: hertz, per cent, milliseconds (Access API, actions).

    A reader's buzzer is switched on and off and has a tone of its own: the first two are checked,
    and only the time is kept.
    """

    frequency: Annotated[int, Field(ge=1, le=HIGHEST_HZ)]
    duty_cycle: Annotated[int, Field(ge=1, le=50)]
    timeout: Annotated[int, Field(ge=1, le=LONGEST_BUZZ_MS)]


def buzzer_buzz(call: Call[BuzzRequest]) -> Done:
    """Sound the readers' buzzers; refused where the site has none. `general.beep_enabled` 0
    silences what readers tell by themselves, not this."""
    call.context.controller.ask(Buzz(for_ms=call.request.timeout))
    return {}


COMMANDS = (
    Command(
        buzzer_buzz,
        errors=(NotSupportedHere, ControllerUnavailable),
        example={"frequency": 4000, "duty_cycle": 50, "timeout": 250},
    ),
)

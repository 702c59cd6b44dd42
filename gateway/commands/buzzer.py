"""The buzzer: no output for one is wired yet, so a beep is checked and then refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.commands.answers import Answer
from gateway.commands.command import Command
from gateway.commands.context import CommandContext
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Caller
from gateway.errors import NotSupportedHere

HIGHEST_HZ = 20_000
"""What a person can hear; the documentation names no bounds."""


class BuzzRequest(RequestModel):
    """`buzzer_buzz`: hertz, per cent, milliseconds (Access API, actions)."""

    frequency: Annotated[int, Field(ge=1, le=HIGHEST_HZ)]
    duty_cycle: Annotated[int, Field(ge=1, le=50)]
    timeout: Annotated[int, Field(ge=1, le=3_000)]


def buzzer_buzz(context: CommandContext, caller: Caller, request: BuzzRequest) -> Answer:
    """Refused: this device has no buzzer. The members are checked all the same."""
    del context, caller, request
    raise NotSupportedHere("buzzer_buzz: this device has no buzzer")


COMMANDS = (Command("buzzer_buzz", BuzzRequest, buzzer_buzz, errors=(NotSupportedHere,)),)

"""The interlock with doors of other devices, which this device cannot keep."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.requests import RequestModel, flag
from gateway.commands.rights import Right
from gateway.errors import NotSupportedHere

_Flag = Annotated[bool, BeforeValidator(flag)]


class NetworkInterlockRequest(RequestModel):
    """`set_network_interlock`: all three are needed."""

    interlock_enabled: _Flag
    api_bypass_enabled: _Flag
    # The vendor's collection of requests calls it by the second name.
    rex_bypass_enabled: Annotated[
        _Flag, Field(validation_alias=AliasChoices("rex_bypass_enabled", "button_bypass_enabled"))
    ]


def set_network_interlock(call: Call[NetworkInterlockRequest]) -> Done:
    """Switch the interlock with doors of other devices off, which it always is here.

    Switching it on is refused: no other device is asked, and whoever relied on it would find two
    doors open.
    """
    if call.request.interlock_enabled:
        raise NotSupportedHere(
            "set_network_interlock: this device does not ask the doors of other devices;"
            " an interlock of its own doors is set with general.doorN_interlock"
        )
    return DONE


COMMANDS = (
    Command(
        set_network_interlock,
        Right.ADMINISTRATOR,
        errors=(NotSupportedHere,),
        example={
            "interlock_enabled": False,
            "api_bypass_enabled": False,
            "rex_bypass_enabled": True,
        },
    ),
)

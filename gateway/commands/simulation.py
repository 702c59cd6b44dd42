"""`simulate`: drives the simulated board as a person at the door would. The command is ours.

The controller carries it out, and refuses on any other board.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Right
from gateway.errors import ControllerUnavailable, NotFound, NotSupportedHere
from gateway.link.messages import Simulate
from gateway.objects.fields import invalid_value

_VERBS = frozenset(get_args(Simulate.model_fields["verb"].annotation)) - {"state"}
_TIME_S = 10.0
"""A tag stays in its field for a while, and a frame of a slow reader takes its time."""


class SimulateRequest(RequestModel):
    """`simulate`; which members a verb needs is what `gateway sim VERB --help` shows."""

    verb: Annotated[str, Field(max_length=20)]
    reader: Annotated[str, Field(max_length=64)] | None = None
    """Its name."""
    door: Annotated[str, Field(max_length=64)] | None = None
    """Its name."""
    zone: Annotated[int, Field(ge=1, le=5)] | None = None
    value: Annotated[str, Field(max_length=512)] | None = None
    """Card, keys, text, tag, or the state of a contact or of a loop."""
    adc: Annotated[str, Field(max_length=64)] | None = None
    """The name of a converter."""
    channel: Annotated[int, Field(ge=0, le=7)] = 0
    """An input of it, from 0."""


def simulate(call: Call[SimulateRequest]) -> Done:
    """Swipe, type, press, open, unplug: what a person does, at the pins and ports of the simulated
    board."""
    request = call.request
    if request.verb not in _VERBS:
        raise invalid_value("verb", f"must be one of {', '.join(sorted(_VERBS))}")
    call.count_entries()
    call.context.controller.ask(Simulate.model_validate(request.model_dump()), _TIME_S)
    call.context.refresh_logs()
    return DONE


COMMANDS = (
    Command(
        simulate,
        Right.ADMINISTRATOR,
        errors=(ControllerUnavailable, NotSupportedHere, NotFound),
        audit=Audit(lambda request: f": {request.verb!r}", throttled=True),
        example={"verb": "door", "door": "front", "value": "closed"},
    ),
)

"""The keys of OSDP readers. These commands are ours; no key is ever in a request or an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import ControllerUnavailable, DeviceUnavailable, InvalidRequest, NotFound
from gateway.link.osdp import ChangeOsdpKey, OsdpKeyAction, OsdpReaderStatus, OsdpStatus, ReportOsdp


class OsdpKeyRequest(RequestModel):
    """`osdp_key`."""

    reader: Annotated[str, Field(max_length=64)]
    """Its name in the site file."""
    action: Literal["pair", "cancel", "rotate", "retry"]


class InstallationMode(RequestModel):
    """`set_osdp_installation_mode`. The vendor's clients name no reader."""

    enable: bool
    reader: Annotated[str | None, Field(max_length=64)] = None
    """Its name in the site file; may be left out where there is one OSDP reader."""


class InstallationModeAnswer(TypedDict):
    """Answer to `get_osdp_installation_mode`."""

    installation_mode: bool


class OsdpState(TypedDict):
    """Answer to `osdp_state`."""

    readers: list[OsdpReaderStatus]


def osdp_key(call: Call[OsdpKeyRequest]) -> Done:
    """Pair a reader within two minutes (`cancel` ends that), rotate its key, or retry it now.

    It is answered when it begins; `osdp_state` tells how it goes on. A reader opens nothing while
    it is being paired.
    """
    request = call.request
    action = OsdpKeyAction(request.action)
    call.context.controller.ask(ChangeOsdpKey(reader=request.reader, action=action))
    return DONE


def set_osdp_installation_mode(call: Call[InstallationMode]) -> Done:
    """Begin or end a pairing, as `osdp_key` does. `reader` may be left out where there is one."""
    reader = call.request.reader
    if reader is None:
        readers = [it.reader for it in _status(call).readers]
        if len(readers) != 1:
            raise InvalidRequest(f"name the `reader`: there are {', '.join(readers) or 'none'}")
        reader = readers[0]
    action = OsdpKeyAction.PAIR if call.request.enable else OsdpKeyAction.CANCEL
    call.context.controller.ask(ChangeOsdpKey(reader=reader, action=action))
    return DONE


def get_osdp_installation_mode(call: Call[NoMembers]) -> InstallationModeAnswer:
    """Whether an OSDP reader is being paired."""
    return {"installation_mode": any(it.pairing for it in _status(call).readers)}


def osdp_state(call: Call[NoMembers]) -> Annotated[Mapping[str, object], OsdpState]:
    """The OSDP readers of the site, and how far the last exchange with each one is."""
    return _status(call).model_dump(mode="json")


def _status(call: Call[Any]) -> OsdpStatus:
    return OsdpStatus.model_validate(call.context.controller.ask(ReportOsdp()))


COMMANDS = (
    Command(
        osdp_key,
        Right.OWNER,
        errors=(ControllerUnavailable, DeviceUnavailable, NotFound),
        example={"reader": "front", "action": "pair"},
        audit=Audit(lambda request: f": {request.action} {request.reader}", refusals=True),
    ),
    Command(
        set_osdp_installation_mode,
        Right.OWNER,
        errors=(ControllerUnavailable, DeviceUnavailable, NotFound, InvalidRequest),
        example={"enable": True, "reader": "front"},
        audit=Audit(
            lambda request: (
                f": {'on' if request.enable else 'off'} {request.reader or ''}".rstrip()
            ),
            refusals=True,
        ),
    ),
    Command(get_osdp_installation_mode, Right.ADMINISTRATOR, errors=(ControllerUnavailable,)),
    Command(osdp_state, Right.ADMINISTRATOR, errors=(ControllerUnavailable,)),
)

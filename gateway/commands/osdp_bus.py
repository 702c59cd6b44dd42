"""The buses of OSDP readers: search, other addresses and speeds, captures. All of it is ours."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, ByteStream, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Right
from gateway.errors import ControllerUnavailable, DeviceUnavailable, NotFound, TooBusy
from gateway.link.osdp import (
    LONGEST_CAPTURE_S,
    CaptureOsdp,
    MoveOsdpReader,
    OsdpIdentity,
    OsdpPackets,
    OsdpScan,
    ReportOsdpScan,
    ScanOsdp,
    TakeOsdpPackets,
)
from gateway.settings import OSDP_SPEEDS, OsdpAddress, OsdpSpeed

ReaderName = Annotated[str, Field(max_length=64)]


class OsdpReaderRequest(RequestModel):
    """`osdp_scan_state`, `osdp_packets_file`."""

    reader: ReaderName
    """Its name in the site file."""


class OsdpScanRequest(OsdpReaderRequest):
    """`osdp_scan`."""

    on: bool = True
    """False ends it early."""
    speeds: Annotated[list[OsdpSpeed], Field(min_length=1, max_length=len(OSDP_SPEEDS))] | None = (
        None
    )
    """None for all."""
    addresses: Annotated[list[OsdpAddress], Field(min_length=1, max_length=127)] | None = None
    """None for all."""


class OsdpAddressRequest(OsdpReaderRequest):
    """`osdp_address`."""

    address: OsdpAddress | None = None
    """None keeps it."""
    baud: OsdpSpeed | None = None
    """None keeps it."""


class OsdpPacketsRequest(OsdpReaderRequest):
    """`osdp_packets`."""

    for_s: Annotated[int, Field(ge=1, le=LONGEST_CAPTURE_S)] = 60


class FoundOsdpReaderShown(TypedDict):
    """What answered at an address and speed."""

    address: int
    baud: int
    reader: str
    """Its name in the site file; empty for one that is not there."""
    identity: OsdpIdentity | None
    """Null for answers that cannot be read: several readers at one address, or a bad line."""
    secure: bool
    """It knows how to encrypt."""


class OsdpScanState(TypedDict):
    """Answer to `osdp_scan` and `osdp_scan_state`."""

    port: str
    running: bool
    done: int
    steps: int
    """0 if there was no scan since the controller started."""
    longest_s: int
    """How long it takes at most, from its beginning."""
    why: str
    """Why it ended early."""
    found: list[FoundOsdpReaderShown]


def osdp_scan(call: Call[OsdpScanRequest]) -> Annotated[Mapping[str, object], OsdpScanState]:
    """Search the bus of a reader for others, at every address and speed; `osdp_scan_state` tells
    how it goes on. Meanwhile the readers of that bus read nothing."""
    request = call.request
    chosen = {"speeds": request.speeds, "addresses": request.addresses}
    command = ScanOsdp.model_validate(
        {
            "reader": request.reader,
            "on": request.on,
            **{key: value for key, value in chosen.items() if value is not None},
        }
    )
    return _scan(call, command)


def osdp_scan_state(
    call: Call[OsdpReaderRequest],
) -> Annotated[Mapping[str, object], OsdpScanState]:
    """The latest search of the bus of a reader, and what answered so far."""
    command = ReportOsdpScan(reader=call.request.reader)
    return _scan(call, command)


def osdp_address(call: Call[OsdpAddressRequest]) -> Done:
    """Give a reader another address and speed over its secure channel.

    It is answered when it begins; `osdp_state` tells how it goes on. The controller asks the reader
    there until it starts again: change the site file, too.
    """
    request = call.request
    call.context.controller.ask(
        MoveOsdpReader(reader=request.reader, address=request.address, baud=request.baud)
    )
    return DONE


def osdp_packets(call: Call[OsdpPacketsRequest]) -> Done:
    """Keep what a reader and the device send each other for a while, in place of a former capture
    of its bus; `osdp_packets_file` gets it. Cards, typed keys and exchanges of keys are zeros."""
    request = call.request
    call.context.controller.ask(CaptureOsdp(reader=request.reader, for_s=request.for_s))
    return DONE


def osdp_packets_file(call: Call[OsdpReaderRequest]) -> ByteStream:
    """The latest capture of a reader as far as it goes, a file for Wireshark (pcap)."""
    reader = call.request.reader
    content = b""
    while True:
        command = TakeOsdpPackets(reader=reader, after=len(content))
        piece = OsdpPackets.model_validate(call.context.controller.ask(command))
        if not piece.content:
            break
        content += b64decode(piece.content)
    name = f"{reader}-{call.context.clock.utc():%Y%m%d-%H%M%S}.pcap"
    return ByteStream(
        iter([content]), len(content), name, media_type="application/vnd.tcpdump.pcap"
    )


def _scan(call: Call[Any], command: ScanOsdp | ReportOsdpScan) -> Mapping[str, object]:
    answer = OsdpScan.model_validate(call.context.controller.ask(command))
    return answer.model_dump(mode="json")


_ERRORS = (ControllerUnavailable, NotFound)

COMMANDS = (
    Command(
        osdp_scan,
        Right.OWNER,
        errors=(*_ERRORS, DeviceUnavailable, TooBusy),
        example={"reader": "front", "speeds": [9600, 115200], "addresses": [0, 1, 2]},
        audit=Audit(
            lambda request: f": {'' if request.on else 'end '}{request.reader}", refusals=True
        ),
    ),
    Command(osdp_scan_state, Right.ADMINISTRATOR, errors=_ERRORS, example={"reader": "front"}),
    Command(
        osdp_address,
        Right.OWNER,
        errors=(*_ERRORS, DeviceUnavailable, TooBusy),
        example={"reader": "front", "address": 1, "baud": 115200},
        audit=Audit(
            lambda request: (
                f": {request.reader}"
                + ("" if request.address is None else f" to {request.address}")
                + ("" if request.baud is None else f" at {request.baud} Bd")
            ),
            refusals=True,
        ),
    ),
    Command(
        osdp_packets,
        Right.OWNER,
        errors=_ERRORS,
        example={"reader": "front", "for_s": 60},
        audit=Audit(lambda request: f": {request.reader} for {request.for_s} s", refusals=True),
    ),
    Command(
        osdp_packets_file,
        Right.OWNER,
        errors=_ERRORS,
        example={"reader": "front"},
        audit=Audit(lambda request: f": {request.reader}", refusals=True),
    ),
)

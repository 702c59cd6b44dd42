"""Messages about OSDP readers and their buses. No key is in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.settings import OSDP_SPEEDS, OsdpAddress, OsdpSpeed

LONGEST_CAPTURE_S = 600
PACKETS_PIECE = 96 * 1024
"""Bytes of a capture in one answer."""

ReaderName = Annotated[str, Field(max_length=64)]


class _OsdpMessage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OsdpKeyAction(StrEnum):
    """What is done about a reader's key."""

    PAIR = "pair"
    """Give a key to the reader in installation mode that is at its address, within two minutes."""
    CANCEL = "cancel"
    """End a pairing."""
    ROTATE = "rotate"
    """Give the reader a new key over the channel of the present one."""
    RETRY = "retry"
    """Try to reach it now."""


class ChangeOsdpKey(_OsdpMessage):
    """Begin something about a reader's key; ReportOsdp tells how it goes on."""

    kind: Literal["change_osdp_key"] = "change_osdp_key"
    reader: ReaderName
    action: OsdpKeyAction


class ReportOsdp(_OsdpMessage):
    """Answer with an OsdpStatus."""

    kind: Literal["report_osdp"] = "report_osdp"


class MoveOsdpReader(_OsdpMessage):
    """Give a reader another address and speed over its secure channel; ReportOsdp tells how it goes
    on."""

    kind: Literal["move_osdp_reader"] = "move_osdp_reader"
    reader: ReaderName
    address: OsdpAddress | None = None
    """None keeps it."""
    baud: OsdpSpeed | None = None
    """None keeps it."""


class ScanOsdp(_OsdpMessage):
    """Search the bus of a reader for others, or end that; answer with an OsdpScan."""

    kind: Literal["scan_osdp"] = "scan_osdp"
    reader: ReaderName
    """Any one of the bus."""
    on: bool = True
    speeds: Annotated[tuple[OsdpSpeed, ...], Field(min_length=1, max_length=len(OSDP_SPEEDS))] = (
        OSDP_SPEEDS  # type: ignore[assignment] # these are its members
    )
    addresses: Annotated[tuple[OsdpAddress, ...], Field(min_length=1, max_length=127)] = tuple(
        range(127)
    )


class ReportOsdpScan(_OsdpMessage):
    """Answer with the OsdpScan of the bus of a reader."""

    kind: Literal["report_osdp_scan"] = "report_osdp_scan"
    reader: ReaderName


class OsdpIdentity(_OsdpMessage):
    """What a reader says of itself, in its maker's numbers."""

    vendor: int
    """Of 24 bits: the maker's part of an Ethernet address."""
    model: int
    version: int
    serial: int
    firmware: int
    """Three bytes: major, minor, build."""


class FoundOsdpReader(_OsdpMessage):
    """What answered a scan."""

    address: int
    baud: int
    reader: str = ""
    """Its name in the site file, which has a reader with this address and speed."""
    identity: OsdpIdentity | None
    """None for answers that cannot be read: several readers at one address, or a bad line."""
    secure: bool = False
    """It knows how to encrypt."""

    @classmethod
    def of(cls, found: Mapping[str, object], reader: str = "") -> FoundOsdpReader:
        """From the members of a driver's `FoundReader`."""
        return cls.model_validate({**found, "reader": reader})


class OsdpScan(_OsdpMessage):
    """The latest scan of a bus."""

    port: str
    running: bool = False
    done: int = 0
    steps: int = 0
    """0 if there was none since the controller started."""
    longest_s: int = 0
    """How long it takes at most, from its beginning."""
    why: str = ""
    """Why it ended early."""
    found: Annotated[tuple[FoundOsdpReader, ...], Field(max_length=1_000)] = ()


class CaptureOsdp(_OsdpMessage):
    """Keep the packets of a reader for a time; TakeOsdpPackets gets them. A bus keeps those of one
    reader."""

    kind: Literal["capture_osdp"] = "capture_osdp"
    reader: ReaderName
    for_s: Annotated[int, Field(ge=1, le=LONGEST_CAPTURE_S)]


class TakeOsdpPackets(_OsdpMessage):
    """Answer with the OsdpPackets of a reader's latest capture."""

    kind: Literal["take_osdp_packets"] = "take_osdp_packets"
    reader: ReaderName
    after: Annotated[int, Field(ge=0)] = 0
    """Bytes that the client has."""


class OsdpPackets(_OsdpMessage):
    """A piece of a pcap file."""

    content: str
    """Base64 of up to PACKETS_PIECE bytes; empty for no more now."""
    packets: int
    left_s: int
    """Until the capture ends; 0 afterwards."""
    full: bool
    """It ended early, because there was too much."""


OsdpRequest = (
    ChangeOsdpKey
    | ReportOsdp
    | MoveOsdpReader
    | ScanOsdp
    | ReportOsdpScan
    | CaptureOsdp
    | TakeOsdpPackets
)
"""What clients ask of the readers; nothing of it decides about a door."""


class OsdpCondition(StrEnum):
    """What protects the messages of a reader, or why none come."""

    SECURE = "secure"
    """It is reached over the secure channel of its own key."""
    CLEAR_TEXT = "clear_text"
    """It is reached without encryption, as the site file permits."""
    UNPAIRED = "unpaired"
    PAIRING = "pairing"
    CONNECTING = "connecting"
    SILENT = "silent"
    REFUSED = "refused"
    """What answers does not have its key."""
    SEARCHED = "searched"
    """Its bus is searched for other readers."""
    BUS = "bus"
    """The port or the library is not there."""


class OsdpReaderStatus(_OsdpMessage):
    """One OSDP reader."""

    reader: str
    address: int
    """Its present one."""
    baud: int = 9_600
    health: str
    why: str
    """What is wrong; empty when online."""
    condition: OsdpCondition
    paired: bool = False
    """There is a key of this controller's for it."""
    tamper: bool = False
    """Its own contact is open."""
    power_fault: bool = False
    """It reports a fault of its supply."""
    new_serial: bool = False
    """It has the key, but not the serial number that it was paired with."""
    dropped: bool = False
    """Messages outside its secure channel were dropped since that was last established."""
    identity: OsdpIdentity | None = None
    """None before its first secure channel."""
    counters: Mapping[str, int] = Field(default_factory=dict)
    """By name, as in `doctor`."""
    clear_text: bool
    phase: str | None
    """Of the last exchange with it since the controller started: `pairing`, `rotating`, `moving`
    to another address and speed, `moved`, `done` (it has a new key) or `failed`; None without
    one."""
    phase_why: str
    """Why it failed, or what else must be done."""
    failure: str | None = None
    """Why it failed in a word: `called_off`, `nobody` (answered in time), `no_channel`,
    `not_taken`, `not_moved`, `lost` (not found at its new address and speed), `port` or
    `not_stored`."""
    left_s: int = 0
    """How long a pairing still waits for the reader."""

    @property
    def pairing(self) -> bool:
        """Whether it is being paired."""
        return self.phase == "pairing"

    @property
    def exchanging(self) -> bool:
        """Whether an exchange with it goes on."""
        return self.phase in {"pairing", "rotating", "moving"}


class OsdpStatus(_OsdpMessage):
    """The OSDP readers of the site."""

    readers: tuple[OsdpReaderStatus, ...] = ()

"""Messages about the keys of OSDP readers. No key is in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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


OsdpRequest = ChangeOsdpKey | ReportOsdp
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
    BUS = "bus"
    """The port or the library is not there."""


class OsdpIdentity(_OsdpMessage):
    """What a reader says of itself, in its maker's numbers."""

    vendor: int
    """Of 24 bits: the maker's part of an Ethernet address."""
    model: int
    version: int
    serial: int
    firmware: int
    """Three bytes: major, minor, build."""


class OsdpReaderStatus(_OsdpMessage):
    """One OSDP reader."""

    reader: str
    address: int
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
    """Of the last exchange of its key since the controller started: `pairing`, `rotating`, `done`
    or `failed`; None without one."""
    phase_why: str
    """Why it failed."""
    failure: str | None = None
    """The same in a word: `called_off`, `nobody` (answered in time), `no_channel`, `not_taken`,
    `port` or `not_stored`."""
    left_s: int = 0
    """How long a pairing still waits for the reader."""

    @property
    def pairing(self) -> bool:
        """Whether it is being paired."""
        return self.phase == "pairing"

    @property
    def exchanging(self) -> bool:
        """Whether an exchange of its key goes on."""
        return self.pairing or self.phase == "rotating"


class OsdpStatus(_OsdpMessage):
    """The OSDP readers of the site."""

    readers: tuple[OsdpReaderStatus, ...] = ()

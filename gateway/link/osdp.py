"""Messages about the keys of OSDP readers. No key is in any of them."""

from __future__ import annotations

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


class OsdpReaderStatus(_OsdpMessage):
    """One OSDP reader."""

    reader: str
    address: int
    health: str
    why: str
    """What is wrong; empty when online."""
    clear_text: bool
    phase: str | None
    """Of the last exchange of its key since the controller started: `pairing`, `rotating`, `done`
    or `failed`; None without one."""
    phase_why: str
    """Why it failed."""

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

"""What readers deliver: a credential, read at a reader, at an instant of the monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CredentialKind(StrEnum):
    """How a person identified."""

    CARD = "card"
    QRCODE = "qrcode"
    PIN = "pin"
    UHF_TAG = "uhf_tag"


@dataclass(frozen=True, slots=True)
class Credential:
    """A value presented at a reader.

    A card's `value` is an unsigned 64-bit integer, every other kind's is text.
    """

    kind: CredentialKind
    value: int | str

    def __post_init__(self) -> None:
        if (self.kind is CredentialKind.CARD) is not isinstance(self.value, int):
            raise TypeError(f"a {self.kind} cannot have the value {self.value!r}")
        if isinstance(self.value, int) and not 0 <= self.value < 1 << 64:
            raise ValueError(f"card value {self.value} is not an unsigned 64-bit number")

    def __repr__(self) -> str:
        """PINs are never shown, not even in a log of ours."""
        shown = "***" if self.kind is CredentialKind.PIN else repr(self.value)
        return f"Credential({self.kind}, {shown})"


@dataclass(frozen=True, slots=True)
class Identification:
    """A credential read at the reader named `reader` at monotonic nanoseconds `at_ns`."""

    reader: str
    credential: Credential
    at_ns: int


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that no format of the reader accepts: reported, never decided upon."""

    reader: str
    bits: str
    """The raw bits in order of arrival, as text of 0 and 1, or bytes as hexadecimal."""
    why: str
    at_ns: int

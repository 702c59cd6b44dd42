"""Values that readers deliver: credentials, identifications and bad frames."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CredentialKind(StrEnum):
    """The kind of a credential."""

    CARD = "card"
    QRCODE = "qrcode"
    PIN = "pin"
    UHF_TAG = "uhf_tag"


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential presented at a reader.

    The `value` of a card is an unsigned 64-bit integer; the value of other kinds is text.
    """

    kind: CredentialKind
    value: int | str

    def __post_init__(self) -> None:
        if (self.kind is CredentialKind.CARD) is not isinstance(self.value, int):
            raise TypeError(f"a {self.kind} cannot have the value {self.value!r}")
        if isinstance(self.value, int) and not 0 <= self.value < 1 << 64:
            raise ValueError(f"card value {self.value} is not an unsigned 64-bit number")

    def __repr__(self) -> str:
        """Hides a PIN, in logs too."""
        shown = "***" if self.kind is CredentialKind.PIN else repr(self.value)
        return f"Credential({self.kind}, {shown})"


@dataclass(frozen=True, slots=True)
class Identification:
    """A credential read at reader `reader` at monotonic nanoseconds `at_ns`."""

    reader: str
    credential: Credential
    at_ns: int


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that no format of the reader accepts. It is reported and never decided on."""

    reader: str
    bits: str
    """The bits in order of arrival, as text of 0 and 1, or bytes in hexadecimal."""
    why: str
    at_ns: int

"""What a reader sends, from the library's dictionaries to values. Pure.

The library's forms are those of libosdp 3.2: see `osdp_sys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import BrokenFrame

MOST_BITS = 512
"""Longest card that is taken."""
MOST_KEYS = 64
"""Most keys of one message."""
_RAW_FORMATS = (0, 1)
"""Bits without or with the parity of Wiegand; the other formats are text."""
_KEY_CODES = {0x7F: "*", 0x0D: "#", **{ord(key): key for key in "0123456789*#"}}
"""IEC 60839-11-5 sends `*` as DEL and `#` as CR; some readers send the characters."""

_ACTIVE = {0: False, 1: True}
"""A supervised input may report other values: its wire is cut or shorted."""


@dataclass(frozen=True, slots=True)
class CardBits:
    """A card, as text of 0 and 1 in the order of sending."""

    bits: str


@dataclass(frozen=True, slots=True)
class KeysTyped:
    """Keys of the keypad, in order."""

    keys: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InputReport:
    """The reader's inputs: whether each is active, None for a wire with a fault."""

    active: tuple[bool | None, ...]


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """The reader's own state."""

    tamper: bool
    power: bool
    """Its supply is faulty."""


@dataclass(frozen=True, slots=True)
class ChannelChanged:
    """The secure channel was established or lost."""

    active: bool
    default_key: bool
    """It uses SCBK-D, which everybody knows."""


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """The library counts the reader as online or not."""

    online: bool


ReaderMessage = CardBits | KeysTyped | InputReport | LocalStatus
"""What counts only over the reader's own secure channel."""
Message = ReaderMessage | ChannelChanged | PresenceChanged


def message_of(event: Mapping[str, Any]) -> Message | None:  # noqa: PLR0911 - one per kind
    """Return the message of a library event; None for one without a meaning here.

    Raises BrokenFrame for a card or key that cannot be read.
    """
    # Kind of event, then of status report or notification.
    match event.get("event"), event.get("type"):
        case (1, _):
            return CardBits(_bits(event))
        case (2, _):
            return KeysTyped(_keys(bytes(event["data"])))
        case (4, 0):
            return InputReport(tuple(_ACTIVE.get(each) for each in bytes(event["report"])))
        case (4, 2):
            report = bytes(event["report"])
            return LocalStatus(report[:1] not in {b"", b"\0"}, report[1:2] not in {b"", b"\0"})
        case (5, 1):
            return ChannelChanged(bool(event["arg0"]), bool(event["arg1"]))
        case (5, 2):
            return PresenceChanged(bool(event["arg0"]))
    return None


def _bits(event: Mapping[str, Any]) -> str:
    data, length = bytes(event["data"]), int(event["length"])
    if event["format"] not in _RAW_FORMATS:
        raise BrokenFrame("the reader sends cards as text; raw bits are needed")
    if not 0 < length <= min(MOST_BITS, 8 * len(data)):
        raise BrokenFrame(f"a card of {length} bits in {len(data)} bytes")
    return f"{int.from_bytes(data):0{8 * len(data)}b}"[:length]


def _keys(data: bytes) -> str:
    if len(data) > MOST_KEYS or any(code not in _KEY_CODES for code in data):
        raise BrokenFrame("the keypad sent what is no key")
    return "".join(_KEY_CODES[code] for code in data)

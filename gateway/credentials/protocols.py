"""Registry of the serial reader protocols by their names in the site file.

`gateway.settings.readers` declares the names and baud rates; each name has one row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from gateway.credentials.rfid_serial import RfidProtocol
from gateway.credentials.uhf_r200 import R200Codec
from gateway.credentials.uhf_reader18 import Reader18Codec
from gateway.credentials.uhf_values import UhfCodec
from gateway.settings import CardProtocol, UhfProtocol

CARD_PROTOCOLS: Mapping[CardProtocol, RfidProtocol] = MappingProxyType(
    {
        CardProtocol.RDM6300: RfidProtocol(b"\x03"),
        CardProtocol.ID12: RfidProtocol(b"\r\n\x03"),
    }
)
"""125 kHz readers, which send each card without a request."""


@dataclass(frozen=True, slots=True)
class UhfProtocolSpec:
    """A protocol of readers that are polled."""

    codec: Callable[[int], UhfCodec]
    """Makes the codec for the reader with this address."""
    answer_ms: int
    """Longest time until an answer begins."""


_READER18_ANSWER_MS = 4_000
"""A UHFReader18 answers after its inventory time: 1 s by default, at most 3 s at a door."""

UHF_PROTOCOLS: Mapping[UhfProtocol, UhfProtocolSpec] = MappingProxyType(
    {
        UhfProtocol.UHFREADER18: UhfProtocolSpec(Reader18Codec, _READER18_ANSWER_MS),
        UhfProtocol.UHFREADER288: UhfProtocolSpec(
            partial(Reader18Codec, detailed=True), _READER18_ANSWER_MS
        ),
        # It has no address and answers after one inventory round.
        UhfProtocol.R200: UhfProtocolSpec(lambda _address: R200Codec(), 1_000),
    }
)

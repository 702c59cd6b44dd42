"""Simulated serial readers: the bytes that they send and answer."""

from __future__ import annotations

from gateway.credentials.card_number import CardFormat
from gateway.credentials.protocols import CARD_PROTOCOLS, UHF_PROTOCOLS
from gateway.credentials.rfid_serial import tag_of_card
from gateway.credentials.uhf_reader18 import EVERYONE
from gateway.errors import InvalidRequest
from gateway.settings import Encoding, SerialCardReader, SerialQrReader, SerialUhfReader

_LONGEST_TAG = 62


class SimulatedUhfReader:
    """A UHF reader with an empty field at start. The port's thread calls `answer`."""

    def __init__(self, reader: SerialUhfReader) -> None:
        codec = UHF_PROTOCOLS[reader.protocol].codec
        self._asks = codec(reader.address).inventory
        self._codec = codec(0 if reader.address == EVERYONE else reader.address)
        self._inventory = self._codec.encode_tags([])

    def hold(self, tag: str) -> None:
        """Put a tag, in hexadecimal, into the field; an empty text removes it.

        Raises InvalidRequest for an invalid tag.
        """
        try:
            epc = bytes.fromhex(tag)
        except ValueError as error:
            raise InvalidRequest(f"tag {tag!r} is not in hexadecimal: {error}") from error
        if len(epc) > _LONGEST_TAG or len(epc) % 2:
            raise InvalidRequest(f"a tag has 1 to 31 words of two bytes, found {len(epc)} bytes")
        self._inventory = self._codec.encode_tags([epc] if epc else [])

    def answer(self, asked: bytes) -> bytes:
        """Return the answer to one request."""
        return self._inventory if asked == self._asks else self._codec.acknowledge(asked)


def rfid_frame(reader: SerialCardReader, card: int) -> bytes:
    """Return a 125 kHz reader's frame for a card. Raises InvalidRequest if no tag has it."""
    try:
        return CARD_PROTOCOLS[reader.protocol].encode(
            tag_of_card(card, CardFormat(reader.number, reader.byte_order))
        )
    except ValueError as error:
        raise InvalidRequest(str(error)) from error


def code_bytes(reader: SerialQrReader, text: str) -> bytes:
    """Return a code as its reader sends it; UTF-8 also encodes lone surrogates.

    Raises InvalidRequest for a character that the reader's encoding lacks.
    """
    whole = reader.prefix + text + reader.suffix
    try:
        return whole.encode(
            reader.encoding, "surrogatepass" if reader.encoding is Encoding.UTF_8 else "strict"
        )
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"the reader's encoding cannot write the code: {error}") from error

"""The readers on the simulated board's serial ports: what they send, and how they answer."""

from __future__ import annotations

from gateway.credentials.card_number import CardFormat
from gateway.credentials.protocols import CARD_PROTOCOLS, UHF_PROTOCOLS
from gateway.credentials.rfid_serial import tag_of_card
from gateway.credentials.uhf_reader18 import EVERYONE
from gateway.errors import InvalidRequest
from gateway.settings import Encoding, SerialCardReader, SerialQrReader, SerialUhfReader

_LONGEST_TAG = 62


class SimulatedUhfReader:
    """A UHF reader, with nothing in its field to begin with. Its port asks it in another thread."""

    def __init__(self, reader: SerialUhfReader) -> None:
        codec = UHF_PROTOCOLS[reader.protocol].codec
        self._asks = codec(reader.address).inventory
        self._codec = codec(0 if reader.address == EVERYONE else reader.address)
        self._inventory = self._codec.encode_tags([])

    def hold(self, tag: str) -> None:
        """Put a tag into the field, in hexadecimal; an empty one takes it away.

        Raises InvalidRequest when no tag is like that.
        """
        try:
            epc = bytes.fromhex(tag)
        except ValueError as error:
            raise InvalidRequest(f"tag {tag!r} is not in hexadecimal: {error}") from error
        if len(epc) > _LONGEST_TAG or len(epc) % 2:
            raise InvalidRequest(f"a tag has 1 to 31 words of two bytes, found {len(epc)} bytes")
        self._inventory = self._codec.encode_tags([epc] if epc else [])

    def answer(self, asked: bytes) -> bytes:
        """What it says to bytes that came in one piece, as a driver sends a request."""
        return self._inventory if asked == self._asks else self._codec.acknowledge(asked)


def rfid_frame(reader: SerialCardReader, card: int) -> bytes:
    """What a 125 kHz reader sends of a card. Raises InvalidRequest when no tag is that card."""
    try:
        return CARD_PROTOCOLS[reader.protocol].encode(
            tag_of_card(card, CardFormat(reader.number, reader.byte_order))
        )
    except ValueError as error:
        raise InvalidRequest(str(error)) from error


def code_bytes(reader: SerialQrReader, text: str) -> bytes:
    """A code as its reader writes it, in UTF-8 even what no text holds.

    Raises InvalidRequest when the reader's encoding has no such character.
    """
    whole = reader.prefix + text + reader.suffix
    try:
        return whole.encode(
            reader.encoding, "surrogatepass" if reader.encoding is Encoding.UTF_8 else "strict"
        )
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"the code cannot be written: {error}") from error

"""Cards and keys of one reader, by the same codecs as on data lines. Runs in the loop."""

from __future__ import annotations

from gateway.credentials.keypad import LONGEST_BURST, KeyCollector, encode_key
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.credentials.wiegand import FORMATS, WiegandFormat, decode
from gateway.errors import BrokenFrame
from gateway.hardware.captures import ReaderCaptures
from gateway.hardware.events import KeyPressed
from gateway.hardware.osdp.messages import CardBits, KeysTyped
from gateway.hardware.reading_settings import ReadingSettings
from gateway.settings import OsdpReader

_MS = 1_000_000


class OsdpReads:
    """Decodes what one reader reads."""

    def __init__(self, settings: OsdpReader, captures: ReaderCaptures) -> None:
        """`settings.formats` must be names in `FORMATS`; `check_site` verifies this."""
        self._settings = settings
        self._captures = captures
        self._formats: tuple[WiegandFormat, ...] = ()
        self._last_byte_first = False
        self._keys = KeyCollector(
            settings.key_timeout_ms * _MS,
            settings.end_key,
            settings.clear_key,
            length=settings.pin_length,
        )
        self.configure(ReadingSettings())

    def configure(self, reading: ReadingSettings) -> None:
        """Apply the site's own formats, after those in the site file."""
        named = tuple(FORMATS[name] for name in self._settings.formats)
        self._formats = (*named, *reading.wiegand_formats)
        self._last_byte_first = self._settings.index in reading.last_byte_first

    def card(self, card: CardBits, at_ns: int) -> Identification | BadFrame:
        """The card, or why it is none."""
        read = self._read(card, at_ns)
        why = read.why if isinstance(read, BadFrame) else ""
        self._captures.bits(card.bits, at_ns, why, secret=len(card.bits) <= LONGEST_BURST)
        return read

    def _read(self, card: CardBits, at_ns: int) -> Identification | BadFrame:
        name, bits = self._settings.name, card.bits
        try:
            if len(bits) <= LONGEST_BURST:
                raise BrokenFrame(f"{len(bits)} bits are no card")  # noqa: TRY301 - one report
            credential = decode(bits, self._formats, last_byte_first=self._last_byte_first)
        except BrokenFrame as error:
            return BadFrame(name, "" if len(bits) <= LONGEST_BURST else bits, str(error), at_ns)
        return Identification(name, credential, at_ns)

    def keys(self, typed: KeysTyped, at_ns: int) -> list[KeyPressed | Identification | BadFrame]:
        """One event per key, and each PIN that the keys complete."""
        name = self._settings.name
        if not self._settings.keypad:
            why = "keys were typed, but this reader has no keypad: keypad = false"
            return [BadFrame(name, "", why, at_ns)]
        found: list[KeyPressed | Identification | BadFrame] = []
        for key in typed.keys:
            self._captures.bits(encode_key(key), at_ns, secret=True)
            found.append(KeyPressed(name, at_ns))
            pin = self._keys.key(key, at_ns)
            if pin is not None:
                found.append(Identification(name, Credential(CredentialKind.PIN, pin), at_ns))
        return found

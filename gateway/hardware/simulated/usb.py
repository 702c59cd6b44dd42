"""Simulated USB readers: keyboards and contactless readers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gateway.credentials.line_frames import MAX_BYTES
from gateway.errors import InvalidRequest
from gateway.hardware.simulated.cards import SimulatedCards
from gateway.hardware.simulated.keyboard import SimulatedKeyboard
from gateway.hardware.simulated.port import port_path
from gateway.settings import HidReader, PcscReader, Reader
from gateway.settings.addresses import SIMULATED_PORT

SimulatedDevice = SimulatedKeyboard | SimulatedCards


class SimulatedUsb:
    """The simulated USB readers of a site, plugged in at start."""

    def __init__(self, readers: Iterable[Reader], runtime_dir: Path) -> None:
        self._keyboards: dict[str, SimulatedKeyboard] = {}
        self._cards: dict[str, SimulatedCards] = {}
        for reader in readers:
            if reader.place != SIMULATED_PORT:
                continue
            if isinstance(reader, HidReader):
                path = port_path(runtime_dir, reader.name)
                self._keyboards[reader.name] = SimulatedKeyboard(path)
            elif isinstance(reader, PcscReader):
                self._cards[reader.name] = SimulatedCards()

    def __contains__(self, reader: object) -> bool:
        return reader in self._keyboards or reader in self._cards

    def type(self, reader: str, text: str, at_ns: int) -> None:
        """Type a text and Enter, all at `at_ns`.

        Raises InvalidRequest for a reader that does not type and for a text that it cannot type,
        DeviceUnavailable when nobody takes it.
        """
        keyboard = self._keyboards.get(reader)
        if keyboard is None:
            raise InvalidRequest(f"reader {reader!r} is no simulated keyboard")
        if len(text) > MAX_BYTES:
            raise InvalidRequest(f"a code has {MAX_BYTES} characters at most, found {len(text)}")
        try:
            keyboard.type(text, at_ns)
        except ValueError as error:
            raise InvalidRequest(str(error)) from error

    def cards(self, reader: str) -> SimulatedCards:
        """Return the simulated card service of a reader; raises InvalidRequest for others."""
        cards = self._cards.get(reader)
        if cards is None:
            raise InvalidRequest(f"reader {reader!r} is no simulated contactless reader")
        return cards

    def device(self, reader: str) -> SimulatedDevice | None:
        """Return a reader's simulated device; None for another reader."""
        return self._keyboards.get(reader) or self._cards.get(reader)

    def close(self) -> None:
        """Remove the devices."""
        for keyboard in self._keyboards.values():
            keyboard.unplug()

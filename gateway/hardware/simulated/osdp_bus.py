"""The OSDP readers of the simulated board: one bus, in a process of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from gateway.errors import InvalidRequest
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.simulated.osdp_readers import OsdpReaders
from gateway.settings import OsdpReader

RESET, WRONG_KEY = "reset", "wrong-key"
STAR_AND_HASH = str.maketrans("*#", "\x7f\r")
"""As the standard has them."""


class SimulatedOsdp:
    """The readers, plugged in at start. Each keeps its key beside the port."""

    def __init__(self, readers: Iterable[OsdpReader], path: Path) -> None:
        """`path` becomes the port."""
        self._readers = {reader.name: reader for reader in readers}
        self._played = OsdpReaders(
            path,
            [
                {
                    "name": reader.name,
                    "address": reader.address,
                    "store": str(path.with_name(f"{reader.name}.key")),
                }
                for reader in self._readers.values()
            ],
        )

    def __contains__(self, name: object) -> bool:
        """Whether a reader, or the tamper contact of one, is here."""
        if isinstance(name, InputName):
            return self._of_contact(name) is not None
        return name in self._readers

    def swipe(self, reader: str, bits: str) -> None:
        """Hold a card to a reader; raises DeviceUnavailable without the library."""
        self._order(reader, card=bits)

    def keys(self, reader: str, keys: str) -> None:
        """Press keys; raises as `swipe`."""
        self._order(reader, keys=keys.translate(STAR_AND_HASH))

    def plug(self, reader: str, *, plugged: bool) -> None:
        """Plug a reader in or out; raises as `swipe`."""
        self._order(reader, plugged=plugged)

    def set_contact(self, name: InputName, *, high: bool) -> None:
        """Take a reader off its wall (high), or put it back; raises as `swipe`."""
        reader = self._of_contact(name)
        if reader is not None:
            self._order(reader, tamper=high)

    def play(self, reader: str, what: str) -> None:
        """`reset`: the reader forgets its key and waits for another; `wrong-key`: it has another.

        Raises InvalidRequest for anything else.
        """
        if what not in {RESET, WRONG_KEY}:
            raise InvalidRequest(f"an OSDP reader plays {RESET} or {WRONG_KEY}, not {what!r}")
        self._order(reader, key=None if what == RESET else secrets.token_hex(16))

    def close(self) -> None:
        """End the process."""
        self._played.close()

    def _order(self, reader: str, **order: object) -> None:
        self._played.order({"reader": reader, **order})

    def _of_contact(self, name: InputName) -> str | None:
        if name.kind is not InputKind.READER_TAMPER:
            return None
        found = (it.name for it in self._readers.values() if it.index == name.number)
        return next(found, None)

"""The OSDP readers of the simulated board: one bus, in a process of its own."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.errors import InvalidRequest
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.simulated.osdp_readers import OsdpReaders
from gateway.settings import OsdpReader, ReaderInput

INPUTS = 4
"""Inputs of each reader; see `osdp_process`, which imports nothing that needs no library."""
RESET, WRONG_KEY = "reset", "wrong-key"
STAR_AND_HASH = str.maketrans("*#", "\x7f\r")
"""As the standard has them."""


class SimulatedOsdp:
    """The readers, plugged in at start. Each keeps its key beside the port."""

    def __init__(
        self,
        readers: Iterable[OsdpReader],
        path: Path,
        inputs: Mapping[InputName, ReaderInput] = MappingProxyType({}),
        closed: Collection[InputName] = (),
    ) -> None:
        """`path` becomes the port. The site uses `inputs`; those `closed` are, at rest."""
        self._readers = {reader.name: reader for reader in readers}
        self._inputs = {name: it for name, it in inputs.items() if it.reader in self._readers}
        on = [(it.reader, it.input) for name, it in self._inputs.items() if name in closed]
        self._played = OsdpReaders(
            path,
            [
                {
                    "name": reader.name,
                    "address": reader.address,
                    "baud": reader.baud,
                    "store": str(path.with_name(f"{reader.name}.key")),
                    "on": [number for name, number in on if name == reader.name],
                }
                for reader in self._readers.values()
            ],
        )

    def __contains__(self, name: object) -> bool:
        """Whether a reader, or the tamper contact or an input of one, is here."""
        if isinstance(name, InputName):
            return name in self._inputs or self._of_contact(name) is not None
        return name in self._readers

    @property
    def inputs(self) -> list[InputName]:
        """The inputs that the site uses."""
        return list(self._inputs)

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
        """Open (high) or close an input, or take a reader off its wall (high) or put it back;
        raises as `swipe`."""
        wire = self._inputs.get(name)
        if wire is not None:
            self.turn_input(wire.reader, wire.input, active=not high)
            return
        reader = self._of_contact(name)
        if reader is not None:
            self._order(reader, tamper=high)

    def turn_input(self, reader: str, number: int, *, active: bool) -> None:
        """Make an input of a reader active or not.

        Raises InvalidRequest for an input that it lacks, else as `swipe`.
        """
        if not 0 <= number < INPUTS:
            raise InvalidRequest(f"a simulated OSDP reader has inputs 0 to {INPUTS - 1}")
        self._order(reader, input=number, active=active)

    def play(self, reader: str, what: str) -> None:
        """`reset`: the reader forgets its key and waits for another; `wrong-key`: it has another.

        Raises InvalidRequest for anything else.
        """
        if what not in {RESET, WRONG_KEY}:
            raise InvalidRequest(
                f"an OSDP reader plays {RESET}, {WRONG_KEY} or input N on or off, not {what!r}"
            )
        self._order(reader, key=None if what == RESET else secrets.token_hex(16))

    def told(self, reader: str) -> list[dict[str, Any]]:
        """The latest commands that a reader got, as the library has them; raises as `swipe`."""
        return self._played.told()[reader]

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

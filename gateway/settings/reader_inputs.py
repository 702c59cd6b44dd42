"""What is wrong with the inputs of OSDP readers that doors and zones name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.settings.doors import ReaderExitButton
from gateway.settings.readers import OsdpReader, Reader
from gateway.settings.wires import ReaderInput


def reader_input_problems(
    readers: Iterable[Reader], used: Iterable[tuple[ReaderInput, str]]
) -> Iterator[str]:
    """Inputs of readers that there are not, used twice, or within reach of who is outside.

    `used` has each input with the key that uses it.
    """
    by_name = {reader.name: reader for reader in readers}
    owner: dict[tuple[str, int], str] = {}
    for wire, key in used:
        reader = by_name.get(wire.reader)
        if not isinstance(reader, OsdpReader):
            there = [it.name for it in by_name.values() if isinstance(it, OsdpReader)]
            allowed = ", ".join(map(repr, there)) or "none of this site"
            why = f"is of kind {reader.kind}" if reader else "is no reader of this site"
            yield (
                f"{key}: reader {wire.reader!r} {why}, and OSDP readers alone have inputs"
                f" (allowed: {allowed})"
            )
            continue
        place = wire.reader, wire.input
        if place in owner:
            yield (
                f"input {wire.input} of reader {wire.reader!r} is used twice:"
                f" {owner[place]} and {key}"
            )
        owner[place] = key
        if isinstance(wire, ReaderExitButton) and not reader.inside:
            yield (
                f"{key}: whoever opens reader {wire.reader!r} outside could bridge the button's"
                " wires: use a pin, or a reader with inside = true, which says that it hangs on"
                " the safe side of the door"
            )

"""GPIO chips of this machine and who holds their lines, as the kernel tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import DeviceUnavailable

DEVICES = Path("/dev")
"""Where the kernel's devices are."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One GPIO chip."""

    path: str
    """Its device, such as /dev/gpiochip0; the number is not lasting."""
    label: str
    users: Mapping[int, str]
    """Lines in use, with the name that their user gave; it may be empty."""


@dataclass(frozen=True, slots=True)
class Chips:
    """What was found."""

    found: tuple[Chip, ...] = ()
    refused: tuple[str, ...] = ()
    """Why a chip could not be opened, one sentence each."""
    looked: bool = True
    """False where the library that asks the kernel is not installed."""

    def labelled(self, label: str) -> Chip | None:
        """The chip with that label."""
        return next((chip for chip in self.found if chip.label == label), None)


def find_chip(label: str, devices: Path | None = None) -> str:
    """The device path of the GPIO chip with this label; its number differs between boards and
    kernels.

    Raises DeviceUnavailable naming the chips that are there.
    """
    chips = read_chips(devices)
    chip = chips.labelled(label)
    if chip is None:
        there = [*(f"{chip.path} is {chip.label}" for chip in chips.found), *chips.refused]
        raise DeviceUnavailable(
            f"no GPIO chip has the label {label!r} (found: {', '.join(there) or 'none'})"
        )
    return chip.path


def read_chips(devices: Path | None = None) -> Chips:
    """Ask the kernel for the chips in `devices` (default DEVICES). Claims no line, moves none."""
    try:
        # Only here: the library is there on boards alone.
        import gpiod  # type: ignore[import-not-found,unused-ignore] # - only on a board
    except ImportError:
        return Chips(looked=False)
    found = []
    refused = []
    for path in sorted((devices or DEVICES).glob("gpiochip*")):
        try:
            with gpiod.Chip(str(path)) as chip:
                info = chip.get_info()
                lines = (chip.get_line_info(number) for number in range(info.num_lines))
                users = {line.offset: line.consumer for line in lines if line.used}
        except OSError as error:
            refused.append(f"{path}: {error.strerror or error}")
        else:
            found.append(Chip(str(path), info.label, users))
    return Chips(tuple(found), tuple(refused))

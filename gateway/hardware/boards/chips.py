"""GPIO chips of this machine and the users of their lines, from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import DeviceUnavailable

DEVICES = Path("/dev")
"""Directory of the kernel's devices."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One GPIO chip."""

    path: str
    """Device path, such as /dev/gpiochip0; the number may change at boot."""
    label: str
    users: Mapping[int, str]
    """Lines in use, with their user's name, which may be empty."""


@dataclass(frozen=True, slots=True)
class Chips:
    """The chips found, and those that could not be opened."""

    found: tuple[Chip, ...] = ()
    refused: tuple[str, ...] = ()
    """Why a chip could not be opened, one sentence each."""
    looked: bool = True
    """False without the gpiod library."""

    def labelled(self, label: str) -> Chip | None:
        """Return the chip with that label, None without one."""
        return next((chip for chip in self.found if chip.label == label), None)


def find_chip(label: str, devices: Path | None = None) -> str:
    """Return the device path of the GPIO chip with this label.

    The chip's number differs between boards and kernels. Raises DeviceUnavailable that names the
    chips found.
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
    """Read the chips in `devices` (default DEVICES). Claims no line and changes no level."""
    try:
        # Imported late: the library is installed on boards only.
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

"""Opens the pins of the profile's board, without fall-back to another backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.errors import DeviceUnavailable
from gateway.hardware.adc.chips import missing_package
from gateway.hardware.boards.chips import find_chip
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.pins.pin import PinFactory
from gateway.hardware.wiegand.edges import EdgeSource, PinEdgeSource
from gateway.settings import SiteFile, WiegandReader
from gateway.settings.addresses import SIMULATED_PORT

if TYPE_CHECKING:
    from gateway.hardware.simulated.pins import SimulatedFactory


def open_factory(profile: BoardProfile, clock: Clock, runtime_dir: Path) -> PinFactory:
    """Open the pins of the board without claiming any.

    Raises DeviceUnavailable when the profile's backend is not available.
    """
    if profile.simulated:
        return open_simulated(profile, clock, runtime_dir)
    return _open_gpiod(profile)


def open_simulated(profile: BoardProfile, clock: Clock, runtime_dir: Path) -> SimulatedFactory:
    """Open the simulated board with its record in `runtime_dir`; creates a missing record."""
    # Imported late to save memory on a real board.
    from gateway.hardware.simulated.board_record import BoardRecord, record_path
    from gateway.hardware.simulated.pins import SimulatedFactory

    record = BoardRecord.open(record_path(runtime_dir), profile.boot_level)
    return SimulatedFactory(profile, clock, record)


def _open_gpiod(profile: BoardProfile) -> PinFactory:
    try:
        # Imported late: the package is installed on boards only.
        from gateway.hardware.pins.gpiod_pins import GpiodFactory
    except (ImportError, OSError) as error:
        raise DeviceUnavailable(f"{_needs_gpiod(profile)}: {error}") from error
    factory: PinFactory = GpiodFactory(profile.chip or "", profile.revision)
    return factory


def missing_packages(
    profile: BoardProfile, has: Callable[[str], object] = find_spec
) -> Iterator[str]:
    """Why the controller cannot start on this board for want of a Python package, as it says itself
    when it starts. `has` tells whether a package is there, without importing it."""
    if not profile.simulated and not has("gpiod"):
        yield _needs_gpiod(profile)


def missing_for_adcs(site: SiteFile, has: Callable[[str], object] = find_spec) -> Iterator[str]:
    """Which Python packages converters of the board want, each with what to install."""
    for adc in site.adc:
        package = "spidev" if adc.kind == "mcp3208" else "smbus2"
        if adc.device != SIMULATED_PORT and not has(package):
            yield missing_package(adc)


def _needs_gpiod(profile: BoardProfile) -> str:
    return (
        f"board {profile.name!r} needs the Python package gpiod (>= 2.1): "
        "`pip install 'gpiod>=2.1'` in the gateway's environment, or take board = \"simulated\" "
        "off a Raspberry Pi"
    )


def open_edges(factory: PinFactory, reader: WiegandReader, wake: Callable[[], None]) -> EdgeSource:
    """Open the edge source of `reader`: the kernel's on a board, else the simulated pins, which
    call `wake`. Raises DeviceUnavailable when the board's chip is not available."""
    if factory.chip_label is None:
        return PinEdgeSource(factory, reader.d0, reader.d1, wake)
    # Imported late: a simulated board does not need the package.
    from gateway.hardware.wiegand.kernel_edges import KernelEdgeSource

    return KernelEdgeSource(reader.name, find_chip(factory.chip_label), reader.d0, reader.d1)

"""Opens the pins of the profile's board, without fall-back to another backend."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.errors import DeviceUnavailable
from gateway.hardware.boards.chips import find_chip
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.pins.pin import PinFactory
from gateway.hardware.wiegand.edges import EdgeSource, PinEdgeSource
from gateway.settings import Edges, SiteFile, WiegandReader

if TYPE_CHECKING:
    from gateway.hardware.simulated.pins import SimulatedFactory


def open_factory(profile: BoardProfile, clock: Clock, runtime_dir: Path) -> PinFactory:
    """Open the pins of the board without claiming any.

    Raises DeviceUnavailable when the profile's backend is not available.
    """
    if profile.simulated:
        return open_simulated(profile, clock, runtime_dir)
    return _open_lgpio(profile, runtime_dir)


def open_simulated(profile: BoardProfile, clock: Clock, runtime_dir: Path) -> SimulatedFactory:
    """Open the simulated board with its record in `runtime_dir`; creates a missing record."""
    # Imported late to save memory on a real board.
    from gateway.hardware.simulated.board_record import BoardRecord, record_path
    from gateway.hardware.simulated.pins import SimulatedFactory

    record = BoardRecord.open(record_path(runtime_dir), profile.boot_level)
    return SimulatedFactory(profile, clock, record)


def _open_lgpio(profile: BoardProfile, runtime_dir: Path) -> PinFactory:
    # lgpio creates a FIFO in $LG_WD, by default in the working directory, which may be read-only
    # for a service.
    os.environ.setdefault("LG_WD", str(runtime_dir))
    try:
        # Imported late: lgpio starts a thread and is installed on boards only.
        from gateway.hardware.pins.lgpio_pins import LgpioError, LockFactory
    except (ImportError, OSError) as error:
        raise DeviceUnavailable(f"{_needs_lgpio(profile)}: {error}") from error
    try:
        factory: PinFactory = LockFactory(profile.chip or "", profile.revision)
    except LgpioError as error:
        raise DeviceUnavailable(
            f"board {profile.name!r}: GPIO chip {profile.chip!r} cannot be opened: {error}"
        ) from error
    return factory


def missing_packages(
    profile: BoardProfile, site: SiteFile, has: Callable[[str], object] = find_spec
) -> Iterator[str]:
    """Why the controller cannot start at this site for want of a Python package, as it says itself
    when it starts. `has` tells whether a package is there, without importing it."""
    if profile.simulated:
        return
    if not has("lgpio"):
        yield _needs_lgpio(profile)
    for reader in site.reader:
        kernel = isinstance(reader, WiegandReader) and reader.edges is not Edges.PINS
        if isinstance(reader, WiegandReader) and kernel and not has("gpiod"):
            yield _needs_gpiod(reader)


def _needs_lgpio(profile: BoardProfile) -> str:
    return f"board {profile.name!r} {_needs('lgpio', '0.2.2')}"


def _needs_gpiod(reader: WiegandReader) -> str:
    return f"reader {reader.name!r}: edges 'kernel' {_needs('gpiod', '2.1')}"


def _needs(package: str, least: str) -> str:
    return (
        f"needs the Python package {package} (>= {least}): `pip install '{package}>={least}'` in "
        'the gateway\'s environment, or take board = "simulated" off a Raspberry Pi'
    )


def open_edges(factory: PinFactory, reader: WiegandReader, wake: Callable[[], None]) -> EdgeSource:
    """Open the edge source of `reader` as its `edges` says; `wake` must be thread-safe.

    Raises DeviceUnavailable when the source is not available.
    """
    usual = Edges.PINS if factory.chip_label is None else Edges.KERNEL
    if (reader.edges or usual) is Edges.PINS:
        return PinEdgeSource(factory, reader.d0, reader.d1, wake)
    if factory.chip_label is None:
        raise DeviceUnavailable(f"reader {reader.name!r}: a simulated board has no kernel edges")
    try:
        # Imported late: a simulated board does not need the package.
        from gateway.hardware.wiegand.kernel_edges import KernelEdgeSource
    except (ImportError, OSError) as error:
        raise DeviceUnavailable(f"{_needs_gpiod(reader)}: {error}") from error
    chip = find_chip(factory.chip_label)
    return KernelEdgeSource(reader.name, chip, reader.d0, reader.d1, wake)

"""`python -m vm`, from within tests/: how fast Wiegand edges may come before any is lost.

Nothing here fails. The figures are of the virtual machine's own time: one processor with 2 ns for
each instruction, some ten times slower than a desktop's.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from .machine import Machine
from .services import CONTROLLER

INTERVALS_US = (2_000, 1_000, 500, 200, 100, 80, 60, 50, 40)
FRAMES = 40
"""At each reader, for each interval."""


def main() -> None:
    """Boot, stop the controller, and send faster and faster."""
    with TemporaryDirectory(prefix="gateway-vm-") as name, Machine(Path(name)) as machine:
        machine.run("systemctl", "stop", CONTROLLER)
        rounds = machine.receive(FRAMES, *INTERVALS_US)
    click.echo(
        "interval  edges/s, both readers  frames wrong or lost  late by  processor for a bit"
    )
    for told in rounds:
        click.echo(
            f"{told['interval_us']:5} us  {2_000_000 / told['interval_us']:21,.0f}  "
            f"{_lost(told):11} of {2 * FRAMES:3}  {told['generator']['late_us']:7.0f} us"
            f"  {told['cpu_us_per_pulse']:14.0f} us"
        )
    held = [told["interval_us"] for told in rounds if not _lost(told)]
    if held:
        click.echo(
            f"without loss: {2_000_000 / min(held):,.0f} edges/s, which the kernel keeps for us"
        )
    least_us = min(told["cpu_us_per_pulse"] for told in rounds)
    click.echo(
        f"for as long as they come: {1e6 / least_us:,.0f} edges/s, by the processor's time for each"
    )


def _lost(told: dict[str, Any]) -> int:
    """Frames of which something else was heard than was sent."""
    return sum(
        len(sent)
        - sum(one == other for one, other in zip(sent, told["heard"][reader], strict=False))
        for reader, sent in told["sent"].items()
    )


if __name__ == "__main__":
    main()

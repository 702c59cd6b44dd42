"""Puts each lock into its `on_fault` state by the plan that the last working release left."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import DeviceUnavailable
from gateway.host.gpio_lines import DEVICES, Call, chip_of, drive
from gateway.host.relay_plan import RelayPlan

MODULES = Path("/sys/module")


def put_by_plan(
    path: Path, devices: Path = DEVICES, modules: Path = MODULES, call: Call = fcntl.ioctl
) -> Iterator[tuple[str, str]]:
    """Yield each line and why it failed, empty on success; a failing line does not stop the others.

    A line that has its level sees no edge. On a kernel that releases outputs when their owner ends
    there is nothing to put: each has its level of power-on. Raises OSError and GatewayError where
    no line can be put.
    """
    plan = RelayPlan.read(path)
    if _releases(modules, plan.module):
        return
    chip = chip_of(plan.chip, devices, call)
    for line in plan.lines:
        try:
            drive(chip, line.offset, high=line.high, call=call)
        except OSError as error:
            yield line.name, error.strerror or str(error)
        else:
            yield line.name, ""


def put_all(path: Path) -> bool:
    """Whether all could be put; says on standard output what was done."""
    done = True
    try:
        for name, why in put_by_plan(path):
            print(f"gateway: {name}: {why or 'put'}", flush=True)  # noqa: T201 - for the log
            done = done and not why
    except (OSError, DeviceUnavailable) as error:
        print(f"gateway: relays: {error}", flush=True)  # noqa: T201 - for the log
        return False
    return done


def _releases(modules: Path, module: str) -> bool:
    try:
        return (modules / module / "parameters/persist_gpio_outputs").read_text().strip() == "N"
    except OSError:
        return False

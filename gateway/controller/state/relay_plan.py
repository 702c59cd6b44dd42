"""Leaves behind how relays are put right should a later release not start at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import structlog

from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.safe_relays import DeclaredState, kernel_module, safe_lines
from gateway.host.relay_plan import PLAN_FILE, PlannedLine, RelayPlan
from gateway.settings import SiteFile
from gateway.store.files import JOURNAL_FILE

log = structlog.get_logger("controller")


def keep_plan(data: Path, site: SiteFile, profile: BoardProfile) -> None:
    """Write the plan of a site with which the controller came up. Raises nothing."""
    path = (data / JOURNAL_FILE).resolve().with_name(PLAN_FILE)
    try:
        if profile.chip is None:  # a simulated board
            with suppress(FileNotFoundError):
                path.unlink()
        else:
            plan_of(site, profile.chip, kernel_module(profile)).write(path)
    except OSError as error:
        log.warning("the plan of the relays cannot be kept", why=str(error))


def plan_of(site: SiteFile, chip: str, module: str) -> RelayPlan:
    """The levels of every output for a fault."""
    lines = safe_lines(site, DeclaredState.FAULT)
    return RelayPlan(
        chip,
        module,
        tuple(PlannedLine(f"{it.name}, {it.state}", it.pin, it.high) for it in lines),
    )

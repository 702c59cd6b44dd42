"""Rows about doors that do not fit the site, or that do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.cli.doctor.findings import Finding, warn
from gateway.controller.state.config import EffectiveConfig
from gateway.doors.door_settings import (
    REX_MODES,
    door_row_problems,
    operator_row_problems,
)
from gateway.settings import SiteFile
from gateway.store.files import STORE_FILE
from gateway.store.files.database import open_reader


def door_row_findings(data: Path, site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Findings of `door_settings`, and of people who need more time."""
    rows = config.snapshot.door_rows
    for _, row in sorted(rows.items()):
        for field, why in door_row_problems(site, row):
            yield warn("door_settings", f"{field}: {why}; correct or delete the row")
    for door in site.doors():
        own = rows.get(door.id)
        if own is None:
            continue
        if own.pre_alarm_s >= 0 and door.pre_alarm_s not in (0, own.pre_alarm_s):
            yield warn(
                f"door {door.name}",
                f"the site file says pre_alarm_s = {door.pre_alarm_s}, but its row of "
                f"door_settings decides and says {own.pre_alarm_s}",
            )
        if door.rex and REX_MODES.get(own.rex_mode, door.rex.mode) is not door.rex.mode:
            yield warn(
                f"door {door.name}",
                f"the site file says rex mode {door.rex.mode.value}, but its row of door_settings "
                f"decides and says {config.doors[door.id].settings.rex_mode.value}",
            )
        settings = config.doors[door.id].settings
        if settings.relock_at_close and settings.auto_close:
            yield warn(
                f"door {door.name}",
                "it relocks as soon as it opens, so relock_at_close of its row of door_settings "
                f"does nothing: set {_auto_close(door.id)} to 0",
            )
        if own.pre_alarm_s > 0 and settings.pre_alarm_ms >= settings.held_open_delay_ms:
            yield warn(
                f"door {door.name}",
                f"its pre-alarm of {own.pre_alarm_s} s is not shorter than the "
                f"{settings.held_open_delay_ms // 1000} s that it may stand open, so it sounds as "
                "soon as the door opens: shorten pre_alarm_s of its row of door_settings",
            )
    yield from _no_more_time(data, site, config)
    yield from _operators(site, config)


def _auto_close(door: int) -> str:
    on_board = f"general.relay{door}_auto_close"
    return on_board if door <= 4 else "sec_boxs.auto_close_enabled"


def _no_more_time(data: Path, site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Doors that give no more time although somebody needs it."""
    store = open_reader(data / STORE_FILE)
    try:
        query = "SELECT COUNT(*) FROM users WHERE extended_times = 1"
        (people,) = store.execute_sql(query).fetchone()
    finally:
        store.close_all()
    for door in site.doors() if people else ():
        settings = config.doors[door.id].settings
        if not (settings.extended_dwell_ms or settings.extended_held_open_delay_ms):
            yield warn(
                f"door {door.name}",
                f"{people} people need more time (users.extended_times), but this door gives them "
                "none: extended_dwell_ms and extended_held_open_s in its row of door_settings",
            )


def _operators(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Operators that never open, or open too late."""
    snapshot = config.snapshot
    for row in snapshot.operators.values():
        for field, why in operator_row_problems(site, row):
            yield warn("door_operators", f"{field}: {why}; correct or delete the row")
    for door in site.door:
        settings = config.operators.get(door.id)
        if door.operator and settings is None:
            yield warn(
                f"door {door.name}",
                "its operator never opens: there is no row of door_operators for it",
            )
        elif settings and not (settings.by_button or settings.extended_people or settings.readers):
            yield warn(
                f"door {door.name}",
                "its operator never opens: its row of door_operators names neither the exit button "
                "nor people, and door_operator_readers names no reader",
            )
        elif settings and settings.delay_ms >= config.doors[door.id].settings.dwell_ms:
            yield warn(
                f"door {door.name}",
                f"its operator pushes after {settings.delay_ms} ms, when the lock is locked again: "
                "shorten delay_ms or give the lock more time",
            )

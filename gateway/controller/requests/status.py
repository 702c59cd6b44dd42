"""The controller's present state, as the api process and the CLI see it."""

from __future__ import annotations

import os

from gateway.controller.components import Components
from gateway.controller.doors.door_panel import DoorPanel
from gateway.host.clock_trust import ClockVerdict
from gateway.link.messages import (
    ControllerStatus,
    DeviceStatus,
    DoorStatus,
    EndedMode,
    LineLevel,
)


def _door(parts: Components, panel: DoorPanel) -> DoorStatus:
    """One door, with what its interlock says of it."""
    found = parts.interlock.obstacle((panel.door.id,))
    if found is None:
        return panel.status()
    barred = {"barred_by": found.by, "barred_why": found.why.value}
    return panel.status().model_copy(update=barred)


def status_of(
    parts: Components, journal_seq: int, modes_ended: tuple[EndedMode, ...], clock: ClockVerdict
) -> ControllerStatus:
    """What all parts say of themselves; `journal_seq` is the highest committed entry."""
    floor = parts.clock_floor
    active, cause = parts.alarms.status()
    now_ns = parts.clock.monotonic_ns()
    return ControllerStatus(
        pid=os.getpid(),
        board=parts.board,
        simulated=parts.rig.simulator is not None,
        policy_version=parts.policies.version,
        journal_seq=journal_seq,
        journal_waiting=parts.writer.waiting,
        journal_dropped=parts.writer.dropped,
        journal_fault=parts.writer.fault,
        clock_trusted=clock.trusted,
        clock_verdict=clock.value,
        clock_floor_utc=int(floor.timestamp()) if floor else 0,
        clock_shift_s=parts.clock.shift.total_seconds(),
        doors=tuple(_door(parts, panel) for panel in parts.doors.values()),
        devices=tuple(
            DeviceStatus(
                name=device.name,
                kind=device.kind,
                online=device.online,
                health=device.health.value,
                why=device.why,
                since_s=(now_ns - device.since_ns) / 1e9,
                counters=dict(device.counters),
            )
            for device in parts.rig.devices
        ),
        alarm_active=active,
        alarm_cause=int(cause),
        zones=parts.alarms.zones.status(),
        alarms=parts.alarms.active(),
        siren=parts.alarms.siren,
        fire=parts.fire.status(),
        faults=(
            *parts.faults.active(),
            *(fault for panel in parts.doors.values() for fault in panel.faults()),
            *parts.alarms.zones.faults(),
        ),
        turnstile=parts.turnstile.status() if parts.turnstile else None,
        modes_ended=modes_ended,
        keypads_locked_ms=parts.credentials.locked_keypads(now_ns // 1_000_000),
        levels=tuple(
            LineLevel(kind=kind, number=number, high=high)
            for kind, number, high in parts.rig.levels()
        ),
    )

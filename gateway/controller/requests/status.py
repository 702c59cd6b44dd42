"""Builds the controller's status for the api process and the CLI."""

from __future__ import annotations

import os
from dataclasses import asdict

from gateway.clock import unix_s
from gateway.controller.components import Components
from gateway.controller.doors.door_panel import DoorPanel
from gateway.host.clock_trust import ClockVerdict
from gateway.link.messages import (
    ControllerStatus,
    DeviceStatus,
    DoorStatus,
    EndedMode,
    LineLevel,
    ThreatStatus,
)


def _door(components: Components, panel: DoorPanel) -> DoorStatus:
    """The status of one door, with what its interlock bars and what it bars itself."""
    door = panel.door.id
    known: dict[str, object] = {"occupied": components.interlock.hindrance(door)}
    found = components.interlock.obstacle((door,))
    if found is not None:
        known |= {"barred_by": found.by, "barred_why": found.why.value}
    return components.changes.with_times(panel.status().model_copy(update=known))


def status_of(
    components: Components,
    journal_seq: int,
    modes_ended: tuple[EndedMode, ...],
    clock: ClockVerdict,
    level_name: str = "",
) -> ControllerStatus:
    """The status of all components; `journal_seq` is the newest committed entry, `level_name` what
    the site calls the threat level."""
    floor = components.clock_floor
    active, cause = components.alarms.status()
    now_ns = components.clock.monotonic_ns()
    keeper = components.site_keeper
    return ControllerStatus(
        site=keeper.status() if keeper else None,
        pid=os.getpid(),
        board=components.board,
        simulated=components.rig.simulator is not None,
        policy_version=components.policies.version,
        journal_seq=journal_seq,
        journal_waiting=components.writer.waiting,
        journal_dropped=components.writer.dropped,
        journal_dropped_unread=components.health.retention.dropped,
        journal_fault=components.writer.fault,
        journal_unreadable=components.health.unreadable,
        journal_replaced=components.health.replaced,
        clock_trusted=clock.trusted,
        clock_verdict=clock.value,
        clock_floor_utc=unix_s(floor) if floor else 0,
        clock_shift_s=components.clock.shift.total_seconds(),
        doors=tuple(_door(components, panel) for panel in components.doors.values()),
        devices=tuple(
            DeviceStatus(
                name=device.name,
                kind=device.kind,
                online=device.online,
                health=device.health.value,
                why=device.why,
                since_s=(now_ns - device.since_ns) / 1e9,
                last_read_utc=components.changes.last_read_utc(device.name),
                counters=dict(device.counters),
            )
            for device in components.rig.devices
        ),
        alarm_active=active,
        alarm_cause=int(cause),
        zones=components.alarms.zones.status(),
        alarms=components.alarms.active(),
        siren=components.alarms.siren,
        fire=components.fire.status(),
        threat=ThreatStatus(name=level_name, **asdict(components.threat.known)),
        faults=(
            *components.faults.active(),
            *(fault for panel in components.doors.values() for fault in panel.faults()),
            *components.alarms.zones.faults(),
            *components.fire.faults(),
        ),
        elevators=components.elevators.status(),
        turnstile=components.turnstile.status() if components.turnstile else None,
        triggers=components.triggers.statuses(now_ns // 1_000_000),
        outputs=components.outputs.status(),
        modes_ended=modes_ended,
        modes_unstored=components.modes.unstored,
        keypads_locked_ms=components.credentials.locked_keypads(now_ns // 1_000_000),
        mirror=components.mirror.status() if components.mirror else None,
        online=components.server.status(),
        decisions=components.figures.status(),
        levels=tuple(
            LineLevel(kind=kind, number=number, high=high)
            for kind, number, high in components.rig.levels()
        ),
    )

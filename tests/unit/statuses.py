"""The status of a controller at which nothing happens."""

from __future__ import annotations

from gateway.link.messages import ControllerStatus

AT_REST = ControllerStatus(
    pid=1,
    board="simulated",
    simulated=True,
    policy_version=0,
    journal_seq=0,
    journal_waiting=0,
    journal_dropped=0,
    journal_fault=None,
    clock_trusted=True,
    clock_shift_s=0.0,
    doors=(),
    devices=(),
    alarm_active=False,
    alarm_cause=0,
)

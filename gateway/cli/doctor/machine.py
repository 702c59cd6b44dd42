"""Power, clock, watchdog, disk and ports of the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gateway.cli.doctor.board import has_line
from gateway.cli.doctor.findings import Finding, Grade, fail, ok, warn
from gateway.hardware.boards.profiles import BoardProfile
from gateway.host.clock_trust import CEILING, RELEASED
from gateway.host.machine import Identity, MachineFiles
from gateway.settings import SiteFile

CONTROLLER_USER = "gateway-controller"
"""The controller's user on an installed board: systemd/sysusers.d/gateway.conf."""

LITTLE_SPACE = 256 << 20
"""Bytes; fewer free bytes on the disk are a warning."""
NO_SPACE = 1 << 20
"""Bytes; with fewer free bytes logs are no longer written."""

_LOW_VOLTAGE, _WAS_LOW_VOLTAGE = 1 << 0, 1 << 16
_SLOWED, _WAS_SLOWED = 0b1110, 0b1110 << 16
_WORN = 9
"""Tenths of its life after which an eMMC should be replaced."""


def machine_findings(
    profile: BoardProfile, site: SiteFile, machine: MachineFiles, now: datetime
) -> Iterator[Finding]:
    """Findings about power, clock, watchdog and ports, which only a real board has."""
    yield from _power(profile, machine)
    yield from _clock(profile, machine, now)
    yield _watchdog(profile, machine)
    yield from _devices(profile, site, machine)


def _power(profile: BoardProfile, machine: MachineFiles) -> Iterator[Finding]:
    bits = machine.throttled()
    if bits is None:
        return
    current = "what the board asks for" if profile.supply_a is None else f"{profile.supply_a} A"
    cure = (
        f"the supply must give {current} at 5.1 V over a short, thick cable, and locks need a "
        "supply of their own"
    )
    if bits & _LOW_VOLTAGE:
        yield fail("supply", f"its voltage is too low now: {cure}")
    elif bits & _WAS_LOW_VOLTAGE:
        yield warn("supply", f"its voltage was too low since the start: {cure}")
    if bits & (_SLOWED | _WAS_SLOWED):
        when = "is" if bits & _SLOWED else "was"
        text = f"the processor {when} slowed down by heat or low voltage: give the box air"
        yield warn("heat", text)
    if not bits:
        yield ok("supply", "neither low voltage nor heat since the start")


def _clock(profile: BoardProfile, machine: MachineFiles, now: datetime) -> Iterator[Finding]:
    if not RELEASED <= now <= CEILING:
        when = "before" if now < RELEASED else "more than 20 years after"
        text = f"shows {now:%Y-%m-%d}, {when} this software was built: connect a network, or set it"
        yield fail("clock", text)
    battery = machine.battery_clock()
    if battery:
        yield ok("battery clock", f"{battery}; the state of its battery is unknown")
    elif profile.rtc:
        text = "the board has one, but the kernel does not list it: update the system"
        yield warn("battery clock", text)
    else:
        text = (
            "there is none: after a power cut schedules wait for the network; add a DS3231 with "
            f"`dtoverlay=i2c-rtc,ds3231` in {machine.boot_file()}"
        )
        yield warn("battery clock", text)
    if not battery and not machine.time_synchronised():
        text = "no time server has set it since the start: schedules and dates cannot be trusted"
        yield warn("clock", text)


def _watchdog(profile: BoardProfile, machine: MachineFiles) -> Finding:
    state = machine.watchdog()
    longest_s = profile.watchdog.longest_s if profile.watchdog else 15
    if state is None:
        text = f"there is none: add `dtparam=watchdog=on` to {machine.boot_file()}"
        return warn("watchdog", text)
    if not state.active:
        text = "is not fed: set RuntimeWatchdogSec=10 under [Manager] in /etc/systemd/system.conf"
        return warn("watchdog", text)
    if state.timeout_s is not None and state.timeout_s > longest_s:
        text = f"its timeout is {state.timeout_s} s, but this board allows {longest_s} s at most"
        return warn("watchdog", text)
    return ok("watchdog", "is fed, and resets a machine that hangs")


def _devices(profile: BoardProfile, site: SiteFile, machine: MachineFiles) -> Iterator[Finding]:
    installed = machine.identity(CONTROLLER_USER)
    who = installed or Identity(os.geteuid(), frozenset([os.getegid(), *os.getgroups()]))
    name = CONTROLLER_USER if installed else "the user of this command"
    for chip in sorted(machine.path("/dev").glob("gpiochip*")):
        port = machine.device_file(f"/dev/{chip.name}")
        if port and not port.open_to(who):
            text = f"{name} may not open it: udev/60-gateway.rules gives it to the controller"
            yield fail(f"/dev/{chip.name}", text)
    for reader in site.reader:
        if reader.place.startswith("/dev/"):
            yield from _port(profile, machine, f"reader {reader.name}", reader.place, (name, who))
    for adc in site.adc:
        if adc.device.startswith("/dev/"):
            yield from _port(profile, machine, f"adc {adc.name}", adc.device, (name, who))
    lines = {box.port: box.name for box in reversed(site.sec_box)}
    for place, box in lines.items():
        if place.startswith("/dev/"):
            yield from _port(profile, machine, f"sec_box {box}", place, (name, who))


def _port(
    profile: BoardProfile,
    machine: MachineFiles,
    subject: str,
    device: str,
    user: tuple[str, Identity],
) -> Iterator[Finding]:
    name, who = user
    real = machine.device_of(device)
    file = machine.boot_file()
    lines = machine.boot_lines(profile.config_sections) or ()
    needed = next((it.config for it in profile.serial if it.device == f"/dev/{real}"), ())
    missing = " and ".join(f"`{line}`" for line in needed if not has_line(lines, line))
    port = machine.device_file(device)
    if port is None:
        there = ", ".join(machine.lasting_names(device)) or "none is plugged in"
        how = f"it needs {missing} in {file}" if missing else f"by lasting names: {there}"
        yield fail(subject, f"{device} is not there; {how}")
        return
    if not port.open_to(who):
        text = f"{name} may not open {device}: udev/60-gateway.rules gives it to the controller"
        yield fail(subject, text)
    if real in machine.consoles():
        text = (
            f"{device} carries the system's console: switch that off with raspi-config, Interface "
            "Options, Serial Port"
        )
        yield fail(subject, text)
    if device.endswith(f"/{real}") and real.startswith(("ttyUSB", "ttyACM", "event")):
        lasting = ", ".join(machine.lasting_names(device, real)) or "a name in a folder by-path"
        text = f"{device} changes its number after a restart or a pulled plug: use {lasting}"
        yield warn(subject, text)


def disk_findings(data: Path, machine: MachineFiles) -> Iterator[Finding]:
    """Findings about the disk that holds the data directory, on any machine."""
    mount = machine.mount_of(data)
    if mount and mount.read_only:
        text = "is mounted read-only, as after an error of a worn card: doors work, logs are lost"
        yield fail("disk", f"{text}; make a backup and replace it")
        return
    free = machine.free_bytes(data)
    if free is not None and free < LITTLE_SPACE:
        grade = Grade.FAIL if free < NO_SPACE else Grade.WARN
        yield Finding(grade, "disk", f"{free >> 20} MiB are free: logs need more, make room")
    elif free is not None:
        yield ok("disk", f"{free >> 20} MiB are free")
    wear = machine.card_wear(mount.device) if mount else None
    if wear is not None and wear >= _WORN:
        text = f"{min(wear, 10) * 10} % of its life is used: make a backup and replace it"
        yield warn("disk", text)

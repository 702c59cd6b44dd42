"""`gateway doctor`: checks the site file, the board, the rules and the databases."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import click

from gateway.cli.doctor.board import board_findings
from gateway.cli.doctor.findings import Finding, Grade, fail, ok, report, warn
from gateway.cli.doctor.machine import disk_findings, machine_findings
from gateway.cli.doctor.old_copies import OldCopy, upgrade_copies
from gateway.cli.doctor.peers import peer_findings
from gateway.cli.doctor.rules import rule_findings
from gateway.cli.doctor.sealing import sealing_findings
from gateway.cli.doctor.servers import server_findings
from gateway.cli.doctor.site import site_findings
from gateway.cli.doctor.stored import stored_findings
from gateway.cli.options import data_option_of, initialised, json_option
from gateway.cli.running import controller_of, words_in_force
from gateway.clock import SystemClock
from gateway.commands.certificate import certificate_file
from gateway.errors import (
    UNUSABLE,
    ControllerUnavailable,
    DataDirectoryError,
    GatewayError,
    StorageError,
    kind_of,
)
from gateway.explain.state_words import SERVER
from gateway.hardware.boards.chips import Chips, read_chips
from gateway.hardware.boards.profiles import check_site, load_profile
from gateway.hardware.factory import missing_for_adcs, missing_packages
from gateway.hardware.osdp.supervision import EXPLAINED
from gateway.host.certificate import expires
from gateway.host.clock_trust import CEILING, ClockVerdict
from gateway.host.machine import MachineFiles
from gateway.host.ownership import become_owner
from gateway.link.messages import ControllerStatus, DeviceStatus, MirrorStatus
from gateway.settings import HttpSettings, read_current_site, read_running_site
from gateway.store.check import damage, damaged_entries, full_checks, too_new
from gateway.store.files import JOURNAL_FILE, MIRROR_FILE, STORE_FILE, mirror_path
from gateway.store.journal.renewal import put_aside

__all__ = ["Finding", "Grade", "doctor", "examine"]

EXPIRES_SOON = timedelta(days=30)
"""A certificate that expires within this time is a warning."""

_NAMED = 5
"""Damaged entries that are named."""

_GRADES = {"online": Grade.OK, "degraded": Grade.WARN, "offline": Grade.FAIL}
"""Health of a device -> grade of the finding."""

_PORT = "check its cable, its supply and `port`"
_TO_DO = {
    "serial_qr": _PORT,
    "serial_card": _PORT,
    "serial_uhf": f"{_PORT}, `baud` and `address`",
    "osdp": _PORT,
    "hid": "check its cable and `device`, and install `gateway device-rules` again if it is new",
    "adc": "check its supply, its wires, `device` and `address`",
    "sec_box": "check its supply, A and B, `port`, `baud` and `address`",
}
"""Kind of an offline device -> what to check. Pins and PC/SC readers report that themselves, and
OSDP readers unless it is their port."""


@click.command()
@data_option_of(None)
@json_option
def doctor(data: Path, *, as_json: bool) -> None:
    """Check the site file, the board, the rules and the databases; exit code 1 if any fails."""
    # What the owner of the store may not read.
    chips, machine, copies = read_chips(), MachineFiles(), upgrade_copies()
    machine.read_as_root()
    try:
        become_owner(data / STORE_FILE)
    except DataDirectoryError:
        become_owner(data / JOURNAL_FILE)  # the store is lost; the doors work without it
    initialised(data)
    report(examine(data, machine, lambda: chips, copies=lambda: copies), as_json=as_json)


def examine(
    data: Path,
    machine: MachineFiles | None = None,
    chips: Callable[[], Chips] = read_chips,
    has: Callable[[str], object] = find_spec,
    copies: Callable[[], Iterable[OldCopy]] = upgrade_copies,
) -> Iterator[Finding]:
    """Every finding that needs no access to the inside of the processes.

    `machine`, `chips`, `has` (finds a Python package) and `copies` (of upgrades) default to those
    of this computer.
    """
    machine = machine or MachineFiles()
    processes = list(_guarded("controller", _processes(data)))
    site = None
    try:
        site = read_current_site(data)
        profile = load_profile(site.site.board)
        check_site(profile, site)
    except GatewayError as error:
        yield fail("site file", str(error))
    else:
        yield from _guarded("site file", site_findings(site, profile))
        if not profile.simulated:
            running = any(it.subject == "controller" and it.grade is Grade.OK for it in processes)
            for text in missing_packages(profile, has):
                yield fail("board", text)
            for text in missing_for_adcs(site, has):
                yield fail("adc", text)
            yield from _guarded(
                "board", board_findings(profile, site, machine, chips(), running=running)
            )
            yield from _guarded(
                "machine", machine_findings(profile, site, machine, SystemClock().utc())
            )
        yield from _guarded("http", _http(data, site.http))
    yield from _guarded("disk", disk_findings(data, machine))
    yield from _guarded("databases", _databases(data))
    mirror = mirror_path(data)
    if os.access(mirror, os.R_OK):
        wrong = damage(mirror)
        yield Finding(Grade.FAIL if wrong else Grade.OK, MIRROR_FILE, wrong or "whole")
    if not (data / STORE_FILE).is_file():
        yield from processes
        return
    yield from _guarded("key", sealing_findings(data, site, copies))
    if site is not None:
        yield from _guarded("rules", rule_findings(data, site))
    yield from _guarded("servers", server_findings(data, site))
    yield from _guarded("peers", peer_findings(data, site))
    yield from _guarded("rows", stored_findings(data))
    yield from processes


def _guarded(subject: str, check: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of `check`; an error that it raises becomes a finding too."""
    try:
        yield from check
    except GatewayError as error:
        yield fail(subject, str(error))
    except (*UNUSABLE, OSError, RuntimeError) as error:
        yield fail(subject, f"this check failed: {kind_of(error)}")


def _http(data: Path, http: HttpSettings) -> Iterator[Finding]:
    if http.plain_address and not _is_loopback(http.plain_address):
        remedy = (
            "set plain = false" if http.tls else "set tls to an address, or listen on 127.0.0.1"
        )
        yield warn(
            "http",
            f"{http.plain_address} is served without TLS: passwords and tokens cross the network "
            f"in clear text; {remedy}",
        )
    if http.tls:
        yield from _certificate(certificate_file(data), SystemClock().utc())


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _certificate(path: Path, now: datetime) -> Iterator[Finding]:
    if not path.exists():
        return  # the api process makes one when it starts
    try:
        end = expires(path)
    except GatewayError as error:
        yield fail("certificate", str(error))
        return
    left = end - now
    if left <= timedelta():
        yield warn("certificate", f"expired on {end:%Y-%m-%d}: clients refuse it")
    elif left <= EXPIRES_SOON:
        yield warn("certificate", f"expires on {end:%Y-%m-%d}")
    else:
        yield ok("certificate", f"valid until {end:%Y-%m-%d}")


def _databases(data: Path) -> Iterator[Finding]:
    checks = {check.file: check for check in full_checks(data)}
    for name in (JOURNAL_FILE, STORE_FILE):
        if os.path.lexists(data / name) and not (data / name).is_file():
            # Opening a pipe would wait for its other end.
            yield fail(name, "is no regular file: remove it and restore a backup")
            continue
        check = checks.get(name)
        when = f" (full check at night, {check.utc})" if check else ""
        wrong = damage(data / name)
        if wrong and name == STORE_FILE:
            wrong += "; the doors go on by the mirror: stop the api process and run gateway restore"
        wrong = wrong or too_new(data / name) or (check.damage if check else None)
        grade = Grade.FAIL if wrong else Grade.OK
        yield Finding(grade, name, f"{wrong or 'whole'}{when}")
    yield from _damaged_entries(data / JOURNAL_FILE)


def _damaged_entries(path: Path) -> Iterator[Finding]:
    """Rows that are skipped, in a file that SQLite finds whole; and files that were put aside."""
    for aside in put_aside(path):
        text = f"{aside.name} was put aside at a start: see what it holds, then delete it"
        yield warn(JOURNAL_FILE, text)
    try:
        damage = damaged_entries(path)
    except StorageError:
        return  # told above
    if damage.count:
        named = "; ".join(f"{seq} ({why})" for seq, why in list(damage.named.items())[:_NAMED])
        text = f"{damage.count} entries cannot be read and are skipped: {named}"
        yield fail(JOURNAL_FILE, text)


def _processes(data: Path) -> Iterator[Finding]:
    try:
        with controller_of(data) as client:
            status = client.status()
    except DataDirectoryError:
        yield warn("controller", "has not run yet")
        return
    except ControllerUnavailable:
        yield warn("controller", "does not run")
        return
    yield ok("controller", f"runs as process {status.pid}")
    for device in status.devices:
        yield from _device(device)
    for fault in status.faults:
        yield fail(f"{fault.part} {fault.name}", fault.why)
    yield from _in_force(data, status)
    yield from _mirror(status.mirror)
    if not status.clock_trusted:
        yield fail("clock", _why_no_clock(status))
    if status.journal_fault:
        yield fail("journal", status.journal_fault)
    if status.journal_dropped:
        yield fail("journal", f"{status.journal_dropped} entries were lost")
    if status.journal_dropped_unread:
        text = f"{status.journal_dropped_unread} old entries were dropped before the API had them"
        yield fail("journal", text)
    if status.journal_replaced:
        yield fail("journal", status.journal_replaced)


def _mirror(mirror: MirrorStatus | None) -> Iterator[Finding]:
    """Whether the controller decides by what is stored."""
    if mirror is None:
        return
    if mirror.fault is not None:
        since = ""
        if mirror.since_utc:
            since = f" since {datetime.fromtimestamp(mirror.since_utc, UTC):%Y-%m-%d %H:%M} UTC"
        yield fail(
            "mirror",
            f"{mirror.fault}{since}: the last good copy of people and rules decides; mend or "
            "restore the store",
        )
    if mirror.rows_bad:
        more = " and more" if mirror.rows_bad > len(mirror.named) else ""
        yield fail(
            "mirror",
            f"{mirror.rows_bad} rows cannot be read, so that they release nothing: "
            f"{'; '.join(mirror.named)}{more}; correct or delete them",
        )


def _in_force(data: Path, status: ControllerStatus) -> Iterator[Finding]:
    for mode in status.modes_unstored:
        place = f"door {mode.door}" if mode.door else "device"
        yield warn(place, f"its mode {mode.mode} is in force and not stored yet: free the disk")
    try:
        site = read_running_site(data)
    except GatewayError:
        return  # reported as a finding about the site file
    for subject, text in words_in_force(data, site, status):
        yield (fail if subject == SERVER else warn)(subject, text)


def _why_no_clock(status: ControllerStatus) -> str:
    """Why the clock is not trusted, the consequence, and what to do."""
    now = SystemClock().utc() + timedelta(seconds=status.clock_shift_s)
    floor = datetime.fromtimestamp(status.clock_floor_utc, UTC)
    shows = f"it shows {now:%Y-%m-%d %H:%M} UTC"
    why = {
        ClockVerdict.BEFORE_RELEASE: f"{shows}, before this software was made",
        ClockVerdict.BEYOND_CEILING: f"{shows}, later than {CEILING:%Y-%m-%d}",
        ClockVerdict.BEHIND_FLOOR: (
            f"{shows}, and the journal has a later event of {floor:%Y-%m-%d %H:%M} UTC: one of "
            "them is wrong; set the clock if it is the journal"
        ),
        ClockVerdict.NO_SOURCE: f"nothing has set it since the machine started ({shows})",
    }.get(ClockVerdict(status.clock_verdict), shows)
    cure = (
        "`gateway sim clock set` the right time"
        if status.simulated
        else "connect it to network time, or set it by the command set_system_time"
    )
    return f"not trusted, so schedules and dates deny: {why}; {cure}"


def _device(device: DeviceStatus) -> Iterator[Finding]:
    """The health and counters of a reader or module; of a pin only a fault."""
    grade = _GRADES[device.health]
    is_pin = device.kind in ("input", "output")
    if is_pin and grade is Grade.OK:
        return
    text = f"{device.health}: {device.why}" if device.why else device.health
    if grade is Grade.FAIL and device.kind in _TO_DO and device.why not in EXPLAINED:
        text += f"; {_TO_DO[device.kind]}"
    counted = ", ".join(f"{name} {count}" for name, count in device.counters.items() if count)
    what = "sec_box" if device.kind == "sec_box" else "reader"
    subject = device.name if is_pin else f"{what} {device.name}"
    yield Finding(grade, subject, f"{text} ({counted})" if counted else text)

"""`gateway doctor`: is this site wired, ruled and stored as it should be?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

import click

from gateway.access.passback import PassbackMode, Strictness
from gateway.access.policy import Policy, Portal
from gateway.cli.options import data_option, initialised, json_option
from gateway.clock import SystemClock
from gateway.commands.certificate import certificate_file
from gateway.controller.bindings import CATRA_ACTION, Bindings
from gateway.errors import ControllerUnavailable, DataDirectoryError, GatewayError
from gateway.hardware.boards import check_site, load_profile, warnings
from gateway.host.certificate import expires
from gateway.link.client import ControllerClient
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.settings import SITE_FILE, Egress, Http, Side, SiteFile, read_site
from gateway.store import database
from gateway.store.check import damage, full_checks
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.snapshot import SnapshotReader

EXPIRES_SOON = timedelta(days=30)
"""Left to a certificate when it is time to think of the next one."""


class Grade(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


_GRADES = {"online": Grade.OK, "degraded": Grade.WARN, "offline": Grade.FAIL}
"""Health of a device -> how it is to be taken."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    grade: Grade
    subject: str
    text: str


@click.command()
@data_option
@json_option
def doctor(data: Path, *, as_json: bool) -> None:
    """Check the site file, the board, the rules and the databases; exit code 1 if any fails."""
    initialised(data)
    findings = list(examine(data))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.grade.value:<5}{finding.subject}: {finding.text}")
    if any(finding.grade is Grade.FAIL for finding in findings):
        raise SystemExit(1)


def examine(data: Path) -> Iterator[Finding]:
    """Everything that can be seen from outside the processes."""
    site = None
    try:
        site = read_site(data / SITE_FILE)
        profile = load_profile(site.site.board)
        check_site(profile, site)
    except GatewayError as error:
        yield Finding(Grade.FAIL, "site file", str(error))
    else:
        yield Finding(Grade.OK, "site file", f"{site.site.name!r} on {profile.title}")
        for text in warnings(profile, site):
            yield Finding(Grade.WARN, "board", text)
        yield from _egress(site)
        yield from _http(data, site.http)
    yield from _databases(data)
    if site is not None:
        yield from _rules(data, site)
    yield from _processes(data)


def _egress(site: SiteFile) -> Iterator[Finding]:
    for door in site.door:
        if door.strike.energised_to_lock and door.egress is Egress.SOFTWARE:
            yield Finding(
                Grade.FAIL,
                f"door {door.name}",
                "a lock that power keeps shut needs a way out without this device: "
                "egress must be mechanical or direct_cut",
            )
        if not door.rex_bypasses_interlock and door.egress is Egress.SOFTWARE:
            yield Finding(
                Grade.FAIL,
                f"door {door.name}",
                "its exit button is the only way out, and does not bypass the interlock: whoever "
                "leaves another door open locks people in",
            )
    turnstile = site.turnstile
    if turnstile and turnstile.egress is Egress.SOFTWARE:
        for side in Side:
            if turnstile.way(side).relay.energised_to_lock:
                yield Finding(
                    Grade.FAIL,
                    f"turnstile {turnstile.name}",
                    f"power keeps the {side} side shut: it needs a way out without this device; "
                    "egress must be mechanical or direct_cut",
                )


def _http(data: Path, http: Http) -> Iterator[Finding]:
    if http.plain_address and not _is_loopback(http.plain_address):
        way_out = (
            "plain = false closes it" if http.tls else "give tls an address, or listen on 127.0.0.1"
        )
        yield Finding(
            Grade.WARN,
            "http",
            f"{http.plain_address} is reached without TLS: passwords and tokens cross the network "
            f"readable; {way_out}",
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
        yield Finding(Grade.FAIL, "certificate", str(error))
        return
    left = end - now
    if left <= timedelta():
        yield Finding(Grade.WARN, "certificate", f"expired on {end:%Y-%m-%d}: clients refuse it")
    elif left <= EXPIRES_SOON:
        yield Finding(Grade.WARN, "certificate", f"expires on {end:%Y-%m-%d}")
    else:
        yield Finding(Grade.OK, "certificate", f"valid until {end:%Y-%m-%d}")


def _databases(data: Path) -> Iterator[Finding]:
    for name in (JOURNAL_FILE, STORE_FILE):
        wrong = damage(data / name)
        yield Finding(Grade.FAIL if wrong else Grade.OK, name, wrong or "whole")
    for check in full_checks(data):
        grade = Grade.FAIL if check.damage else Grade.OK
        said = check.damage or "whole"
        yield Finding(grade, check.file, f"{said} (full check at night, {check.utc})")


def _rules(data: Path, site: SiteFile) -> Iterator[Finding]:
    try:
        bindings = _bindings(data, site)
    except GatewayError as error:
        yield Finding(Grade.FAIL, "rules", str(error))
        return
    policy = bindings.snapshot.policy
    for reader in site.reader:
        subject = f"reader {reader.name}"
        portal = bindings.portal_of_reader(reader.index)
        if portal == 0:
            yield Finding(Grade.WARN, subject, "stands for no portal: every read is denied")
        elif portal not in policy.portals:
            yield Finding(Grade.WARN, subject, f"portal {portal} does not exist")
        elif portal != reader.portal:
            yield Finding(
                Grade.WARN,
                subject,
                f"the site file says portal {reader.portal}, the database, which counts, {portal}",
            )
        elif not list(bindings.doors_of(policy.portals[portal].actions)):
            yield from _without_a_door(site, bindings, portal, subject)
    yield from _open_to_all(policy)
    yield from _ways_around(site, bindings)


def _without_a_door(
    site: SiteFile, bindings: Bindings, portal: int, subject: str
) -> Iterator[Finding]:
    """A reader at a portal that opens no door: it may stand for the turnstile."""
    actions = bindings.snapshot.policy.portals[portal].actions
    if bindings.sides_of(actions):
        return
    text = f"portal {portal} has no action: nothing opens"
    if any(action.name.strip().lower() == CATRA_ACTION for action in actions):
        why = "names no side of it" if site.turnstile else "and this device has none"
        text = f"portal {portal} releases a turnstile, {why}: nothing opens"
    yield Finding(Grade.WARN, subject, text)


def _open_to_all(policy: Policy) -> Iterator[Finding]:
    """Rules by which a whole group passes at any time: often meant, never to be forgotten."""
    for group, rules in sorted(policy.group_rules.items()):
        for rule_id in sorted(rules):
            rule = policy.rules[rule_id]
            if rule.releases and any(zone.full_week for zone in rule.when.zones):
                yield Finding(
                    Grade.WARN,
                    f"rule {rule_id}",
                    f"{rule.name!r} lets all of group {group} pass at any time",
                )


def _ways_around(site: SiteFile, bindings: Bindings) -> Iterator[Finding]:
    """Doors that people leave by button, unseen, where whoever is not seen to leave is refused."""
    buttons = {door.id: door for door in site.door if bindings.door(door).rex_enabled}
    for portal_id, portal in sorted(bindings.snapshot.policy.portals.items()):
        if not _refuses_by_area(bindings, portal):
            continue
        for door in bindings.doors_of(portal.actions):
            if door in buttons:
                yield Finding(
                    Grade.WARN,
                    f"portal {portal_id}",
                    f"anti-passback refuses there whoever is elsewhere by the record, and the exit "
                    f"button of door {buttons[door].name} lets people go unseen: they are refused "
                    "when they come back",
                )


def _refuses_by_area(bindings: Bindings, portal: Portal) -> bool:
    by_direction = bindings.admission.passback.mode in (
        PassbackMode.DAILY_BY_DIRECTION,
        PassbackMode.TIMED_BY_DIRECTION,
        PassbackMode.BY_DIRECTION,
    )
    hard = portal.passage.strictness is Strictness.HARD
    return hard or (by_direction and portal.passage.between_areas)


def _bindings(data: Path, site: SiteFile) -> Bindings:
    store = database.open_reader(data / STORE_FILE)
    compiling = SnapshotReader(store, Models(REGISTRY, store)).compile()
    try:
        while True:
            next(compiling)
    except StopIteration as done:
        return Bindings(site, done.value)
    finally:
        store.close_all()


def _processes(data: Path) -> Iterator[Finding]:
    try:
        client = ControllerClient(RuntimeDirectory.find(data))
    except DataDirectoryError:
        yield Finding(Grade.WARN, "controller", "has not run yet")
        return
    try:
        status = client.status()
    except ControllerUnavailable:
        yield Finding(Grade.WARN, "controller", "does not run")
        return
    finally:
        client.close()
    yield Finding(Grade.OK, "controller", f"runs as process {status.pid}")
    for device in status.devices:
        grade = _GRADES[device.health]
        text = f"{device.health}: {device.why}" if device.why else device.health
        yield Finding(grade, f"reader {device.name}", text)
    for fault in status.faults:
        yield Finding(Grade.FAIL, "power", fault)
    if not status.clock_trusted:
        yield Finding(Grade.FAIL, "clock", "not trusted: schedules and dates deny")
    if status.journal_fault:
        yield Finding(Grade.FAIL, "journal", status.journal_fault)
    if status.journal_dropped:
        yield Finding(Grade.FAIL, "journal", f"{status.journal_dropped} entries were lost")

"""Initialises a data directory: databases, factory rows, rows of the site, the administrator."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from gateway.clock import DeviceTime, SiteZone, SystemClock
from gateway.commands.certificate import certificate_file
from gateway.commands.demo import demo_rows
from gateway.doors.door_settings import SecBoxRow
from gateway.errors import DataDirectoryError, GatewayError, InvalidRequest, SettingsError
from gateway.files import write_whole
from gateway.host.certificate import make_self_signed
from gateway.objects.catalogue import REGISTRY
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.factory import FACTORY_ROWS, Rows, reader_binding_rows
from gateway.settings import SITE_FILE, Pull, SiteFile, accept_site, parse_site, read_site, with_end
from gateway.settings.alarms import AnyZone
from gateway.settings.initial import initial_configuration
from gateway.settings.refusals import closest
from gateway.settings.seal_key import make_named_key
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.journal import Journal
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts, Role
from gateway.store.tables.identity import DeviceIdentity, draw_identity, store_identity
from gateway.store.tables.setup import SetupTable, new_code, random_word

ADMINISTRATOR = "admin"
EVERYBODY_ALWAYS = 1
"""The access rule of the factory, which admits group 1 at any time."""
FIRST_SEC_BOX_ACTION = 5
"""Id of the action of the first SecBox; actions of doors have the id of the door."""
_PASSWORD_LENGTH = 16


def initialise(data: Path, site_text: str | None, *, demo: bool, open_portals: bool = False) -> str:
    """Initialise the data directory `data`; returns the password of the administrator.

    `site_text` is the site file to write; None uses the existing one. `open_portals` ties rule 1 to
    every portal instead of the first alone. Raises DataDirectoryError if `data` already holds
    databases, and GatewayError for a wrong site file. A failure leaves no files behind.
    """
    for name in (STORE_FILE, JOURNAL_FILE):
        if (data / name).exists():
            raise DataDirectoryError(f"{data} is initialised already: it holds {name}")
    if site_text is not None and (data / SITE_FILE).exists():
        raise DataDirectoryError(f"{data} has a {SITE_FILE} already; leave --demo and --site out")
    if site_text is None and not (data / SITE_FILE).exists():
        raise SettingsError(f"a site is needed: give --demo or --site FILE, or write {SITE_FILE}")
    site = read_site(data / SITE_FILE) if site_text is None else parse_site(site_text, "site file")
    check_initial(site)
    is_new = not data.exists()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if site_text is not None:
            write_whole(data / SITE_FILE, with_end(site_text).encode(), mode=0o644)
        make_named_key(data, site)
        Journal.create(data / JOURNAL_FILE)
        password = _fill_store(data / STORE_FILE, site, demo=demo, open_portals=open_portals)
        if not certificate_file(data).exists():
            make_self_signed(certificate_file(data), SystemClock().utc())
        accept_site(data)
    except OSError as error:
        _remove(data, is_new=is_new, with_site=site_text is not None)
        raise DataDirectoryError(f"cannot make {data}: {error}") from error
    except GatewayError:
        _remove(data, is_new=is_new, with_site=site_text is not None)
        raise
    return password


def _remove(data: Path, *, is_new: bool, with_site: bool) -> None:
    """Remove what a failed `initialise` made, and nothing else."""
    if is_new:
        shutil.rmtree(data, ignore_errors=True)
        return
    names = [JOURNAL_FILE, STORE_FILE, *([SITE_FILE] if with_site else [])]
    for name in names:
        for path in data.glob(f"{name}*"):
            path.unlink()


def _fill_store(path: Path, site: SiteFile, *, demo: bool, open_portals: bool) -> str:
    clock = SystemClock()
    device_time = DeviceTime(SiteZone(site.site.zone), site.site.wire_time)
    store = Store.create(path, REGISTRY, lambda: device_time.stamp(clock.utc()))
    try:
        identity = draw_identity()
        with store.transaction():
            store_identity(store.database, identity)
        insert_initial(store, site, identity)
        if open_portals:
            for portal in further_portals(site):
                link = {"portal_id": portal, "access_rule_id": EVERYBODY_ALWAYS}
                store.insert("portal_access_rules", [link])
        if demo:
            _insert(store, demo_rows())
        password = new_password()
        Accounts(store, clock.monotonic_ns).set_password(
            ADMINISTRATOR, password, Role.ADMINISTRATOR
        )
    finally:
        store.close()
    return password


def insert_initial(store: Store, site: SiteFile, identity: DeviceIdentity) -> None:
    """Insert the rows and the configuration of a new device into an empty store."""
    for rows in (factory_rows(site), site_rows(site, identity)):
        _insert(store, rows)
    store.set_configuration(initial_configuration(site))


def new_password() -> str:
    """A random password of 79 bits."""
    return random_word(_PASSWORD_LENGTH)


def arm_setup(data: Path) -> str:
    """Make the one-time code that opens the first start on the page, in place of any before."""
    store = Store.open(data / STORE_FILE, REGISTRY, lambda: 0)
    try:
        account = Accounts(store, SystemClock().monotonic_ns).find(ADMINISTRATOR)
        code = new_code()
        if account is not None:
            SetupTable(store).arm(code, account.login, account.stamp)
    finally:
        store.close()
    return code


def _insert(store: Store, rows: Rows) -> None:
    for name, values in rows.items():
        store.insert(name, values)


def factory_rows(site: SiteFile) -> Rows:
    """The factory rows; portal and action of door 1 have the name that people see of the door."""
    shown = next((door.shown for door in site.door if door.id == 1), None)
    if shown is None:
        return FACTORY_ROWS
    titled = {
        name: [{**row, "name": shown} for row in FACTORY_ROWS[name]]
        for name in ("portals", "actions")
    }
    return {**FACTORY_ROWS, **titled}


def further_portals(site: SiteFile) -> dict[int, str]:
    """Names by id of the portals that `init` adds to the first: those of readers and SecBoxes.

    A portal has the name of its door, SecBox or reader.
    """
    names = {reader.portal: reader.title or f"portal {reader.portal}" for reader in site.reader}
    names |= {box.portal: box.shown for box in site.sec_box if box.portal}
    names |= {door.id: door.shown for door in site.door if door.id in names}
    return {portal: name for portal, name in sorted(names.items()) if portal != 1}


def site_rows(site: SiteFile, identity: DeviceIdentity) -> Rows:
    """The rows that follow from the wiring: an action per door, the portals of the readers, each of
    which opens the door of the same number, and for a SecBox its row and the action of its portal.

    Portals beyond the first have no rule: nobody may pass until a rule is tied to them.
    """
    portals = further_portals(site)
    doors = [door for door in site.door if door.id != 1]
    door_ids = {door.id for door in site.door}
    boxes = list(enumerate(site.sec_box, FIRST_SEC_BOX_ACTION))
    return {
        "devices": [{"id": identity.device_id, "name": site.site.name, "ip": "", "public_key": ""}],
        "actions": [
            *(_action(door.id, door.shown, "door", f"door={door.id}") for door in doors),
            *(_action(id_, box.shown, "sec_box", f"id={box.id}, reason=1") for id_, box in boxes),
        ],
        "sec_boxs": [
            {
                **SecBoxRow(box.id)._asdict(),
                "version": 1,
                "name": box.shown,
                "door_sensor_enabled": int(box.sensor is not None),
            }
            for box in site.sec_box
        ],
        "portals": [
            {"id": portal, "name": name, "area_from_id": 1, "area_to_id": 1}
            for portal, name in portals.items()
        ],
        "portal_actions": [
            {"portal_id": portal, "action_id": portal} for portal in portals if portal in door_ids
        ]
        + [{"portal_id": box.portal, "action_id": action} for action, box in boxes if box.portal],
        "alarm_zones": [zone_row(zone) for zone in site.zone],
        **reader_binding_rows((reader.index, reader.portal) for reader in site.reader),
    }


def zone_row(zone: AnyZone) -> dict[str, object]:
    """The row of `alarm_zones` of a new zone."""
    return {
        "zone": zone.number,
        "enabled": 1,
        "active_level": 0 if zone.pull is Pull.UP else 1,
        "alarm_delay": 0,
    }


def _action(id_: int, name: str, script: str, parameters: str) -> dict[str, object]:
    return {"id": id_, "name": name, "action": script, "parameters": parameters, "run_at": 0}


def set_password(data: Path, login: str, password: str) -> None:
    """Set the password of an existing or new API login. Raises InvalidRequest for a bad one."""
    clock = SystemClock()
    store = Store.open(data / STORE_FILE, REGISTRY, lambda: 0)
    try:
        Accounts(store, clock.monotonic_ns).set_password(login, password)
    finally:
        store.close()


def check_initial(site: SiteFile) -> None:
    """Raise SettingsError, which names every unknown key and wrong value of `initial`."""
    problems = list(initial_problems(site))
    if problems:
        raise SettingsError("; ".join(problems))


def initial_problems(site: SiteFile) -> Iterator[str]:
    """What is wrong with the tables `initial`; each begins with its place."""
    for module, values in site.initial.items():
        if module not in CONFIGURATION.modules:
            near = closest(module, CONFIGURATION.modules)
            cure = f"did you mean {near!r}?" if near else "gateway/docs/configuration.md lists all"
            yield f"[initial.{module}]: unknown table; {cure}"
            continue
        for key, value in values.items():
            declared = CONFIGURATION.find(module, key)
            if declared is None:
                yield f"[initial.{module}] {key}: unknown key; {_cure(module, key)}"
                continue
            try:
                declared.text(value)
            except InvalidRequest as error:
                yield f"[initial.{module}] {key}: {error}"


def _cure(module: str, key: str) -> str:
    homes = [it.module for it in CONFIGURATION if it.key == key]
    if len(homes) == 1:
        return f"it belongs to [initial.{homes[0]}]"
    near = closest(key, [it.key for it in CONFIGURATION if it.module == module])
    return f"did you mean {near!r}?" if near else "gateway/docs/configuration.md lists all"

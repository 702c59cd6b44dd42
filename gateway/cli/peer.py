"""`gateway peer`: other devices of the site, at which this one has actions carried out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gateway.cli.local_store import local_store
from gateway.cli.login import read_password
from gateway.cli.options import data_option, initialised, json_option
from gateway.cli.printing import print_rows
from gateway.commands.certificate import certificate_file
from gateway.errors import InvalidRequest, NotFound
from gateway.host.certificate import file_fingerprint
from gateway.objects.server_address import ServerAddress
from gateway.settings import read_current_site
from gateway.store.objects.store import Store
from gateway.store.tables.destinations import DestinationState, DestinationTable, peer_key
from gateway.uplink.peer_actions import device_rows
from gateway.uplink.peer_client import (
    Peer,
    PeerClient,
    checked_peer,
    peer_address,
    shown_fingerprint,
)
from gateway.uplink.peer_interlock import RULE_COLUMNS

RULES = "network_interlocking_rules"
ASK_S = 5.0


@click.group()
def peer() -> None:
    """Other devices of the site: a grant here may open a door there (`run_at` of an action)."""


@peer.command()
@data_option
@click.argument("address")
@click.option("--name", default="", help="What lists call it; by default its address.")
@click.option("--login", "login_", required=True, help="A login there, such as a `door_opener`.")
@click.option(
    "--fingerprint",
    default="",
    help="The SHA-256 that its certificate must have; by default it is shown and asked for.",
)
@click.option("--verify", is_flag=True, help="Let this machine's authorities verify it instead.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--interlock", is_flag=True, help="For the network interlock, in place of actions there."
)
def add(
    data: Path,
    address: str,
    name: str,
    login_: str,
    fingerprint: str,
    *,
    verify: bool,
    from_stdin: bool,
    interlock: bool,
) -> None:
    """Pair with the device at ADDRESS: pin its certificate, log in, and store the login.

    ADDRESS is a name or an address, a port with it; https:// is meant. A device that is known is
    paired anew.
    """
    site = read_current_site(initialised(data))
    where = peer_address("ADDRESS", address)
    pinned = "" if verify or not where.tls else _pinned(where, fingerprint, from_stdin=from_stdin)
    password = read_password(from_stdin=from_stdin, new=False)
    shown = name or where.shown
    found = Peer(shown, where, login_, password, pinned, site.servers.ca_file)
    with PeerClient(checked_peer(found, plain=site.servers.plain_secrets)).session(ASK_S) as it:
        it.logout()
    row = {"ip": where.shown, "login": login_, "password": password, "fingerprint": pinned}
    table, label = (RULES, "portal_name") if interlock else ("devices", "name")
    with local_store(data) as store:
        search = {"object": table, "where": {table: {"ip": where.shown}}}
        known = next((old["id"] for old in store.load(search).rows), None)
        if known is None:
            (known,) = store.insert(table, [{**row, label: shown}])
        else:
            store.modify(table, {**row, label: shown}, {table: {"id": known}})
    click.echo(f"{known}")
    click.echo(f"peer {known} ({shown}) is paired: {where.shown}", err=True)


@peer.command(name="list")
@data_option
@json_option
def list_(data: Path, *, as_json: bool) -> None:
    """Print every device with a login, and what came of its actions."""
    with local_store(data) as store:
        rows = [*_devices(store), *_rules(store)]
    print_rows(rows, _line, as_json=as_json)


def _devices(store: Store) -> Iterator[dict[str, Any]]:
    """The devices at which actions are carried out."""
    table = DestinationTable(store)
    for id_, row in device_rows(store).items():
        if row["login"]:
            state = table.read(peer_key(id_)) or DestinationState("")
            yield {
                "id": id_,
                "for": "actions",
                **{key: row[key] for key in ("name", "ip", "login", "fingerprint")},
                "carried_out": state.delivered,
                "failed": state.refused,
                "too_late": state.dropped,
                "last_error": state.last_error,
            }


def _rules(store: Store) -> Iterator[dict[str, Any]]:
    """The devices of the network interlock."""
    for row in store.load({"object": RULES, "fields": list(RULE_COLUMNS), "order": ["id"]}).rows:
        keys = ("id", "ip", "login", "fingerprint")
        yield {"for": "interlock", "name": row["portal_name"], **{key: row[key] for key in keys}}


def _line(row: dict[str, Any]) -> str:
    line = f"{row['id']:<11} {row['for']:<10} {row['name']:<24} {row['ip']:<28} {row['login']}"
    if row["for"] == "interlock":
        return line
    counts = f"{row['carried_out']} carried out, {row['failed']} failed, {row['too_late']} too late"
    return f"{line}  {counts}"


@peer.command()
@data_option
@click.argument("device", metavar="ID", type=int)
@click.option("--interlock", is_flag=True, help="A device of the network interlock.")
def remove(data: Path, device: int, *, interlock: bool) -> None:
    """Delete the device ID, its login and its fingerprint."""
    with local_store(data) as store:
        rows = {row["id"]: row for row in (_rules if interlock else _devices)(store)}
        if device not in rows:
            raise NotFound(f"there is no peer {device}: `gateway peer list` names them")
        table = RULES if interlock else "devices"
        store.destroy(table, {table: {"id": device}})
        if not interlock:
            DestinationTable(store).forget(peer_key(device))
    click.echo(f"peer {device} ({rows[device]['name']}) removed", err=True)


def _pinned(where: ServerAddress, wanted: str, *, from_stdin: bool) -> str:
    """The fingerprint to pin: the one that is shown, which must be the `wanted` one, or which a
    person confirms. Raises InvalidRequest."""
    shown = shown_fingerprint(where, ASK_S)
    if wanted:
        if wanted.replace(":", "").upper() != shown:
            raise InvalidRequest(f"{where.shown} shows another certificate: {shown}")
        return shown
    click.echo(f"{where.shown} shows the certificate {shown}", err=True)
    if from_stdin:
        raise InvalidRequest("give --fingerprint, after comparing it with that of the device")
    click.confirm("Is it that of the device (`gateway peer fingerprint` there)?", abort=True)
    return shown


@peer.command()
@data_option
def fingerprint(data: Path) -> None:
    """Print the SHA-256 of this device's certificate, to compare it where it is pinned."""
    click.echo(file_fingerprint(certificate_file(initialised(data))))

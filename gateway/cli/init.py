"""`gateway init`: makes a data directory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from zoneinfo import available_timezones

import click

from gateway.cli.check import BoardRules, usable_site
from gateway.commands.provisioning import arm_setup, further_portals, initialise
from gateway.host.network import network
from gateway.host.ownership import become_owner
from gateway.settings import SITE_FILE, HttpSettings, read_site, read_text
from gateway.settings.addresses import split_address
from gateway.settings.compose import composed
from gateway.store.files import STORE_FILE

_USUAL = {"http": 80, "https": 443}
_EVERY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory to make; it may exist and hold a gateway.toml already.",
)
@click.option("--demo", is_flag=True, help="The demo site on the simulated board, with people.")
@click.option(
    "--new",
    is_flag=True,
    help="A site without doors on this board, for the first start on the page to fill in.",
)
@click.option(
    "--site",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The site file to use.",
)
@click.option(
    "--open-all-portals/--only-first-portal",
    "open_portals",
    default=None,
    help="Let group 1 pass at every portal at any time, or only at portal 1. Default: ask on a "
    "terminal, else only portal 1.",
)
def init(
    data: Path, site: Path | None, *, demo: bool, new: bool, open_portals: bool | None
) -> None:
    """Make the directory, its databases and the administrator; prints the password once."""
    if demo + new + bool(site) > 1:
        raise click.UsageError("--demo, --new and --site each bring a site file; give one of them")
    text = read_text(site) if site else None  # before: the owner of `data` may not read it
    become_owner(data / STORE_FILE)
    if demo:
        text = files("gateway.cli").joinpath("demo.toml").read_text(encoding="utf-8")
    if new:
        text = _new_site()
    there = data / SITE_FILE
    further: dict[int, str] = {}
    if text is not None or there.exists():
        name = "new site" if new else "demo site" if demo else str(site or there)
        wanted, _ = usable_site(read_text(there) if text is None else text, name)
        further = {} if demo else further_portals(wanted)
    if further and open_portals is None and sys.stdin.isatty() and sys.stderr.isatty():
        open_portals = click.confirm(_question(further), default=False, err=True)
    password = initialise(data, text, demo=demo, open_portals=bool(open_portals))
    code = arm_setup(data)
    click.echo(f"login     admin\npassword  {password}\nsetup     {code}", err=True)
    site_file = read_site(there)
    click.echo(
        "Both are shown only once. The code opens the first start on the page, once, at "
        f"{_page(site_file.http)}/setup; `gateway passwd` sets another password.",
        err=True,
    )
    for portal, name in () if open_portals else further.items():
        click.echo(
            f"No rule opens portal {portal} ({name}) yet; "
            f"`gateway portal link {portal}` lets group 1 pass at any time.",
            err=True,
        )


def _page(http: HttpSettings) -> str:
    """The URL of the page, encrypted if it can be; at the main address of the machine if the device
    listens at all."""
    scheme, address = ("https", http.tls) if http.tls else ("http", http.listen)
    host, port = split_address(address)
    if host in _EVERY:
        host = network().ip
    named = f"[{host}]" if ":" in host else host
    return f"{scheme}://{named}" + ("" if port == _USUAL[scheme] else f":{port}")


def _new_site() -> str:
    """A site file for this machine, without doors."""
    boards = BoardRules().boards()
    board = next((it for it in boards if it["this"]), None)
    zone = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    site = {
        "name": "New site",
        "timezone": zone if zone in available_timezones() else "UTC",
        "board": board["name"] if board else "simulated",
    }
    http = {"listen": "0.0.0.0:80", "tls": "0.0.0.0:443"} if board else {"listen": "127.0.0.1:8080"}
    return composed({"site": site, "http": http})


def _question(further: Mapping[int, str]) -> str:
    named = ", ".join(f"{portal} ({name})" for portal, name in further.items())
    return (
        "The people of group 1 may pass portal 1 at any time. "
        f"May they also pass all others: {named}?"
    )

"""`gateway portal`: which rules let people pass where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.local_store import local_store
from gateway.cli.options import data_option, initialised, json_option
from gateway.cli.printing import print_rows
from gateway.commands.provisioning import EVERYBODY_ALWAYS
from gateway.commands.site_additions import add_missing, bind_reader, named_row
from gateway.settings import read_current_site

LINKS = "portal_access_rules"


@click.group()
def portal() -> None:
    """Portals and their access rules; a running gateway obeys at the next swipe."""


@portal.command(name="list")
@data_option
@json_option
def list_(data: Path, *, as_json: bool) -> None:
    """Print every portal with the rules that are tied to it."""
    rules: dict[object, list[object]] = {}
    with local_store(data) as store:
        for row in store.load({"object": LINKS}).rows:
            rules.setdefault(row["portal_id"], []).append(row["access_rule_id"])
        rows: list[dict[str, Any]] = [
            {"id": row["id"], "name": row["name"], "rules": rules.get(row["id"], [])}
            for row in store.load({"object": "portals"}).rows
        ]
    print_rows(rows, _line, as_json=as_json)


def _line(row: dict[str, Any]) -> str:
    tied = ", ".join(map(str, row["rules"])) or "none"
    return f"{row['id']:<6} {row['name']:<32} rules {tied}"


@portal.command()
@data_option
@click.argument("where", metavar="PORTAL")
@click.option(
    "--rule",
    default=str(EVERYBODY_ALWAYS),
    show_default=True,
    help="The access rule, by number or name; 1 lets group 1 pass at any time.",
)
def link(data: Path, where: str, rule: str) -> None:
    """Tie an access rule to PORTAL (number or name): the people of the rule may pass there."""
    with local_store(data) as store:
        number, name = named_row(store, "portals", where)
        rule_id, rule_name = named_row(store, "access_rules", rule)
        row = {"portal_id": number, "access_rule_id": rule_id}
        known = row in [dict(it) for it in store.load({"object": LINKS}).rows]
        if not known:
            store.insert(LINKS, [row])
    already = "already" if known else "now"
    click.echo(
        f"portal {number} ({name}) is tied to rule {rule_id} ({rule_name}) {already}", err=True
    )


@portal.command()
@data_option
def add(data: Path) -> None:
    """Add what doors and readers lack that the site file got after `init`: actions and portals
    that open them, and the settings that switch wired parts on. Existing rows stay unchanged."""
    site = read_current_site(initialised(data))
    with local_store(data) as store:
        made = add_missing(store, site)
    for text in made:
        click.echo(text)
    click.echo(
        "restart the gateway, and let people pass with `gateway portal link`"
        if made
        else "nothing is missing",
        err=True,
    )


@portal.command()
@data_option
@click.argument("reader")
@click.argument("where", metavar="[PORTAL]", required=False)
def bind(data: Path, reader: str, where: str | None) -> None:
    """Let READER stand for PORTAL (number or name). Default: its portal of the site file."""
    site = read_current_site(initialised(data))
    with local_store(data) as store:
        number, name = bind_reader(store, site, reader, where)
    click.echo(f"reader {reader} stands for portal {number} ({name}) now", err=True)

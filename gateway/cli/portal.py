"""`gateway portal`: which rules let people pass where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.cli.options import data_option, initialised, json_option
from gateway.commands.provisioning import EVERYBODY_ALWAYS
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store

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
    with _store(data) as store:
        for row in store.load({"object": LINKS}).rows:
            rules.setdefault(row["portal_id"], []).append(row["access_rule_id"])
        portals = [(row["id"], row["name"]) for row in store.load({"object": "portals"}).rows]
    if as_json:
        rows = [{"id": it, "name": name, "rules": rules.get(it, [])} for it, name in portals]
        click.echo(json.dumps(rows, indent=2))
        return
    for it, name in portals:
        click.echo(f"{it:<6} {name:<32} rules {', '.join(map(str, rules.get(it, []))) or 'none'}")


@portal.command()
@data_option
@click.argument("number", metavar="PORTAL", type=click.IntRange(min=1))
@click.option(
    "--rule",
    type=click.IntRange(min=1),
    default=EVERYBODY_ALWAYS,
    show_default=True,
    help="The access rule; 1 lets group 1 pass at any time.",
)
def link(data: Path, number: int, rule: int) -> None:
    """Tie an access rule to PORTAL: the people of the rule may pass there."""
    with _store(data) as store:
        store.insert(LINKS, [{"portal_id": number, "access_rule_id": rule}])
    click.echo(f"portal {number} is tied to rule {rule} now", err=True)


@contextmanager
def _store(data: Path) -> Iterator[Store]:
    with Store.open(initialised(data) / STORE_FILE, REGISTRY, lambda: 0) as store:
        yield store

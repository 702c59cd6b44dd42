"""`gateway token`: the bearer tokens of the second vendor's API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.cli.local_store import local_store
from gateway.cli.options import data_option, json_option
from gateway.cli.printing import print_rows
from gateway.clock import SystemClock
from gateway.commands.accounts import token_shown
from gateway.store.tables.tokens import TokenTable


@click.group()
def token() -> None:
    """Bearer tokens of `POST /api/v1/execute`; a running gateway obeys at the next request."""


@token.command()
@data_option
@click.argument("name")
def create(data: Path, name: str) -> None:
    """Make a token called NAME and print it once: only its hash is stored."""
    with _tokens(data) as tokens:
        made = tokens.create(name)
    click.echo(made)
    click.echo("It is shown only once; `gateway token revoke` ends it.", err=True)


@token.command(name="list")
@data_option
@json_option
def list_(data: Path, *, as_json: bool) -> None:
    """Print the name of each valid token and when it was made (UTC)."""
    with _tokens(data) as tokens:
        rows = [token_shown(found) for found in tokens.all()]
    print_rows(rows, lambda row: f"{row['created']}  {row['name']}", as_json=as_json)


@token.command()
@data_option
@click.argument("name")
def revoke(data: Path, name: str) -> None:
    """Revoke the token NAME."""
    with _tokens(data) as tokens:
        tokens.revoke(name)
    click.echo(f"token {name} revoked", err=True)


@contextmanager
def _tokens(data: Path) -> Iterator[TokenTable]:
    with local_store(data) as store:
        yield TokenTable(store, SystemClock().utc)

"""`gateway login`: who may use the API, and as what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.cli.local_store import local_store
from gateway.cli.options import data_option, json_option
from gateway.cli.passwords import read_password, warn_if_weak
from gateway.cli.plain import one_line
from gateway.clock import SystemClock
from gateway.commands.accounts import login_shown
from gateway.commands.provisioning import new_password
from gateway.store.tables.accounts import Accounts, Role

_role = click.Choice([role.value for role in Role])


@click.group()
def login() -> None:
    """API logins and their roles; a running gateway obeys at the next request.

    An operator may neither change logins and settings nor see secrets.
    """


@login.command()
@data_option
@click.argument("name")
@click.option(
    "--role", type=_role, default=Role.OPERATOR.value, show_default=True, help="What it may do."
)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
def add(data: Path, name: str, role: str, *, from_stdin: bool) -> None:
    """Make the login NAME; without --stdin a password is generated and printed once."""
    with _accounts(data) as accounts:
        password = read_password(from_stdin=True) if from_stdin else new_password()
        accounts.create(name, password, Role(role))
    if from_stdin:
        warn_if_weak(name, password)
    else:
        click.echo(password)
        click.echo("It is shown this once; `gateway passwd` sets another one.", err=True)
    click.echo(f"login {name} made: {role}", err=True)


@login.command(name="list")
@data_option
@json_option
def list_(data: Path, *, as_json: bool) -> None:
    """Print every login with its role."""
    with _accounts(data) as accounts:
        rows = [login_shown(account) for account in accounts.logins()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['role']:<13}  {one_line(row['login'])}")


@login.command()
@data_option
@click.argument("name")
def remove(data: Path, name: str) -> None:
    """Delete the login NAME and end its sessions; never the last administrator."""
    with _accounts(data) as accounts:
        accounts.delete(name)
    click.echo(f"login {name} removed", err=True)


@login.command(name="role")
@data_option
@click.argument("name")
@click.argument("new_role", metavar="ROLE", type=_role)
def role_(data: Path, name: str, new_role: str) -> None:
    """Make the login NAME an `administrator` or an `operator`; its sessions end.

    The last administrator stays one.
    """
    with _accounts(data) as accounts:
        accounts.modify(name, role=Role(new_role))
    click.echo(f"login {name} is {new_role} now", err=True)


@contextmanager
def _accounts(data: Path) -> Iterator[Accounts]:
    with local_store(data) as store:
        yield Accounts(store, SystemClock().monotonic_ns)

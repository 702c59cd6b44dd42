"""`gateway login` and `gateway passwd`: API logins, their roles and passwords."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.cli.local_store import local_store
from gateway.cli.options import data_option, initialised, json_option
from gateway.cli.printing import print_rows
from gateway.clock import SystemClock
from gateway.commands.accounts import login_shown
from gateway.commands.provisioning import new_password, set_password
from gateway.store.tables.accounts import Accounts, Role

SHORT = 10
"""Characters. The login throttle limits guessing over the network, so this may be short."""

_KNOWN = ("admin", "password", "senha", "qwerty", "letmein", "welcome", "iddevice", "controlid")
"""Words at the start of lists of common and factory passwords."""

_stdin_option = click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the password from standard input."
)
_role = click.Choice([role.value for role in Role])


@click.group()
def login() -> None:
    """API logins and their roles; a running gateway obeys at the next request.

    An operator may neither change logins and settings nor see secrets. For other devices: a
    `door_opener` may open doors and read their states, a `door_reader` may read them.
    """


@login.command()
@data_option
@click.argument("name")
@click.option(
    "--role", type=_role, default=Role.OPERATOR.value, show_default=True, help="What it may do."
)
@_stdin_option
def add(data: Path, name: str, role: str, *, from_stdin: bool) -> None:
    """Make the login NAME; without --stdin a password is generated and printed once."""
    with _accounts(data) as accounts:
        password = read_password(from_stdin=True) if from_stdin else new_password()
        accounts.create(name, password, Role(role))
    if from_stdin:
        warn_if_weak(name, password)
    else:
        click.echo(password)
        click.echo("It is shown only once; `gateway passwd` sets another one.", err=True)
    click.echo(f"login {name} made: {role}", err=True)


@login.command(name="list")
@data_option
@json_option
def list_(data: Path, *, as_json: bool) -> None:
    """Print every login with its role."""
    with _accounts(data) as accounts:
        rows = [login_shown(account) for account in accounts.logins()]
    print_rows(rows, lambda row: f"{row['role']:<13}  {row['login']}", as_json=as_json)


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
    """Give the login NAME another role; its sessions end.

    The last administrator stays one.
    """
    with _accounts(data) as accounts:
        accounts.modify(name, role=Role(new_role))
    click.echo(f"login {name} is {new_role} now", err=True)


@click.command()
@data_option
@click.option("--login", "name", default="admin", show_default=True, help="The login to change.")
@_stdin_option
def passwd(data: Path, name: str, *, from_stdin: bool) -> None:
    """Set the password of an API login; a running gateway obeys at the next log-in."""
    initialised(data)
    password = read_password(from_stdin=from_stdin)
    set_password(data, name, password)
    warn_if_weak(name, password)
    click.echo(f"password of {name} set", err=True)


@contextmanager
def _accounts(data: Path) -> Iterator[Accounts]:
    with local_store(data) as store:
        yield Accounts(store, SystemClock().monotonic_ns)


def read_password(*, from_stdin: bool, new: bool = True) -> str:
    """The first line of standard input, or a password that the terminal asks for, twice if it is
    `new`."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    password: str = click.prompt(
        "New password" if new else "Password", hide_input=True, confirmation_prompt=new
    )
    return password


def weakness(login: str, password: str) -> str | None:
    """Why `password` is easily guessed; None if no check objects to it."""
    plain = password.casefold()
    if plain == login.casefold():
        return "it is the login itself"
    if any(plain.strip("0123456789!") == word for word in _KNOWN):
        return "it is on every list of common passwords"
    if len(set(plain)) < 4 or plain in "01234567890123456789":
        return "it repeats few characters"
    if len(password) < SHORT:
        return f"it has fewer than {SHORT} characters"
    return None


def warn_if_weak(login: str, password: str) -> None:
    """Warn on standard error of a weak password; it is set all the same."""
    why = weakness(login, password)
    if why is not None:
        click.echo(f"warning: the password of {login} is weak: {why}", err=True)

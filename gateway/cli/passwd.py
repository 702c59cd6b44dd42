"""`gateway passwd`: set the password of an API login."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.local_store import become_owner
from gateway.cli.options import data_option, initialised
from gateway.cli.passwords import read_password, warn_if_weak
from gateway.commands.provisioning import set_password
from gateway.store.files import STORE_FILE


@click.command()
@data_option
@click.option("--login", default="admin", show_default=True, help="The login to change.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
def passwd(data: Path, login: str, *, from_stdin: bool) -> None:
    """Set the password of an API login; a running gateway obeys at the next log-in."""
    become_owner(initialised(data) / STORE_FILE)
    password = read_password(from_stdin=from_stdin)
    set_password(data, login, password)
    warn_if_weak(login, password)
    click.echo(f"password of {login} set", err=True)

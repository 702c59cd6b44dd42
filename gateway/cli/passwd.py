"""`gateway passwd`: set the password of an API login."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.options import data_option, initialised
from gateway.commands.provisioning import set_password


@click.command()
@data_option
@click.option("--login", default="admin", show_default=True)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
def passwd(data: Path, login: str, *, from_stdin: bool) -> None:
    """Set the password of an API login; a running gateway obeys at the next log-in."""
    initialised(data)
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("New password", hide_input=True, confirmation_prompt=True)
    set_password(data, login, password)
    click.echo(f"password of {login} set", err=True)

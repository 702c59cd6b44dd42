"""`gateway restore`: the way back when the database of people and rules is lost."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from gateway.cli.options import data_option_of
from gateway.commands.lost_store import replace_store
from gateway.host.ownership import become_owner
from gateway.store.files import STORE_FILE


@click.command()
@data_option_of(None)
@click.argument("backup", metavar="FILE", type=click.File("rb"))
def restore(data: Path, backup: BinaryIO) -> None:
    """Replace a damaged or lost store.db by FILE, a backup of the API, while the api process is
    stopped; prints a new password of admin once."""
    # FILE is open already: the owner of the store may not read it.
    become_owner(data / STORE_FILE)
    done = replace_store(data, backup)
    click.echo(f"login     admin\npassword  {done.password}", err=True)
    click.echo("It is shown only once; `gateway passwd` sets another.", err=True)
    click.echo(f"The backup of {done.stamp.created_utc} is restored.", err=True)
    if done.aside is not None:
        click.echo(f"The former file is {done.aside}; delete it when you miss nothing.", err=True)

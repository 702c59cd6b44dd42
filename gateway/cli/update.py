"""`gateway update`: installs a signed update."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.errors import GatewayError
from gateway.host.update_bundle import UpdateFacts
from gateway.host.update_install import (
    UpdateOutcome,
    check_update,
    install_checked,
    prepared,
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--check", is_flag=True, help="Only check the update; any user may.")
@click.option("--older", is_flag=True, help="Take a release that is not newer, too.")
def update(file: Path, *, check: bool, older: bool) -> None:
    """Install the signed update FILE (root).

    The data are backed up first; a release whose services do not come up goes back by itself.
    """
    if check:
        try:
            with file.open("rb") as opened:
                _show(check_update(opened, older=older))
        except OSError as error:
            raise GatewayError(f"{file} cannot be read: {error.strerror or error}") from error
        return
    with prepared(file) as copy:
        found = check_update(copy, older=older)
        _show(found)
        note = install_checked(copy, found)
    if note.outcome is not UpdateOutcome.DONE:
        raise GatewayError(f"release {note.version} is not installed; what is above tells why")
    click.echo(f"release {note.version} runs; before it was {note.former}")


def _show(found: UpdateFacts) -> None:
    click.echo(f"release    {found.version} for {found.release}, {found.architecture}")
    click.echo(f"signed by  {found.signed_by}")

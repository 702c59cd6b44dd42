"""`gateway init`: make a data directory."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from gateway.cli.check import usable_site
from gateway.commands.provisioning import initialise
from gateway.settings import SITE_FILE, read_text


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory to make; it may exist and hold a gateway.toml already.",
)
@click.option("--demo", is_flag=True, help="The demo site on the simulated board, with people.")
@click.option(
    "--site",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The site file to use.",
)
def init(data: Path, site: Path | None, *, demo: bool) -> None:
    """Make the directory, its databases and the administrator, whose password is shown once."""
    if demo and site:
        raise click.UsageError("--demo brings its own site file; leave one of the two out")
    text = None
    if demo:
        text = files("gateway.cli").joinpath("demo.toml").read_text(encoding="utf-8")
    elif site:
        text = read_text(site)
    there = data / SITE_FILE
    if text is not None:
        usable_site(text, "demo site" if site is None else str(site))
    elif there.exists():
        usable_site(read_text(there), str(there))
    password = initialise(data, text, demo=demo)
    click.echo(f"login     admin\npassword  {password}", err=True)
    click.echo("It is shown this once; `gateway passwd` sets another.", err=True)

"""`gateway site`: accepting a site file that counts as cut off or has lost parts."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.check import usable_site
from gateway.cli.options import data_option_of, initialised
from gateway.settings import SITE_FILE, accept_site, end_problem, missing_parts, read_text


@click.group()
def site() -> None:
    """The site file of a data directory."""


@site.command()
@data_option_of(SITE_FILE)
def accept(data: Path) -> None:
    """Accept the site file as it is: with fewer doors, readers, outputs or inputs than before, or
    without its end line, which is written. A restart then puts it in force."""
    path = initialised(data) / SITE_FILE
    text = read_text(path)
    usable, _ = usable_site(text, str(path))
    for part in missing_parts(data, usable):
        click.echo(f"no longer there: {part}", err=True)
    if end_problem(text):
        click.echo("the end line is written", err=True)
    accept_site(data)
    click.echo("accepted; restart the gateway", err=True)

"""`gateway api`: process 2 alone."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.api.process import run_api
from gateway.cli.children import follow_parent
from gateway.cli.logs import log_to_stderr
from gateway.cli.options import data_option, initialised


@click.command()
@data_option
@click.option("--http", metavar="HOST:PORT", help="Listen here instead of where the site says.")
@click.option("--https", metavar="HOST:PORT", help="As --http, for HTTPS.")
def api(data: Path, http: str | None, https: str | None) -> None:
    """Run the api process alone: the device API over HTTP and HTTPS."""
    follow_parent()
    log_to_stderr()
    run_api(initialised(data), http, https)

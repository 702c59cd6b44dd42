"""`gateway controller`: the controller process alone."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.logs import log_to_stderr
from gateway.cli.options import data_option_of, initialised
from gateway.controller.process import run_controller
from gateway.host.process import RESTART_REQUESTED, follow_parent
from gateway.store.files import JOURNAL_FILE


@click.command()
@data_option_of(JOURNAL_FILE)
def controller(data: Path) -> None:
    """Run the controller process alone: readers, decisions, doors, journal."""
    follow_parent()
    log_to_stderr()
    if run_controller(initialised(data)):
        raise SystemExit(RESTART_REQUESTED)

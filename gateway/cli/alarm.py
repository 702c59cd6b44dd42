"""`gateway alarm`: end what the device does not end by itself."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import click

from gateway.cli.options import data_option, initialised
from gateway.cli.site_names import site_names
from gateway.clock import SystemClock
from gateway.explain.state_words import states_in_force
from gateway.link.client import ControllerClient
from gateway.link.messages import Silence
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import read_running_site


@click.group()
def alarm() -> None:
    """Alarms and fires of a running gateway."""


@alarm.command()
@data_option
def reset(data: Path) -> None:
    """Silence alarms, and reset a fire whose input is normal: its doors lock again.

    Prints what is in force after it; exit code 1 while the input still reports a fire.
    """
    site = read_running_site(initialised(data))
    with closing(ControllerClient(RuntimeDirectory.find(data))) as client:
        before = client.status()
        client.ask(Silence())
        after = client.status()
    if before.fire and not after.fire:
        click.echo("the fire is reset: doors lock, unless something else holds them")
    elif not (before.fire or before.alarms):
        click.echo("no alarm was on and no fire was reported")
    now = SystemClock().utc() + timedelta(seconds=after.clock_shift_s)
    with site_names(data, site) as names:
        for subject, text in states_in_force(after, names, now, str(data)):
            click.echo(f"{subject}: {text}")
    if after.fire:
        raise SystemExit(1)

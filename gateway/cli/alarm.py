"""`gateway alarm`: silence alarms, and reset a fire."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import data_option, initialised
from gateway.cli.running import controller_of, words_in_force
from gateway.link.messages import ResetFire, Silence
from gateway.settings import read_running_site


@click.group()
def alarm() -> None:
    """Alarms and fires of a running gateway."""


@alarm.command()
@data_option
def reset(data: Path) -> None:
    """Silence alarms and reset a fire whose input is normal: its doors lock again.

    Prints what remains in force; exit code 1 while the input still reports a fire.
    """
    site = read_running_site(initialised(data))
    with controller_of(data) as client:
        before = client.status()
        client.ask(Silence())
        client.ask(ResetFire())
        after = client.status()
    if before.fire and not after.fire:
        click.echo("the fire is reset: doors lock, unless something else keeps them unlocked")
    elif not (before.fire or before.alarms):
        click.echo("no alarm was on and no fire was reported")
    for subject, text in words_in_force(data, site, after):
        click.echo(f"{subject}: {text}")
    if after.fire:
        raise SystemExit(1)


@alarm.command()
@data_option
def silence(data: Path) -> None:
    """Silence alarms. A fire goes on, unless fire.reset_by_stop of the site file says otherwise.

    Prints what remains in force.
    """
    site = read_running_site(initialised(data))
    with controller_of(data) as client:
        client.ask(Silence())
        after = client.status()
    for subject, text in words_in_force(data, site, after):
        click.echo(f"{subject}: {text}")

"""`gateway threat-level`: put a threat level in force, or see the one that is."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.local_store import local_store
from gateway.cli.options import data_option, initialised
from gateway.cli.running import controller_of, words_in_force
from gateway.errors import NotFound
from gateway.link.messages import LONGEST_LEVEL_MIN, SetThreatLevel
from gateway.objects.modes import LONGEST_REASON
from gateway.objects.threat import HIGHEST_LEVEL
from gateway.settings import read_running_site

_SHELL = "shell"
"""Who set the level, for the journal."""


@click.command(name="threat-level")
@data_option
@click.argument("level", type=click.IntRange(0, HIGHEST_LEVEL), required=False)
@click.option("--reason", default="", help="Why; required for a level above 0.")
@click.option(
    "--minutes", type=click.IntRange(1, LONGEST_LEVEL_MIN), help="Time after which it ends."
)
def threat_level(data: Path, level: int | None, reason: str, minutes: int | None) -> None:
    """Put a threat level of a running gateway in force, 0 for none, and print what is in force.

    Without LEVEL nothing changes.
    """
    site = read_running_site(initialised(data))
    if level and not 0 < len(reason) <= LONGEST_REASON:
        raise click.UsageError(f"--reason: a level needs one, of at most {LONGEST_REASON} letters")
    if minutes and not level:
        raise click.UsageError("--minutes: only a level above 0 can end by itself")
    if level:
        _require(data, level)
    with controller_of(data) as client:
        if level is not None:
            client.ask(SetThreatLevel(level=level, minutes=minutes, login=_SHELL, reason=reason))
        after = client.status()
    if not after.threat.level:
        click.echo("no threat level is in force")
    for subject, text in words_in_force(data, site, after):
        if subject == "threat level":
            click.echo(f"{subject}: {text}")


def _require(data: Path, level: int) -> None:
    """Raise NotFound for a level that the site has not defined."""
    with local_store(data) as store:
        rows = list(store.load({"object": "threat_levels", "order": ["level"]}).rows)
    defined = [int(str(row["level"])) for row in rows]
    if level not in defined:
        there = ", ".join(map(str, defined)) or "none"
        raise NotFound(f"the site has no threat level {level}; there are: {there}")

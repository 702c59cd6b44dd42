"""`gateway alarm`: arm and disarm zones, silence alarms, and reset a fire."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.local_store import local_store
from gateway.cli.options import data_option, initialised
from gateway.cli.running import controller_of, words_in_force
from gateway.errors import NotFound
from gateway.link.messages import LONGEST_EXIT_S, ArmAlarms, DisarmAlarms, ResetFire, Silence
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


_ZONES = click.option(
    "--zone", "zones", type=click.IntRange(1, 5), multiple=True, help="A zone; may be repeated."
)
_SET = click.option("--set", "name", help="The name of a zone set, in the place of zones.")


@alarm.command()
@data_option
@_ZONES
@_SET
@click.option(
    "--exit",
    "exit_s",
    type=click.IntRange(0, LONGEST_EXIT_S),
    default=0,
    help="Seconds to leave before the zones are armed.",
)
@click.option(
    "--open",
    "open_zones",
    type=click.Choice(["refuse", "bypass"]),
    help="What becomes of open zones. Default: as the set says, else refuse.",
)
def arm(
    data: Path, zones: tuple[int, ...], name: str | None, exit_s: int, open_zones: str | None
) -> None:
    """Arm zones, by default all, and print how each zone stands.

    Exit code 1 if nothing was armed because a zone is open; the message names it.
    """
    order = ArmAlarms.model_validate(
        {
            "zones": _numbers(zones, name),
            "zone_set": _set_named(data, name),
            "exit_delay_s": exit_s,
            "open_zones": open_zones,
        }
    )
    with controller_of(data) as client:
        client.ask(order)
    _print_zones(data)


@alarm.command()
@data_option
@_ZONES
@_SET
def disarm(data: Path, zones: tuple[int, ...], name: str | None) -> None:
    """Disarm zones, by default all, and print how each zone stands."""
    order = DisarmAlarms(zones=_numbers(zones, name), zone_set=_set_named(data, name))
    with controller_of(data) as client:
        client.ask(order)
    _print_zones(data)


@alarm.command(name="zones")
@data_option
def print_zones(data: Path) -> None:
    """Print how each zone stands."""
    _print_zones(data)


def _print_zones(data: Path) -> None:
    site = read_running_site(initialised(data))
    shown = {zone.number: zone.shown for zone in site.zone}
    with controller_of(data) as client:
        status = client.status()
    for zone in status.zones:
        level = {True: "open", False: "closed", None: "unknown"}[zone.active]
        alarm_on = ", ALARM" if zone.alarm else ""
        click.echo(f"{shown.get(zone.zone, zone.zone)}: {zone.state}, {level}{alarm_on}")


def _numbers(zones: tuple[int, ...], name: str | None) -> tuple[int, ...] | None:
    if zones and name is not None:
        raise click.UsageError("--set takes the place of --zone: give one of them")
    return zones or None


def _set_named(data: Path, name: str | None) -> int | None:
    """The id of the zone set `name`. Raises NotFound."""
    if name is None:
        return None
    with local_store(data) as store:
        rows = list(store.load({"object": "zone_sets", "order": ["name"]}).rows)
    for row in rows:
        if row["name"] == name:
            return int(str(row["id"]))
    there = ", ".join(str(row["name"]) for row in rows) or "none"
    raise NotFound(f"there is no zone set {name!r}; there are: {there}")

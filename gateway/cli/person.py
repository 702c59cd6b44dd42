"""`gateway person` and `gateway card`: people and their cards, without a client of the API."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.cli.local_store import local_store
from gateway.cli.options import data_option, initialised, json_option
from gateway.cli.printing import one_line, print_rows
from gateway.clock import DeviceTime, SiteZone, SystemClock
from gateway.commands.people import ListedPerson, LocalPeople
from gateway.settings import read_running_site

CARD_HELP = "As printed: facility,number, or one number."


@click.group()
def person() -> None:
    """People, their cards and groups; a running gateway obeys at the next swipe.

    WHO is the number of a person, or a name that one person has.
    """


@click.group()
def card() -> None:
    """Cards of people; a running gateway obeys at the next swipe.

    WHO is the number of a person, or a name that one person has. CARD is facility,number or one
    number.
    """


@person.command()
@data_option
@click.argument("name")
@click.option("--card", "cards", multiple=True, help=f"{CARD_HELP} May be given again.")
@click.option(
    "--group", "groups", multiple=True, help="Number or name of a group. May be given again."
)
@click.option("--registration", default="", help="A number or text of the site's own.")
def add(
    data: Path, name: str, cards: tuple[str, ...], groups: tuple[str, ...], registration: str
) -> None:
    """Add the person NAME and print the number given.

    Rules admit groups: without one nobody is let in.
    """
    with _people(data) as people:
        made = people.add(name, registration=registration, cards=cards, groups=groups)
        known = people.groups()
    click.echo(made.id)
    click.echo(f"added: {_line(made)}", err=True)
    if not made.groups:
        listed = one_line(", ".join(f"{number} ({group})" for number, group in known.items()))
        shown = one_line(made.name)
        click.echo(
            f"no rule lets {shown} in without a group; put person {made.id} into one by"
            f" `gateway person group --data {data} {made.id} GROUP`, of {listed or 'none'}",
            err=True,
        )


@person.command(name="list")
@data_option
@click.argument("text", default="")
@json_option
def list_(data: Path, text: str, *, as_json: bool) -> None:
    """Print everybody, or those whose name holds TEXT, with cards and groups."""
    with _people(data) as people:
        found = list(people.all(text))
    if as_json:
        print_rows([one.shown() for one in found], str, as_json=True)
    else:
        print_rows(found, _line, as_json=False)


@person.command()
@data_option
@click.argument("who")
@click.argument("name", metavar="GROUP")
def group(data: Path, who: str, name: str) -> None:
    """Put a person into one more group, by number or name."""
    with _people(data) as people:
        member = people.join(who, name)
    click.echo(f"joined: {_line(member)}", err=True)


@person.command()
@data_option
@click.argument("who")
def remove(data: Path, who: str) -> None:
    """Delete a person with cards, PINs and everything else that is theirs; the logs stay."""
    with _people(data) as people:
        gone = people.remove(who)
    click.echo(f"removed: {_line(gone)}", err=True)


@card.command(name="add")
@data_option
@click.argument("who")
@click.argument("number", metavar="CARD")
def add_card(data: Path, who: str, number: str) -> None:
    """Give a person one more card."""
    with _people(data) as people:
        owner = people.add_card(who, number)
    click.echo(f"card {number} added: {_line(owner)}", err=True)


@card.command(name="remove")
@data_option
@click.argument("number", metavar="CARD")
def remove_card(data: Path, number: str) -> None:
    """Remove a card, such as one that was lost."""
    with _people(data) as people:
        owner = people.remove_card(number)
    click.echo(f"card {number} of {one_line(owner.name)} (person {owner.id}) removed", err=True)


def _line(one: ListedPerson) -> str:
    cards, groups = " ".join(one.cards) or "none", ", ".join(one.groups) or "none"
    return one_line(f"{one.id}  {one.name}; cards {cards}; groups {groups}")


@contextmanager
def _people(data: Path) -> Iterator[LocalPeople]:
    who, clock = getpass.getuser(), SystemClock()
    site = read_running_site(initialised(data))
    zone = SiteZone(site.site.zone)
    device_time = DeviceTime(zone, site.site.wire_time)
    with local_store(data, lambda: device_time.stamp(clock.utc())) as store:
        zone.override(store.configuration({"ntp": ["timezone"]})["ntp"]["timezone"])
        yield LocalPeople(store, f"{who} (shell)", lambda: device_time.local(clock.utc()))

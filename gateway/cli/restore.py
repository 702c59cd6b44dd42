"""`gateway restore`: the way back when the database of people and rules is lost."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

import click

from gateway.cli.options import data_option_of
from gateway.commands.lost_store import Replaced, restore_backup, restore_empty, restore_mirror
from gateway.commands.mirror_store import MirrorCopy
from gateway.errors import StorageError
from gateway.host.ownership import become_owner
from gateway.settings import read_running_site
from gateway.store.files import STORE_FILE


@click.command()
@data_option_of(None)
@click.argument("backup", metavar="[FILE]", type=click.File("rb"), required=False)
@click.option(
    "--from-mirror",
    is_flag=True,
    help="Without a backup: people, cards, rules and settings by which the doors open. Photos, "
    "registrations, custom fields and what no door needs are lost.",
)
@click.option(
    "--empty",
    is_flag=True,
    help="Without a backup and a mirror: the store of a new device. No card opens a door then.",
)
@click.option(
    "--passphrase-stdin",
    is_flag=True,
    help="Read the passphrase of FILE from standard input. The device that made it needs none.",
)
@click.option("--without-secrets", is_flag=True, help="Leave out PINs, passwords and keys of FILE.")
@click.option(
    "--take-id",
    is_flag=True,
    help="Take the id of the device that made FILE, which this one replaces.",
)
def restore(
    data: Path,
    backup: BinaryIO | None,
    *,
    from_mirror: bool,
    empty: bool,
    take_id: bool,
    passphrase_stdin: bool,
    without_secrets: bool,
) -> None:
    """Replace a damaged or lost store.db by FILE, a backup of the API, while the api process is
    stopped; prints a new password of admin once. The device keeps its own id."""
    if (backup is not None) + from_mirror + empty != 1:
        raise click.UsageError("name the FILE of a backup, or say --from-mirror or --empty")
    if take_id and backup is None:
        raise click.UsageError("--take-id needs the FILE of a backup")
    passphrase = sys.stdin.readline().rstrip("\r\n") if passphrase_stdin else ""
    # FILE is open already and the mirror is read first: the owner of the store may not read them.
    with ExitStack() as opened:
        mirror: MirrorCopy | None = None
        try:
            mirror = opened.enter_context(closing(MirrorCopy.of(data)))
        except StorageError:
            if from_mirror:
                raise
        become_owner(data / STORE_FILE)
        if backup is not None:
            done = restore_backup(
                data,
                backup,
                mirror,
                take_id=take_id,
                passphrase=passphrase,
                without_secrets=without_secrets,
            )
            said = f"The backup of {done.stamp.created_utc} is restored." if done.stamp else ""
        elif empty or mirror is None:
            done = restore_empty(data, read_running_site(data), mirror)
            said = "The store is that of a new device: enter people and rules."
        else:
            done = restore_mirror(data, read_running_site(data), mirror)
            said = "People, rules and settings of the controller's mirror are restored."
    click.echo(said, err=True)
    _tell(done)


def _tell(done: Replaced) -> None:
    click.echo(f"login     admin\npassword  {done.password}", err=True)
    click.echo("It is shown only once; `gateway passwd` sets another.", err=True)
    whose = "kept" if done.own else "that of the backup" if done.stamp else "a new one"
    click.echo(
        f"Device id {done.identity.device_id}, serial {done.identity.serial}: {whose}.", err=True
    )
    for row in done.left_out:
        click.echo(f"Left out, since it is damaged: {row}", err=True)
    for table, count in sorted(done.secrets_left_out.items()):
        click.echo(f"Secrets that did not come back: {count} of {table}", err=True)
    if done.aside is not None:
        click.echo(f"The former file is {done.aside}; delete it when you miss nothing.", err=True)

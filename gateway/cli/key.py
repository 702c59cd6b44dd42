"""`gateway key`: the key that seals PINs, password hashes and the like."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import data_option, initialised
from gateway.errors import DataDirectoryError
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.sealing import Sealer, beside_key, new_key, replace_key, write_key
from gateway.settings.seal_key import key_path
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store

_COPIES = (
    "Start the api process again and restart the controller: journal and mirror then forget what"
    " was sealed with the former key. Copies of the databases from before still hold it; `gateway"
    " doctor`, as root, names those on this device and how to remove them"
)


@click.command()
@data_option
@click.option(
    "--new",
    is_flag=True,
    help="Make another key, while the api process is stopped. What the present one opens is sealed "
    "anew; the rest is lost, and people need new PINs. OSDP readers have to be paired again.",
)
def key(data: Path, *, new: bool) -> None:
    """Say where the key of the databases lies and whether it is the right one."""
    path = key_path(initialised(data))
    if new:
        _make(data, path)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        fault = store.key_fault
        if fault:
            raise DataDirectoryError(f"{path} cannot be used: {fault}")
        click.echo(f"{path.resolve()}  {store.sealer.key_id}")


def _make(data: Path, path: Path) -> None:
    holder = RuntimeDirectory.of(data).holder("api", data / STORE_FILE)
    if holder is not None:
        raise DataDirectoryError(f"the api process runs ({holder}); stop it first")
    beside, made = beside_key(path), new_key()
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        # Before the store names it: a power cut between the two leaves both keys.
        write_key(beside, made)
        # Where nothing is sealed yet, the next opening seals.
        lost = {} if store.awaits_key else store.rekey(Sealer.of(made))
        replace_key(path)
        clean = store.scrub()
    for table, count in sorted(lost.items()):
        click.echo(f"Lost, since the former key does not open them: {count} of {table}", err=True)
    if not clean:
        click.echo(
            "Freed pages of store.db still hold secrets as they were before: free some space on the"
            " disk and start the api process, which tries again",
            err=True,
        )
    click.echo(_COPIES, err=True)

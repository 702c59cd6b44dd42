"""`gateway key`: the key that seals PINs, password hashes and the like."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import data_option, initialised
from gateway.errors import DataDirectoryError, KeyUnusable
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.sealing import Sealer, new_key, read_key, write_key
from gateway.settings.seal_key import key_path
from gateway.store.files import STORE_FILE
from gateway.store.objects.seals import read_state
from gateway.store.objects.store import Store


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
    path = key_path(initialised(data)).resolve()
    _finish(data, path)
    if new:
        _make(data, path)
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        fault = store.key_fault
        click.echo(f"{path}  {'cannot be used' if fault else store.sealer.key_id}")
        if fault:
            raise DataDirectoryError(fault)


def _beside(path: Path) -> Path:
    """Where a new key is until the store is sealed with it."""
    return path.with_name(f"{path.name}.new")


def _finish(data: Path, path: Path) -> None:
    """Put the new key in its place where a power cut came before that: nothing else opens the
    store, and another new key would be written over it."""
    beside = _beside(path)
    try:
        pending = Sealer.of(read_key(beside)).key_id
    except KeyUnusable:
        return
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        state = read_state(store.database.execute_sql)
    if state is not None and state.key_id == pending:
        _replace(beside, path)


def _replace(beside: Path, path: Path) -> None:
    try:
        beside.replace(path)
    except OSError as error:
        raise DataDirectoryError(f"the new key is {beside}: move it to {path} ({error})") from error
    Sealer.forget(path)


def _make(data: Path, path: Path) -> None:
    holder = RuntimeDirectory.of(data).holder("api", data / STORE_FILE)
    if holder is not None:
        raise DataDirectoryError(f"the api process runs ({holder}); stop it first")
    beside, made = _beside(path), new_key()
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        # Before the store names it: a power cut between the two leaves both keys.
        write_key(beside, made)
        lost = store.rekey(Sealer.of(made))
    _replace(beside, path)
    for table, count in sorted(lost.items()):
        click.echo(f"Lost, since the former key does not open them: {count} of {table}", err=True)

"""Replaces a store that cannot be used, while the api process does not run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway import __version__
from gateway.clock import SystemClock
from gateway.commands.provisioning import ADMINISTRATOR, new_password
from gateway.errors import DataDirectoryError, StorageError
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.store.backup import Backups, BackupStamp, read_stamp
from gateway.store.check import damage, too_new
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts, Role
from gateway.store.tables.identity import DeviceIdentity, store_identity

_BESIDE = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Replaced:
    """What `replace_store` did."""

    stamp: BackupStamp
    password: str
    """Of the administrator."""
    aside: Path | None
    """The former store; None where there was none."""


def replace_store(data: Path, backup: BinaryIO) -> Replaced:
    """Make a new store of `backup`, which can be sought, and put the former one aside.

    The device takes the id of the backup. The store is complete when it gets its name: the
    controller copies whatever it finds there. Raises DataDirectoryError while the api process runs
    or the store is usable, and what Backups.restore does; then nothing has changed. Where only the
    last rename fails, the former store is aside already and the next attempt goes on from there.
    """
    path = (data / STORE_FILE).resolve()
    holder = RuntimeDirectory.of(data).holder("api", data / STORE_FILE)
    if holder is not None:
        raise DataDirectoryError(f"the api process runs ({holder}); stop it first")
    if path.exists() and not (damage(path) or too_new(path)):
        raise DataDirectoryError(
            f"{path} can be used; start the gateway and restore by restore_objects of the API"
        )
    stamp = read_stamp(backup)
    backup.seek(0)
    identity = DeviceIdentity(stamp.device_id)
    clock = SystemClock()
    password = new_password()
    with _unnamed(path.with_name(f"{path.name}.restored")) as fresh:
        with Store.create(fresh, REGISTRY, lambda: 0) as store:
            with store.transaction():
                store_identity(store.database, identity)
            Backups(store, fresh, identity, __version__, threading.Lock()).restore(backup)
            Accounts(store, clock.monotonic_ns).set_password(
                ADMINISTRATOR, password, Role.ADMINISTRATOR
            )
        if Path(f"{fresh}-wal").exists():
            raise StorageError(f"{fresh} is not complete: another program reads it")
        try:
            aside = _put_aside(path, f".damaged-{clock.utc():%Y%m%dT%H%M%SZ}")
            fresh.rename(path)
        except OSError as error:
            raise DataDirectoryError(f"{path} cannot be replaced: {error}") from error
    return Replaced(stamp, password, aside)


def _put_aside(path: Path, end: str) -> Path | None:
    there = path.exists()
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{path}{end}{suffix}")
    return Path(f"{path}{end}") if there else None


@contextmanager
def _unnamed(fresh: Path) -> Iterator[Path]:
    """A place for a database of which nothing is left, also of an attempt that was killed."""

    def remove() -> None:
        for suffix in _BESIDE:
            Path(f"{fresh}{suffix}").unlink(missing_ok=True)

    remove()
    try:
        yield fresh
    finally:
        remove()

"""Replaces a store that cannot be used, while the api process does not run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import peewee

from gateway import __version__
from gateway.clock import SystemClock
from gateway.commands.mirror_store import MirrorCopy, fill_from_mirror
from gateway.commands.provisioning import ADMINISTRATOR, insert_initial, new_password
from gateway.errors import DataDirectoryError, StorageError
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SiteFile
from gateway.settings.seal_key import sealer_of
from gateway.store.backup import Backups, sweep_copies
from gateway.store.backup_file import BackupStamp, read_stamp
from gateway.store.check import damage, too_new
from gateway.store.files import STORE_FILE
from gateway.store.files.database import open_reader
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Accounts, Role
from gateway.store.tables.identity import (
    DeviceIdentity,
    draw_identity,
    read_identity,
    store_identity,
)

_FRESH = ".restored"
_BESIDE = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Replaced:
    """What was done."""

    identity: DeviceIdentity
    own: bool
    """Whether the id is the one that this device had; otherwise it is that of the backup or new."""
    password: str
    """Of the administrator."""
    aside: Path | None
    """The former store; None where there was none."""
    stamp: BackupStamp | None = None
    """Of the backup."""
    left_out: tuple[str, ...] = ()
    """Damaged rows of the mirror."""
    secrets_left_out: Mapping[str, int] = field(default_factory=dict)
    """Table -> secrets of the backup that did not come back."""


def restore_backup(
    data: Path,
    backup: BinaryIO,
    mirror: MirrorCopy | None,
    *,
    take_id: bool = False,
    passphrase: str = "",
    without_secrets: bool = False,
) -> Replaced:
    """Make a new store of `backup`, which can be sought, and put the former one aside.

    The device keeps its own id, which the mirror or the former store tells. It takes that of the
    backup where neither does, and with `take_id`, when it replaces the device that made the backup.

    The store is complete when it gets its name: the controller copies whatever it finds there.
    Raises DataDirectoryError while the api process runs or the store is usable, and what
    Backups.restore does; then nothing has changed. Where only the last rename fails, the former
    store is aside already and the next attempt goes on from there.
    """
    path = _replaceable(data)
    stamp = read_stamp(backup)
    backup.seek(0)
    own = None if take_id else _own_identity(path, mirror)
    identity = own or DeviceIdentity(stamp.device_id)

    def fill(store: Store, fresh: Path) -> None:
        backups = Backups(store, fresh, identity, __version__, threading.Lock())
        done = backups.restore(backup, passphrase, without_secrets=without_secrets)
        secrets.update(done.left_out)

    secrets: dict[str, int] = {}
    password, aside = _replace(data, path, identity, fill)
    return Replaced(identity, own is not None, password, aside, stamp, secrets_left_out=secrets)


def restore_mirror(data: Path, site: SiteFile, mirror: MirrorCopy) -> Replaced:
    """As `restore_backup`, from what the controller decides by: people with what they identify
    with, rules and configuration. Raises StorageError also where damage might let somebody in."""
    path = _replaceable(data)
    identity = mirror.identity()
    left_out: list[str] = []

    def fill(store: Store, _: Path) -> None:
        left_out.extend(fill_from_mirror(store, mirror, site, identity))

    password, aside = _replace(data, path, identity, fill)
    return Replaced(identity, True, password, aside, left_out=tuple(left_out))


def restore_empty(data: Path, site: SiteFile, mirror: MirrorCopy | None) -> Replaced:
    """As `restore_backup`, with the store of a new device: nobody's card opens a door."""
    path = _replaceable(data)
    own = _own_identity(path, mirror)
    identity = own or draw_identity()
    password, aside = _replace(
        data, path, identity, lambda store, _: insert_initial(store, site, identity)
    )
    return Replaced(identity, own is not None, password, aside)


def _replaceable(data: Path) -> Path:
    """The path of the store. Raises DataDirectoryError unless it must be replaced and can be."""
    path = (data / STORE_FILE).resolve()
    holder = RuntimeDirectory.of(data).holder("api", data / STORE_FILE)
    if holder is not None:
        raise DataDirectoryError(f"the api process runs ({holder}); stop it first")
    if path.exists() and not (damage(path) or too_new(path)):
        raise DataDirectoryError(
            f"{path} can be used; start the gateway and restore by restore_objects of the API"
        )
    return path


def _own_identity(path: Path, mirror: MirrorCopy | None) -> DeviceIdentity | None:
    if mirror is not None:
        with suppress(StorageError):
            return mirror.identity()
    with suppress(StorageError, peewee.PeeweeException, OSError, ValueError, TypeError):
        opened = open_reader(path)
        try:
            return read_identity(opened)
        finally:
            opened.close_all()
    return None


def _replace(
    data: Path, path: Path, identity: DeviceIdentity, fill: Callable[[Store, Path], None]
) -> tuple[str, Path | None]:
    """The password of the administrator and where the former store is now."""
    clock = SystemClock()
    password = new_password()
    with _unnamed(path.with_name(f"{path.name}{_FRESH}")) as fresh:
        with Store.create(fresh, REGISTRY, lambda: 0, sealer_of(data)) as store:
            with store.transaction():
                store_identity(store.database, identity)
            fill(store, fresh)
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
    return password, aside


def _put_aside(path: Path, end: str) -> Path | None:
    there = path.exists()
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{path}{end}{suffix}")
    return Path(f"{path}{end}") if there else None


@contextmanager
def _unnamed(fresh: Path) -> Iterator[Path]:
    """A place for a database of which nothing is left, also of an attempt that was killed."""
    _remove(fresh)
    try:
        yield fresh
    finally:
        _remove(fresh)


def _remove(fresh: Path) -> None:
    for suffix in _BESIDE:
        Path(f"{fresh}{suffix}").unlink(missing_ok=True)
    sweep_copies(fresh)


def sweep_restored(data: Path) -> None:
    """Remove what a restore that was killed left, while the store is used and none can be at work.
    Raises nothing."""
    path = (data / STORE_FILE).resolve()
    with suppress(OSError):
        _remove(path.with_name(f"{path.name}{_FRESH}"))

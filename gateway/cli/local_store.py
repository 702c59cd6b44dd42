"""`store.db` for commands that write it beside a running gateway, as its owner does."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.cli.options import initialised
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store


@contextmanager
def local_store(data: Path, stamp: Callable[[], int] = lambda: 0) -> Iterator[Store]:
    """The store of the data directory `data`; `stamp` gives the device time for the change log.

    SQLite's lock keeps what is written here and what a running gateway writes apart. Raises
    DataDirectoryError without `init`, StorageError.
    """
    path = initialised(data) / STORE_FILE
    become_owner(path)
    with Store.open(path, REGISTRY, stamp) as store:
        yield store


def become_owner(path: Path) -> None:
    """As root, go on as the owner of `path`, for good: root would leave files behind that the
    gateway cannot write, and follow links that others have laid."""
    owner = path.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    os.setgroups([])
    with suppress(KeyError):  # an owner without a name has no further groups
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)

"""`store.db` for commands that write it, as its owner, while a gateway may be running."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from gateway.cli.options import initialised
from gateway.errors import DataDirectoryError
from gateway.link.client import ControllerClient
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store


@contextmanager
def local_store(data: Path, stamp: Callable[[], int] = lambda: 0) -> Iterator[Store]:
    """The store of the data directory `data`; `stamp` gives the device time for the change log.

    SQLite's lock serialises these writes with those of a running gateway. Raises
    DataDirectoryError for a directory that `init` did not make, and StorageError.
    """
    path = initialised(data) / STORE_FILE
    become_owner(path)
    with Store.open(path, REGISTRY, stamp) as store:
        before = store.change_mark()
        yield store
        if store.change_mark() != before:
            _await_controller(data, store.policy_version())


def _await_controller(data: Path, version: int) -> None:
    """Wait until a running controller decides by what was written, for 2 s at most."""
    with suppress(DataDirectoryError):  # none ever ran
        client = ControllerClient(RuntimeDirectory.find(data))
        with closing(client):
            client.await_policy(version)


def become_owner(path: Path) -> None:
    """As root, become the owner of `path` for the rest of this process.

    Root would create files that the gateway cannot write, and follow links of other users.
    """
    owner = path.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    os.setgroups([])
    with suppress(KeyError):  # a uid without an account has no further groups
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)

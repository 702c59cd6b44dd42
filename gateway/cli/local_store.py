"""`store.db` for commands that write it while a gateway may be running."""

from __future__ import annotations

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
    with Store.open(initialised(data) / STORE_FILE, REGISTRY, stamp) as store:
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

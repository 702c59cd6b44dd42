"""The key that seals PINs, password hashes and the like: where it lies, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.cli.doctor.findings import Finding, fail, ok, warn
from gateway.errors import KeyUnusable
from gateway.sealing import Sealer
from gateway.settings import SiteFile
from gateway.settings.seal_key import key_path
from gateway.store.files import STORE_FILE, database
from gateway.store.objects.seals import read_state

_LOST = (
    "PINs and passwords are refused at every door, and cards go on; put the key back, or make "
    "another with `gateway key --new` and give people new PINs"
)


def sealing_findings(data: Path, site: SiteFile | None) -> Iterator[Finding]:
    """Whether the key is the one with which the store is sealed, and where it lies."""
    store = database.open_reader(data / STORE_FILE)
    try:
        with database.storage_errors():
            state = read_state(store.execute_sql)
    finally:
        store.close_all()
    if state is None:
        yield warn("key", "secrets are in clear text until the api process has sealed them")
        return
    try:
        path = key_path(data, site)
    except KeyUnusable as error:
        yield fail("key", f"{error}: {_LOST}")
        return
    fault = Sealer.at(path).expecting(state.key_id).fault
    if fault:
        yield fail("key", f"{fault}: {_LOST}")
        return
    yield ok("key", f"{path.resolve()} {_worth(data, path)}")
    if state.scrub:
        yield warn(
            "key",
            "freed pages of store.db may hold secrets in clear text of before: free some space on"
            " the disk and restart the api process",
        )


def _worth(data: Path, path: Path) -> str:
    if path.stat().st_dev == (data / STORE_FILE).stat().st_dev:
        return (
            "lies on the same disk as the databases: it protects a database or backup that is"
            " copied off, not a stolen memory card ([sealing] key_file puts it on a stick)"
        )
    return (
        "lies on another disk than the databases: without it nobody reads the secrets of a stolen"
        " memory card"
    )

"""The key that seals PINs, password hashes and the like: where it lies, and what that is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from gateway.cli.doctor.findings import Finding, fail, ok, warn
from gateway.cli.doctor.old_copies import OldCopy, aside_copies, copy_findings
from gateway.errors import KeyUnusable
from gateway.sealing import Sealer, beside_key
from gateway.settings import SiteFile
from gateway.settings.seal_key import key_path
from gateway.store.files import STORE_FILE, database
from gateway.store.objects.seals import awaits_key, read_state

_LOST = (
    "PINs and passwords are refused at every door, and cards go on; put the key back, or make "
    "another with `gateway key --new` and give people new PINs"
)
_UNSEALED = (
    "secrets of an older program stay in store.db in clear text, other programs are shown none, and"
    " new ones are refused; cards go on. Put the key there, and the api process takes it within"
    " seconds; where there never was one, `gateway key --new` makes it"
)


def sealing_findings(
    data: Path, site: SiteFile | None, copies: Callable[[], Iterable[OldCopy]] = tuple
) -> Iterator[Finding]:
    """Whether the key is the one with which the store is sealed, where it lies, and what old copies
    hold; `copies` are those of upgrades."""
    store = database.open_reader(data / STORE_FILE)
    try:
        with database.storage_errors():
            state = read_state(store.execute_sql)
            awaits = awaits_key(store.execute_sql)
    finally:
        store.close_all()
    known = state.key_id if state is not None else ""
    yield from copy_findings(chain(copies(), aside_copies(data)), known)
    try:
        path = key_path(data, site)
    except KeyUnusable as error:
        yield fail("key", f"{error}: {_LOST}")
        return
    if state is None:
        fault = Sealer.at(path).fault
        if fault and awaits:
            yield fail("key", f"{fault}: {_UNSEALED}")
        else:
            yield warn("key", "secrets are in clear text until the api process has sealed them")
        return
    fault = Sealer.at(path).expecting(state.key_id).fault
    if fault and _is_pending(path, state.key_id):
        yield fail("key", f"the change of {path} was cut off: restart the api process")
        return
    if fault:
        yield fail("key", f"{fault}: {_LOST}")
        return
    yield ok("key", f"{path.resolve()} {_worth(data, path)}")
    if state.scrub:
        yield warn(
            "key",
            "freed pages of store.db may hold secrets of before, in clear text or sealed with a"
            " former key: free some space on the disk and restart the api process",
        )


def _is_pending(path: Path, key_id: str) -> bool:
    try:
        return Sealer.at(beside_key(path)).key_id == key_id
    except KeyUnusable:
        return False


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

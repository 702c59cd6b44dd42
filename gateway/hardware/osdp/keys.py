"""The keys of OSDP readers: their states, and the controller's own file for them.

No key leaves this module but to the library. In the file they are sealed, see `gateway.sealing`; it
is no part of backups, exports or diagnostics.
"""

from __future__ import annotations

import os
import secrets
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import DamagedFile, KeyUnusable
from gateway.files import read_whole, write_whole
from gateway.sealing import KEY_FILE, BrokenSeal, Sealer, sealer_at

KEYS_FILE = "osdp-keys.json"
"""In the data directory."""
KEY_BYTES = 16
SCBK_D = bytes(range(0x30, 0x40))
"""The default key of IEC 60839-11-5, with which every reader leaves its factory."""
_LARGEST = 64 * 1024
_FORM = 2

log = structlog.get_logger("osdp")


def check_key(key: bytes) -> bytes:
    """Return `key`; raises ValueError for a wrong length, SCBK-D, or a key that is easily guessed:
    one byte, pair or group of four repeated, or bytes that count up or down."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, found {len(key)}")
    if key == SCBK_D:
        raise ValueError("this is the factory's key, which everybody knows")
    if any(key == key[:size] * (KEY_BYTES // size) for size in (1, 2, 4, 8)):
        raise ValueError("this key repeats itself")
    if len({(after - before) % 256 for before, after in pairwise(key)}) == 1:
        raise ValueError("the bytes of this key count up or down")
    return key


def new_key() -> bytes:
    """A random key."""
    return check_key(secrets.token_bytes(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class ReaderKeys:
    """The keys of one reader. A new key stays beside the current one until the reader has shown
    that it knows it."""

    current: bytes | None = field(default=None, repr=False)
    following: bytes | None = field(default=None, repr=False)
    """Sent to the reader, or about to be, and not proved."""
    serial: int | None = None
    """The serial number that the reader gave over its secure channel."""

    @property
    def candidates(self) -> tuple[bytes, ...]:
        """The keys that the reader may have, in the order to try them."""
        return tuple(key for key in (self.current, self.following) if key is not None)

    def offered(self, key: bytes) -> ReaderKeys:
        """Before `key` is sent to the reader. Raises ValueError for a key that `check_key`
        refuses."""
        return replace(self, following=check_key(key))

    def proved(self, key: bytes) -> ReaderKeys:
        """After a secure channel with `key`. The current key proves that the other one was not
        stored by the reader, unless it still is to be sent."""
        if key == self.following:
            return replace(self, current=key, following=None)
        return self

    def withdrawn(self) -> ReaderKeys:
        """After a new key that certainly was not sent."""
        return replace(self, following=None)


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    current: str | None = None
    following: str | None = None
    serial: int | None = Field(default=None, ge=0, le=0xFFFFFFFF)


class _StoredFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    form: int = Field(ge=1, le=_FORM)
    """1 had the keys in clear text."""
    readers: dict[str, _Stored]


class KeyFile:
    """The file of all readers' keys, mode 0600. Several threads may use it."""

    def __init__(self, path: Path, sealer: Sealer | None = None) -> None:
        """A file that is absent is one without keys; it is read at the first `of`. `sealer` is by
        default that of the directory."""
        self._path = path
        self._sealer = sealer or sealer_at(path.with_name(KEY_FILE))
        self._guard = threading.Lock()
        self._known: dict[str, ReaderKeys] | None = None
        self._unopened: dict[str, _Stored] = {}
        """Sealed with another key. They stay in the file until their readers are paired anew: that
        key may come back."""

    def of(self, reader: str) -> ReaderKeys:
        """The keys of a reader; none if they were sealed with a former key. Raises OSError for a
        file that cannot be read, that others may read or whose content is damaged; KeyUnusable,
        which is one, without a key that opens it.
        """
        with self._guard:
            return self._all().get(reader, ReaderKeys())

    def put(self, reader: str, keys: ReaderKeys) -> None:
        """Store the keys of a reader durably; raises OSError, and then nothing has changed."""
        with self._guard:
            known = {**self._all(), reader: keys}
            if not self._path.exists():
                with suppress(KeyUnusable):  # sealing says so
                    self._sealer.ensure()
            unopened = {name: it for name, it in self._unopened.items() if name != reader}
            self._write(known, unopened)
            self._known, self._unopened = known, unopened

    def _write(
        self, known: Mapping[str, ReaderKeys], unopened: Mapping[str, _Stored] | None = None
    ) -> None:
        stored = {
            name: _Stored(
                current=self._sealed(name, each.current),
                following=self._sealed(name, each.following),
                serial=each.serial,
            )
            for name, each in known.items()
        }
        text = _StoredFile(form=_FORM, readers={**stored, **(unopened or {})}).model_dump_json(
            indent=1
        )
        write_whole(self._path, text.encode(), mode=0o600)

    def _sealed(self, reader: str, key: bytes | None) -> str | None:
        return None if key is None else self._sealer.seal(f"osdp.{reader}", key.hex())

    def _opened(self, reader: str, stored: str | None, form: int) -> bytes | None:
        if stored is None:
            return None
        clear = stored if form == 1 else self._sealer.open(f"osdp.{reader}", stored)
        return check_key(bytes.fromhex(clear))

    def _keys_of(self, reader: str, stored: _Stored, form: int) -> ReaderKeys:
        try:
            return ReaderKeys(
                self._opened(reader, stored.current, form),
                self._opened(reader, stored.following, form),
                stored.serial,
            )
        except BrokenSeal:
            log.warning("the key was sealed with another one: pair the reader again", reader=reader)
            self._unopened[reader] = stored
            return ReaderKeys()

    def _all(self) -> dict[str, ReaderKeys]:
        if self._known is None:
            form, self._known = self._read()
            if form == 1:
                with suppress(OSError):
                    self._sealer.ensure()
                    self._write(self._known)
        return self._known

    def _read(self) -> tuple[int, dict[str, ReaderKeys]]:
        try:
            status = self._path.lstat()
        except FileNotFoundError:
            return _FORM, {}
        # Who could write it could put a known key there; who could read it has the doors.
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise DamagedFile(f"{self._path.name}: others may read it: chmod 600, then pair anew")
        if status.st_uid != os.geteuid():
            raise DamagedFile(f"{self._path.name} belongs to another user")
        try:
            found = _StoredFile.model_validate_json(read_whole(self._path, _LARGEST))
            return found.form, {
                name: self._keys_of(name, each, found.form) for name, each in found.readers.items()
            }
        except (ValidationError, ValueError):
            # Neither message nor cause may show a key.
            raise DamagedFile(f"{self._path.name} is damaged: pair the readers again") from None

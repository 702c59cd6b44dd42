"""Sealing of what must be read again and is nobody else's: PINs, password hashes, keys.

A sealed value is a text: the form `s1:`, six characters that name the key, a colon, and in base64
what AES-256-SIV (RFC 5297) makes of the value. That is authenticated, and the same value of the
same field looks the same each time: columns that hold sealed values keep their indices, their
uniqueness and comparisons for equality. The name of the field is bound to it, so that a value
counts in its own field alone.

The key is in a file that no database and no backup holds. It is read when it is first needed and,
while it is missing, again every few seconds: it may lie on a stick that is plugged in later. So a
start makes a key in the data directory alone; at a place that the site file names, a person does,
by `gateway init` or `gateway key --new`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import KeyUnusable
from gateway.files import move_aside, read_whole, sync_directory, write_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_FILE = "seal.key"
"""In the data directory, unless the site file names another place."""
KEY_BYTES = 64
AGAIN_S = 2.0
"""Shortest time between two looks for a key that could not be had."""

_FORM = "s1:"
_SEALED = re.compile(r"s[0-9]+:[A-Za-z0-9_-]{6}:[A-Za-z0-9+/=]+")
_ID_CHARACTERS = 6
_BODY_AT = len(_FORM) + _ID_CHARACTERS + 1
_HEAD = "gateway seal key 1"
_LARGEST = 4_096
_OTHERS = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


class BrokenSeal(ValueError):
    """A value is damaged, of another field, or was sealed with another key."""


def is_sealed(value: object) -> bool:
    """Whether `value` has the form of a sealed value, of this program or a newer one."""
    return isinstance(value, str) and _SEALED.fullmatch(value) is not None


def key_id_of(sealed: str) -> str:
    """What names the key of a sealed value."""
    return sealed.split(":", 2)[1]


class Sealer:
    """Seals and opens texts with one key. Any thread may use it."""

    def __init__(
        self,
        load: Callable[[], bytes],
        *,
        path: Path | None = None,
        makes: bool = False,
        expected: str = "",
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`load` returns the key; it raises KeyUnusable, and is asked again then. `path` is its
        file, which `ensure` makes if it `makes` any. A key whose id is not the `expected` one is
        not used."""
        self._load = load
        self._path = path
        self._makes = makes
        self._expected = expected
        self._now_s = now_s
        self._guard = threading.Lock()
        self._loaded: tuple[str, AESSIV] | None = None
        self._why = ""
        self._tried_s = -AGAIN_S

    @classmethod
    def at(cls, path: Path, *, makes: bool = True) -> Sealer:
        """That of the key file at `path`, which `ensure` makes if it `makes` any."""
        return cls(partial(read_key, path), path=path, makes=makes)

    @classmethod
    def of(cls, key: bytes) -> Sealer:
        """One that has its key."""
        return cls(lambda: key)

    @classmethod
    def random(cls) -> Sealer:
        """One with a new key that nobody else has."""
        return cls.of(new_key())

    @classmethod
    def unusable(cls, why: str) -> Sealer:
        """One without a key."""

        def load() -> bytes:
            raise KeyUnusable(why)

        return cls(load)

    @staticmethod
    def forget(path: Path) -> None:
        """Read the key file at `path` again, in this process: it is another now."""
        for makes in (True, False):
            sealer_at(path, makes=makes).reload()

    def expecting(self, key_id: str) -> Sealer:
        """The same, for values that were sealed with the key of this id."""
        return Sealer(
            self._load, path=self._path, makes=self._makes, expected=key_id, now_s=self._now_s
        )

    def ensure(self) -> None:
        """Make the key file if there is none and it is made by a start. Raises KeyUnusable."""
        if self._path is None or not self._makes:
            return
        target, there = _end_of_links(self._path)
        if there is None:
            write_key(target, new_key())
            self.reload()

    def finish_change(self, key_id: str) -> None:
        """Put a new key in its place, if it is the one of `key_id` and a power cut came before
        that: nothing else opens what was sealed with it. Raises KeyUnusable.
        """
        if self._path is None:
            return
        beside = beside_key(self._path)
        try:
            if Sealer.at(beside).key_id != key_id:
                return
        except KeyUnusable:
            return
        replace_key(self._path)

    @property
    def path(self) -> Path | None:
        """The key file, if there is to be one."""
        return self._path

    @property
    def fault(self) -> str | None:
        """Why there is no key; None when there is one."""
        try:
            self._key()
        except KeyUnusable as error:
            return str(error)
        return None

    @property
    def key_id(self) -> str:
        """Six characters that name the key. Raises KeyUnusable."""
        return self._key()[0]

    def reload(self) -> None:
        """Read the key again when it is needed next: the file may be another now."""
        with self._guard:
            self._loaded = None
            self._tried_s = -AGAIN_S

    def seal(self, context: str, text: str) -> str:
        """`text` sealed as a value of `context`; as it is when it is that already, or empty.

        Raises KeyUnusable.
        """
        if not text:
            return text
        name, cipher = self._key()
        if text.startswith(_FORM) and self.opened(context, text) is not None:
            return text
        sealed = cipher.encrypt(text.encode(), [context.encode()])
        return f"{_FORM}{name}:{binascii.b2a_base64(sealed, newline=False).decode()}"

    def open(self, context: str, sealed: str) -> str:
        """What was sealed as a value of `context`; an empty text is empty.

        Raises KeyUnusable without a key, and BrokenSeal.
        """
        if not sealed:
            return sealed
        name, cipher = self._key()
        if not sealed.startswith(f"{_FORM}{name}:"):
            raise BrokenSeal("it is not sealed, or with another key")
        from cryptography.exceptions import InvalidTag

        try:
            body = binascii.a2b_base64(sealed[_BODY_AT:])
            return cipher.decrypt(body, [context.encode()]).decode()
        except (InvalidTag, ValueError) as error:
            raise BrokenSeal("it is damaged or of another field") from error

    def opened(self, context: str, sealed: object) -> str | None:
        """As `open`; None in the place of what cannot be opened, and for what is no text."""
        try:
            return self.open(context, sealed) if isinstance(sealed, str) else None
        except (KeyUnusable, BrokenSeal):
            return None

    def _key(self) -> tuple[str, AESSIV]:
        loaded = self._loaded
        if loaded is not None:
            return loaded
        with self._guard:
            if self._loaded is None:
                now_s = self._now_s()
                if now_s - self._tried_s >= AGAIN_S:
                    self._tried_s = now_s
                    try:
                        self._loaded = self._checked(self._load())
                    except KeyUnusable as error:
                        self._why = str(error)
            if self._loaded is None:
                raise KeyUnusable(self._why)
            return self._loaded

    def _checked(self, key: bytes) -> tuple[str, AESSIV]:
        found = _ready(key)
        if self._expected and found[0] != self._expected:
            raise KeyUnusable(
                f"the key {self._path or ''} is {found[0]}, and what is stored was sealed with"
                f" {self._expected}"
            )
        return found


def _ready(key: bytes) -> tuple[str, AESSIV]:
    # 10 MB of memory: only where something is sealed.
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    digest = hashlib.sha256(b"gateway seal key id\0" + key).digest()
    return base64.urlsafe_b64encode(digest)[:_ID_CHARACTERS].decode(), AESSIV(key)


NO_KEY = Sealer.unusable("this program was given no key")
"""Seals nothing and opens nothing."""


def new_key() -> bytes:
    """A random key."""
    return secrets.token_bytes(KEY_BYTES)


@lru_cache(maxsize=64)
def sealer_at(path: Path, *, makes: bool = True) -> Sealer:
    """The sealer of the key file at `path`, one for the whole process."""
    return Sealer.at(path, makes=makes)


def read_key(path: Path) -> bytes:
    """The key in the file at `path`.

    Raises KeyUnusable, also for a file that others than its owner and group may read, or others
    than its owner write.
    """
    try:
        status = path.stat()
        content = read_whole(path, _LARGEST)
    except FileNotFoundError:
        raise KeyUnusable(f"the key {path} is missing") from None
    except OSError as error:
        raise KeyUnusable(f"the key {path} cannot be read: {error.strerror or error}") from error
    if stat.S_IMODE(status.st_mode) & _OTHERS:
        raise KeyUnusable(f"others may read or change the key {path}: chmod 640")
    return parse_key(content, str(path))


def _end_of_links(path: Path) -> tuple[Path, int | None]:
    """Where the links at `path` lead, as on a device, and the mode of what is there; None for
    nothing. Raises KeyUnusable, also if the links go round."""
    end = Path(os.path.realpath(path))
    try:
        # Only where links go round is there one left, and following it fails.
        return end, end.stat().st_mode
    except FileNotFoundError:
        return end, None
    except OSError as error:
        raise KeyUnusable(f"the key {path} cannot be reached: {error}") from error


def beside_key(path: Path) -> Path:
    """Where a new key is until the store is sealed with it, for the key file at `path`.

    Raises KeyUnusable, also where a link leads to what no key may take the place of, such as a
    device.
    """
    path, there = _end_of_links(path)
    if there is not None and not stat.S_ISREG(there) and not stat.S_ISDIR(there):
        raise KeyUnusable(f"{path} is no file, and no key takes its place: remove it")
    return path.with_name(f"{path.name}.new")


def replace_key(path: Path) -> None:
    """Put the key beside the key file at `path` in its place. Raises KeyUnusable."""
    beside = beside_key(path)
    target = beside.with_name(beside.name.removesuffix(".new"))
    try:
        if target.is_dir():  # damage; nothing takes its place
            move_aside(target)
        beside.replace(target)
        sync_directory(target.parent)
    except OSError as error:
        raise KeyUnusable(f"the new key is {beside}: move it to {target} ({error})") from error
    Sealer.forget(path)


def parse_key(content: bytes, name: str) -> bytes:
    """The key in the content of a key file. Raises KeyUnusable, which calls the file `name`."""
    head, _, body = content.decode("ascii", "replace").partition("\n")
    try:
        key = base64.b64decode(body.strip(), validate=True)
    except ValueError:
        key = b""
    if head != _HEAD or len(key) != KEY_BYTES:
        raise KeyUnusable(f"{name} is no key of this program, or it is damaged")
    return key


def write_key(path: Path, key: bytes) -> None:
    """Write a key file, of mode 0600; 0640 in a directory that a group may enter: on a device both
    programs are in one.

    Raises KeyUnusable where it cannot be written.
    """
    text = f"{_HEAD}\n{base64.b64encode(key).decode()}\n"
    try:
        shared = path.parent.stat().st_mode & stat.S_IXGRP
        write_whole(path, text.encode(), mode=0o640 if shared else 0o600)
    except OSError as error:
        raise KeyUnusable(f"the key {path} cannot be written: {error}") from error

"""The file of a backup: a line that names the format, a line of JSON about what follows, and a
SQLite database.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from gateway.errors import InvalidRequest, StorageError
from gateway.objects.fields import I64_MAX, has_control_characters
from gateway.store.backup_secrets import SealedKey
from gateway.store.objects.migrations import VERSION
from gateway.store.objects.seals import SINCE

FORMAT = b"GATEWAY BACKUP 2\n"
"""First line of a file. A newer program that writes another form raises the number; 1 had its
secrets in clear text."""
FORMATS = (FORMAT, b"GATEWAY BACKUP 1\n")
"""Those that are taken back."""
LARGEST = 1 << 30
"""Bytes of a database that are taken back."""
PIECE = 1 << 16

_FAMILY = b"GATEWAY BACKUP "
_COPIES = 3
"""What a restore needs of the disk, in sizes of the database: the copy, the log of the change."""
_LONGEST_STAMP = 4_096
"""Bytes of the second line."""
_LONGEST_TEXT = 200
"""Characters of what a stamp tells."""
_SHA256_DIGITS = 64


class Source(Protocol):
    """Where a backup is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, fewer only at the end."""


@dataclass(frozen=True, slots=True)
class BackupStamp:
    """What the second line of a file tells."""

    form: int
    """Of the database, see `gateway.store.objects.migrations`."""
    program: str
    device_id: int
    created_utc: str
    """ISO 8601."""
    bytes: int
    sha256: str
    """Of the database, in hexadecimal."""
    sealed: SealedKey | None = None
    """The key of its secrets; None where there are none, or where they are in clear text."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Table -> secrets that the device had and the file has not."""

    @property
    def clear(self) -> bool:
        """Whether an older program wrote its secrets in clear text."""
        return self.form < SINCE


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A finished backup. `pieces` can be gone through once; the file is gone afterwards."""

    stamp: BackupStamp
    length: int
    """Bytes of all pieces."""
    pieces: Iterator[bytes]


def read_stamp(source: Source) -> BackupStamp:
    """What the backup says of itself. Raises InvalidRequest where it is none that this program
    can restore."""
    return begun(source)[0]


def begun(source: Source) -> tuple[BackupStamp, bytes]:
    """The stamp, and what of the database was read with it."""
    piece = source.read(PIECE)
    if not piece.startswith(_FAMILY):
        raise InvalidRequest("the file is not a backup of a gateway")
    if not piece.startswith(FORMATS):
        raise InvalidRequest("the backup has a form that this program does not know")
    line, end, piece = piece[len(FORMAT) :].partition(b"\n")
    return _stamp(line if end and len(line) <= _LONGEST_STAMP else b""), piece


def receive(source: Source, path: Path, stamp: BackupStamp, piece: bytes) -> None:
    """Write the database of a backup to `path`, of which `piece` was read; raises InvalidRequest
    unless it came whole."""
    room = shutil.disk_usage(path.parent).free
    if room < _COPIES * stamp.bytes:
        raise StorageError(f"{_COPIES * stamp.bytes} bytes are needed on the disk, {room} are free")
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        while piece:
            size += len(piece)
            if size > stamp.bytes:
                break
            digest.update(piece)
            file.write(piece)
            piece = source.read(PIECE)
    if size != stamp.bytes:
        said = "more" if size > stamp.bytes else f"{size}"
        raise InvalidRequest(f"the backup is damaged: {stamp.bytes} bytes expected, {said} came")
    if digest.hexdigest() != stamp.sha256:
        raise InvalidRequest("the backup is damaged: its SHA-256 is another")


def _stamp(line: bytes) -> BackupStamp:
    damaged = InvalidRequest("the backup is damaged: its second line is not what it should be")
    try:
        said = json.loads(line)
        sealed = said.pop("sealed", None)
        key = None if sealed is None else SealedKey.model_validate(sealed)
        stamp = BackupStamp(**said, sealed=key)
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise damaged from error
    numbers: tuple[Any, ...] = (stamp.form, stamp.device_id, stamp.bytes)
    texts: tuple[Any, ...] = (stamp.program, stamp.created_utc, stamp.sha256)
    sound = all(type(number) is int and 0 < number <= I64_MAX for number in numbers) and all(
        isinstance(text, str) and len(text) <= _LONGEST_TEXT and not has_control_characters(text)
        for text in texts
    )
    sound = sound and _sound_counts(stamp.left_out)
    if not sound or stamp.bytes > LARGEST or len(stamp.sha256) != _SHA256_DIGITS:
        raise damaged
    if stamp.form > VERSION:
        raise InvalidRequest(
            f"the backup was made by a newer program, {stamp.program} (form {stamp.form}, this"
            f" one knows {VERSION})"
        )
    return stamp


def _sound_counts(counts: object) -> bool:
    return isinstance(counts, dict) and all(
        len(table) <= _LONGEST_TEXT and type(count) is int and 0 <= count <= I64_MAX
        for table, count in counts.items()
    )


def stamp_line(stamp: BackupStamp) -> bytes:
    """The second line of a file, without its end."""
    sealed = stamp.sealed.model_dump() if stamp.sealed else None
    return json.dumps({**asdict(replace(stamp, sealed=None)), "sealed": sealed}).encode()


def sha256_of(path: Path) -> str:
    """Of the file at `path`, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pieces_of(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    """`head` and the content of `file`, which is closed then."""
    with file:
        yield head
        while piece := file.read(PIECE):
            yield piece

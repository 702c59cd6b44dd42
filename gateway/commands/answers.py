"""The answers of commands, independent of the transport."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from typing_extensions import TypedDict


@dataclass(frozen=True, slots=True)
class Rows:
    """`{name: [row, ...]}` for large tables: rows are read while the answer is sent."""

    name: str
    rows: Iterator[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class TextStream:
    """Text that is produced while it is sent, such as a report."""

    pieces: Iterator[str]
    file_name: str | None = None
    """The suggested name of a download; any text."""
    csv: bool = False


@dataclass(frozen=True, slots=True)
class ByteStream:
    """Bytes of a known length that are read while they are sent."""

    pieces: Iterator[bytes]
    length: int
    file_name: str | None = None
    """The suggested name of a download; any text."""
    media_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    """What HTTP says beside it; ASCII."""


Answer = Mapping[str, object] | Rows | TextStream | ByteStream


class Done(TypedDict):
    """The empty object: the device's answer to a command without a documented answer."""


DONE: Done = {}


class Ids(TypedDict):
    """The ids of rows, in the order of the request."""

    ids: list[int]


class StoredRows:
    """Answer model: rows of any object under its name, with the fields that the object declares."""


class StoredConfiguration:
    """Answer model: values by module and key, as the configuration declares them."""

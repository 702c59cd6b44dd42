"""What a command answers, before any transport writes it down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from typing_extensions import TypedDict


@dataclass(frozen=True, slots=True)
class Rows:
    """`{name: [row, ...]}` with rows that are read while they are written, for big tables."""

    name: str
    rows: Iterator[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class TextStream:
    """Text that is read while it is written, such as a report."""

    pieces: Iterator[str]
    file_name: str | None = None
    """What a browser may call it; any text."""
    csv: bool = False


@dataclass(frozen=True, slots=True)
class ByteStream:
    """Bytes of a known number that are read while they are written."""

    pieces: Iterator[bytes]
    length: int
    file_name: str | None = None
    """What a browser may call it; any text."""
    media_type: str = "application/octet-stream"


Answer = Mapping[str, object] | Rows | TextStream | ByteStream


class Done(TypedDict):
    """The device's answer where nothing is documented: an empty object."""


DONE: Done = {}


class Ids(TypedDict):
    """The ids of rows, in the order of the request."""

    ids: list[int]


class StoredRows:
    """Stands for rows of any object, under its name: their fields are declared in objects."""


class StoredConfiguration:
    """Stands for module -> key -> value: the keys are declared in the configuration."""

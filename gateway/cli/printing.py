"""What commands print: rows of a list, and texts that clients chose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TypeVar

import click

_Row = TypeVar("_Row")


def one_line(text: str) -> str:
    """`text` with a question mark for each character that is not printable.

    So a name that a client chose neither starts a line of its own nor controls a terminal.
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def print_rows(rows: Iterable[_Row], line: Callable[[_Row], str], *, as_json: bool) -> None:
    """Print `rows`: all as one JSON array, or the `line` of each."""
    if as_json:
        click.echo(json.dumps(list(rows), indent=2))
        return
    for row in rows:
        click.echo(one_line(line(row)))

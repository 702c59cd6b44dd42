"""`gateway licences`: under which licences the program and what comes with it are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution
from importlib.resources import files
from pathlib import Path

import click

import gateway
from gateway.cli.options import json_option
from gateway.cli.printing import print_rows
from gateway.web.vendored import VENDORED

_CLASSIFIER = "License :: "
_TEXTS = ("licen", "copying", "notice")
"""Beginnings of the names of files with the text of a licence."""
_MIT = "Permission is hereby granted, free of charge"
_LONGEST = 60
"""Characters of an expression: some packages give the whole text instead."""


@dataclass(frozen=True, slots=True)
class BundledPart:
    """The program, a Python package beside it, or a part of the page."""

    name: str
    version: str
    licence: str
    """An SPDX expression, or what the package says instead; `?` if it says nothing."""
    texts: tuple[str, ...]
    """The texts of its licences, as far as it brings them."""


@click.command()
@click.option("--full", is_flag=True, help="Print the text of each licence too.")
@json_option
def licences(*, full: bool, as_json: bool) -> None:
    """Print name, version and licence of the program and of everything installed with it."""
    parts = [*_packages(), *_parts_of_page()]
    if as_json:
        shown = [asdict(part) if full else {**asdict(part), "texts": []} for part in parts]
        print_rows(shown, str, as_json=True)
        return
    for part in parts:
        click.echo(f"{part.name} {part.version}: {part.licence}")
        for text in part.texts if full else ():
            click.echo("\n" + "".join(f"    {line}\n" for line in text.splitlines()))


def _packages() -> Iterator[BundledPart]:
    """What lies beside the program: on a device that is what it was installed with."""
    beside = Path(gateway.__file__).parents[1]
    found = {}
    for path in beside.glob("*.dist-info"):
        said = Distribution.at(path)
        name = said.metadata["Name"]
        texts = tuple(_texts(path))
        found[name.lower()] = BundledPart(name, said.version, _licence(said, texts), texts)
    yield from (part for _, part in sorted(found.items()))


def _licence(said: Distribution, texts: tuple[str, ...]) -> str:
    found = said.metadata.get_all("License-Expression") or [
        it.rpartition(" :: ")[2]
        for it in said.metadata.get_all("Classifier") or ()
        if it.startswith(_CLASSIFIER)
    ]
    if not found and any(_MIT in text for text in texts):
        return "MIT"
    text = ", ".join(found) or "".join(said.metadata.get_all("License") or ()) or "?"
    return text.strip().splitlines()[0][:_LONGEST]


def _texts(path: Path) -> Iterator[str]:
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.name.lower().startswith(_TEXTS):
            yield file.read_text(encoding="utf-8", errors="replace")


def _parts_of_page() -> Iterator[BundledPart]:
    for part in VENDORED:
        file = files("gateway.web") / "static" / "vendor" / part.licence_file
        text = file.read_text(encoding="utf-8")
        yield BundledPart(part.name, part.version, part.licence, (text,))

"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.errors import DataDirectoryError
from gateway.host.ownership import become_owner
from gateway.store.files import STORE_FILE, mirror_path

_Command = TypeVar("_Command", bound=Callable[..., Any])


def data_option_of(file: str | None, *, required: bool = True) -> Callable[[_Command], _Command]:
    """The option --data. As root the command becomes the owner of `file` in that directory before
    it does anything else, see `become_owner`; None leaves that to the command."""

    def become(_ctx: click.Context, _param: click.Parameter, data: Path | None) -> Path | None:
        if data is not None and file is not None:
            become_owner(data / file)
        return data

    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        required=required,
        callback=become,
        help="The data directory that `gateway init` made." + ("" if required else "  [required]"),
    )


data_option = data_option_of(STORE_FILE)
group_data_option = data_option_of(STORE_FILE, required=False)
"""For a command group, whose --help works without it; see `directory_of`."""
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def directory_of(data: Path | None) -> Path:
    """The value of `group_data_option`. Raises UsageError if it is missing."""
    if data is None:
        raise click.UsageError("Missing option '--data', which goes before the command's name.")
    return data


def initialised(data: Path) -> Path:
    """`data` if `init` made it. Raises DataDirectoryError that names `init` otherwise.

    A store that is lost is no reason to close the doors: the controller has a copy.
    """
    if not any(os.path.lexists(path) for path in (data / STORE_FILE, mirror_path(data))):
        raise DataDirectoryError(
            f"{data} is not initialised; run: gateway init --data {data} --demo"
        )
    return data

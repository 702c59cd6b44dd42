"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.errors import DataDirectoryError
from gateway.store.files import STORE_FILE, mirror_path

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _data(*, required: bool) -> Callable[[_Command], _Command]:
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        required=required,
        help="The data directory that `gateway init` made." + ("" if required else "  [required]"),
    )


data_option = _data(required=True)
group_data_option = _data(required=False)
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

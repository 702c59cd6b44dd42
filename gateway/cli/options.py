"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.errors import DataDirectoryError
from gateway.store.files import STORE_FILE

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The data directory that `gateway init` made.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def initialised(data: Path) -> Path:
    """`data` if `init` made it. Raises DataDirectoryError that names `init` otherwise."""
    if not (data / STORE_FILE).exists():
        raise DataDirectoryError(
            f"{data} is not initialised; run: gateway init --data {data} --demo"
        )
    return data

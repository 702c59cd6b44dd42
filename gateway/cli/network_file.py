"""`gateway network-file`: name and network of a flashed device, from the card's FAT partition."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.errors import GatewayError
from gateway.files import write_whole
from gateway.settings import read_text
from gateway.settings.network_file import HOST_NAME, parse_network, system_files


@click.command("network-file")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--apply",
    is_flag=True,
    help="Write the system's files for it (root); they hold from the next start of NetworkManager.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("/"),
    help="Another system than this one.",
)
def network_file(file: Path, root: Path, *, apply: bool) -> None:
    """Check the network settings FILE, as a flashed device reads them from its card; exit code 1 if
    they cannot be used."""
    files = system_files(parse_network(read_text(file), str(file)))
    for path, text in files.items() if apply else ():
        target = root / path.lstrip("/")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # NetworkManager takes no profile that others may read.
            mode = 0o644 if path == HOST_NAME else 0o600
            write_whole(target, text.encode(), mode=mode)
        except OSError as error:
            raise GatewayError(f"{target} cannot be written: {error.strerror}") from error
    click.echo(f"{file}: {', '.join(files) or 'nothing to set'}")

"""`gateway network-file`: name and network of a flashed device, from the card's FAT partition."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.errors import GatewayError
from gateway.files import write_whole
from gateway.settings import read_text
from gateway.settings.network_file import HOST_NAME, parse_network, system_files, without_password


@click.command("network-file")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--apply",
    is_flag=True,
    help="Write the system's files for it (root); they hold from the next start of NetworkManager.",
)
@click.option(
    "--kept",
    type=click.Path(path_type=Path),
    help="Write FILE there too, without its password.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("/"),
    help="Another system than this one.",
)
def network_file(file: Path, root: Path, kept: Path | None, *, apply: bool) -> None:
    """Check the network settings FILE, as a flashed device reads them from its card; exit code 1 if
    they cannot be used."""
    text = read_text(file)
    files = system_files(parse_network(text, str(file)))
    for path, content in files.items() if apply else ():
        target = root / path.lstrip("/")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # NetworkManager takes no profile that others may read.
            mode = 0o644 if path == HOST_NAME else 0o600
            write_whole(target, content.encode(), mode=mode)
        except OSError as error:
            raise GatewayError(f"{target} cannot be written: {error.strerror}") from error
    if kept is not None:
        try:
            write_whole(kept, without_password(text).replace("\n", "\r\n").encode())
        except OSError as error:
            raise GatewayError(f"{kept} cannot be written: {error.strerror}") from error
    click.echo(f"{file}: {', '.join(files) or 'nothing to set'}")

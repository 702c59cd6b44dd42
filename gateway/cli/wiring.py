"""`gateway wiring`: draws the header with every pin that the site uses."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import data_option_of, initialised
from gateway.errors import DataDirectoryError
from gateway.hardware.boards.profiles import check_site, load_hats, load_profile
from gateway.hardware.drawing.wiring import draw_wiring
from gateway.settings import SITE_FILE, read_current_site


@click.command()
@data_option_of(SITE_FILE)
@click.option(
    "--board",
    help="A board of hw/boards. Default: the site file's.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write. Default: standard output.",
)
def wiring(data: Path, board: str | None, output: Path | None) -> None:
    """Draw the header of the board with every pin that the site file uses, as SVG."""
    site = read_current_site(initialised(data))
    profile = load_profile(board or site.site.board)
    if board is None:
        check_site(profile, site)
    drawing = draw_wiring(profile, site, load_hats(site))
    if output is None:
        click.echo(drawing, nl=False)
        return
    try:
        output.write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise DataDirectoryError(f"{output} cannot be written: {error.strerror}") from error
    click.echo(f"{output}: {profile.title}, {len(list(site.pins()))} pins in use")

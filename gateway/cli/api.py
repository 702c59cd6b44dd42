"""`gateway api`: the api process alone."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gateway.api.process import run_api
from gateway.cli.check import BoardRules
from gateway.cli.logs import KEPT_LINES, log_to_stderr
from gateway.cli.options import data_option, initialised
from gateway.errors import DamagedFile, SettingsError, StorageError
from gateway.hardware.boards.profiles import load_profile
from gateway.host.platform import SIMULATED, NoPlatform, Platform
from gateway.host.process import RESTART_REQUESTED, follow_parent
from gateway.settings import read_running_site
from gateway.uplink.uplink import Uplink
from gateway.web.blueprint import PAGE


@click.command()
@data_option
@click.option("--http", metavar="HOST:PORT", help="Listen here; overrides the site file.")
@click.option("--https", metavar="HOST:PORT", help="As --http, for HTTPS.")
def api(data: Path, http: str | None, https: str | None) -> None:
    """Run the api process alone: the device API over HTTP and HTTPS."""
    follow_parent()
    log_to_stderr()
    try:
        restart = run_api(
            initialised(data),
            http,
            https,
            platform_of(data),
            outward=Uplink,
            site_rules=BoardRules(),
            page=PAGE,
            log_lines=KEPT_LINES.copy,
        )
    except DamagedFile as error:
        raise StorageError(f"{error}; see gateway doctor --data {data}") from error
    if restart:
        raise SystemExit(RESTART_REQUESTED)


def platform_of(data: Path) -> Platform:
    """The machine's platform, or one that refuses when the board is simulated or unknown."""
    try:
        profile = load_profile(read_running_site(data).site.board)
    except SettingsError as error:
        return NoPlatform(f"while the site file cannot be used: {error}")
    if profile.simulated:
        return SIMULATED
    # Imported late: a process on a simulated board needs no D-Bus library.
    from gateway.host.helped_platform import SOCKET_VARIABLE, HelpedPlatform
    from gateway.host.system_platform import SystemPlatform

    helper = os.environ.get(SOCKET_VARIABLE)
    return HelpedPlatform(Path(helper)) if helper else SystemPlatform()

"""`gateway safe-relays`: what becomes of the relays when the controller is gone.

The controller's unit runs it whenever the controller has ended, and another one while the machine
boots, long before the controller is up. So it imports little: neither log, nor databases, nor
sockets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from gateway.cli.options import data_option
from gateway.clock import SystemClock
from gateway.errors import DeviceUnavailable, SettingsError
from gateway.hardware.boards.profiles import BoardProfile, load_profile
from gateway.hardware.safe_relays import DeclaredState, keeps_outputs, put_safe
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import LAST_GOOD, SITE_FILE, SiteFile, read_site


@click.command("safe-relays")
@data_option
@click.option(
    "--on",
    "given",
    type=click.Choice([moment.value for moment in DeclaredState]),
    help="Which state: a door's on_start, on_stop or on_fault. Default: as the service manager's "
    "$SERVICE_RESULT says, on_fault without it.",
)
def safe_relays(data: Path, given: str | None) -> None:
    """Put each lock at its declared state; switch sirens, buzzers and lights off.

    Exit code 1 when a line could not be set, or while a controller runs.
    """
    moment = DeclaredState(given) if given else moment_of_end(os.environ)
    if moment is None:
        _say("the controller ended in order and left the relays as each door's on_stop says")
        return
    runtime = RuntimeDirectory.of(data)
    holder = runtime.holder("controller")
    if holder:
        raise DeviceUnavailable(f"the relays belong to the controller that is at work: {holder}")
    site = site_of(data, moment)
    profile = load_profile(site.site.board)
    why = why_not(profile, moment)
    if why:
        _say(why)
        return
    failed = False
    for line, error in put_safe(site, profile, SystemClock(), runtime.path, moment):
        _say(f"{line}" if not error else f"{line.name}: {error}")
        failed = failed or bool(error)
    if failed:
        raise SystemExit(1)


def moment_of_end(environment: Mapping[str, str]) -> DeclaredState | None:
    """What an ended controller's relays need, by what systemd.exec(5) tells `ExecStopPost`.

    None after an orderly end, which put `on_stop` by itself. A stop that killed the controller
    while it was starting is a stop all the same; one that did not end in time is a fault, since
    nothing tells it from a start that took too long.
    """
    if environment.get("SERVICE_RESULT") != "success":
        return DeclaredState.FAULT
    return DeclaredState.STOP if environment.get("EXIT_CODE") in {"killed", "dumped"} else None


def site_of(data: Path, moment: DeclaredState) -> SiteFile:
    """The wiring to go by.

    At a start it is the site file. Afterwards it is the file that the controller came up with,
    since its relays are what was left behind, whatever the site file has become meanwhile. Either
    stands in for the other. Raises SettingsError when neither can be used.
    """
    names = [SITE_FILE, LAST_GOOD] if moment is DeclaredState.START else [LAST_GOOD, SITE_FILE]
    errors = []
    for name in names:
        try:
            return read_site(data / name)
        except SettingsError as error:
            errors.append(str(error))
    raise SettingsError("; ".join(errors))


def why_not(profile: BoardProfile, moment: DeclaredState) -> str:
    """Why nothing should be put on this kernel; empty when it should.

    A line that falls back as soon as it is let go would get a pulse that nobody commanded. While
    that is not known, a fault is worth it and a start, where the controller follows, is not.
    """
    kept = keeps_outputs(profile)
    if kept is False:
        return "this kernel lets outputs go when their owner ends: nothing to put"
    if kept is None and moment is DeclaredState.START:
        return "this kernel does not say that it keeps outputs: the controller will put them"
    return ""


def _say(text: str) -> None:
    click.echo(text, err=True)

"""`gateway safe-relays`: puts the relays at their declared state while no controller runs.

The controller's unit runs it whenever the controller has ended; a unit of its own runs it early at
boot, long before the controller. So it imports little: no log, no database, no socket.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from gateway.cli.options import data_option_of
from gateway.clock import SystemClock
from gateway.errors import DeviceUnavailable, SettingsError
from gateway.hardware.boards.profiles import BoardProfile, load_profile
from gateway.hardware.safe_relays import DeclaredState, keeps_outputs, put_safe
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import (
    LAST_GOOD,
    SITE_FILE,
    SiteFile,
    read_current_site,
    read_site,
    site_on_trial,
)
from gateway.store.files import JOURNAL_FILE


@click.command("safe-relays")
@data_option_of(None)  # at boot only root may use the pins, and it writes no file
@click.option(
    "--on",
    "given",
    type=click.Choice([moment.value for moment in DeclaredState]),
    help="The door's on_start, on_stop or on_fault. Default: as $SERVICE_RESULT of the service "
    "manager says, else on_fault.",
)
def safe_relays(data: Path, given: str | None) -> None:
    """Put each lock at its declared state; switch sirens, buzzers and lights off.

    Exit code 1 when a line could not be set, or while a controller runs.
    """
    moment = DeclaredState(given) if given else moment_of_end(os.environ)
    if moment is None:
        _say("the controller ended in order and left every relay at its on_stop")
        return
    runtime = RuntimeDirectory.of(data)
    holder = runtime.holder("controller", data / JOURNAL_FILE)
    if holder:
        raise DeviceUnavailable(f"a running controller drives the relays: {holder}")
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
    """The state for the relays of an ended controller, from the variables of systemd.exec(5).

    None after an orderly end, which has put `on_stop` itself. STOP when a stop killed the
    controller while it was starting. FAULT otherwise, also for a stop that timed out: nothing
    distinguishes that from a start that took too long.
    """
    if environment.get("SERVICE_RESULT") != "success":
        return DeclaredState.FAULT
    return DeclaredState.STOP if environment.get("EXIT_CODE") in {"killed", "dumped"} else None


def site_of(data: Path, moment: DeclaredState) -> SiteFile:
    """The wiring of the relays.

    At a start it comes from the site file; later from the file with which the controller started,
    since that controller left the relays, even if the site file has changed. If one cannot be
    used, the other is. Raises SettingsError when neither can be used.
    """
    ways: list[Callable[[], SiteFile]] = [
        lambda: read_current_site(data),
        lambda: read_site(data / LAST_GOOD),
    ]
    if moment is not DeclaredState.START:
        trial = site_on_trial(data)
        if trial is not None:
            return trial.site
        ways.reverse()
    # The doors that a cut file still has are better put safe than none.
    ways.append(lambda: read_site(data / SITE_FILE))
    errors = []
    for read in ways:
        try:
            return read()
        except SettingsError as error:
            errors.append(str(error))
    raise SettingsError("; ".join(dict.fromkeys(errors)))


def why_not(profile: BoardProfile, moment: DeclaredState) -> str:
    """Why the relays should stay as they are on this kernel; empty if they should be put.

    On a kernel that releases a line when its owner ends, putting it would make a pulse that nobody
    commanded. Where the kernel does not say so, a fault justifies that risk; a start, after which
    the controller follows, does not.
    """
    kept = keeps_outputs(profile)
    if kept is False:
        return "this kernel releases outputs when their owner ends: nothing to put"
    if kept is None and moment is DeclaredState.START:
        return "this kernel does not say that it keeps outputs: the controller will put them"
    return ""


def _say(text: str) -> None:
    click.echo(text, err=True)

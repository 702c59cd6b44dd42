"""Runs process 1."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import structlog

from gateway.clock import SystemClock
from gateway.controller.assembly import assembled
from gateway.controller.components import DamageFound, Item
from gateway.controller.state.inbox import Inbox
from gateway.errors import SettingsError
from gateway.hardware.boards.profiles import load_profile
from gateway.host.notify import Notifier
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SiteFile, keep_last_good, read_current_site, read_running_site
from gateway.store.check import damage
from gateway.store.files import JOURNAL_FILE
from gateway.store.files.copies import sweep_left

log = structlog.get_logger("controller")


def run_controller(data: Path) -> None:
    """Run the controller until SIGTERM or SIGINT.

    Raises GatewayError when it cannot start: an invalid site file, missing hardware, a database
    that cannot be opened, another running controller.
    """
    site = read_running_site(data)
    profile = load_profile(site.site.board)
    runtime = RuntimeDirectory.create(data)
    notifier = Notifier()
    with (
        runtime.claim("controller", data / JOURNAL_FILE),
        assembled(site, profile, data, runtime, SystemClock()) as controller,
    ):
        stop = _Stop(controller.inbox)
        sweep_left()
        _keep_copy(data, site)
        log.info("controller ready", board=profile.title)
        notifier.ready("controller")
        if controller.ended_uncleanly:
            _check_later(data / JOURNAL_FILE, controller.inbox)
        while not stop.asked:
            controller.turn()
        notifier.stopping()


def _check_later(path: Path, inbox: Inbox[Item]) -> None:
    """Check a database file in a thread, while doors work."""

    def check() -> None:
        what = damage(path)
        if what is not None:
            inbox.post(DamageFound(path.name, what))

    threading.Thread(target=check, name="check", daemon=True).start()


def _keep_copy(data: Path, site: SiteFile) -> None:
    """Keep a copy of the site file that a controller started with."""
    try:
        if read_current_site(data) == site:
            keep_last_good(data)
    except (SettingsError, OSError) as error:
        log.warning("the site file cannot be copied", why=str(error))


class _Stop:
    """Set by a signal and read between two turns."""

    def __init__(self, inbox: Inbox[Item]) -> None:
        self.asked = False
        self._inbox = inbox
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _signal: int, _frame: object) -> None:
        self.asked = True
        self._inbox.wake()

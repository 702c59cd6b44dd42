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
from gateway.controller.state.relay_plan import keep_plan
from gateway.controller.state.site_keeper import SiteKeeper
from gateway.errors import GatewayError
from gateway.hardware.boards.profiles import load_profile
from gateway.host.notify import Notifier
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import Origin, keep_last_good
from gateway.store.check import damage
from gateway.store.files import JOURNAL_FILE
from gateway.store.files.copies import sweep_left

log = structlog.get_logger("controller")


def run_controller(data: Path) -> bool:
    """Run the controller until SIGTERM or SIGINT; True when it wants to be started anew.

    Raises GatewayError when it cannot start: an invalid site file, missing hardware, a database
    that cannot be opened, another running controller.
    """
    runtime = RuntimeDirectory.create(data)
    with runtime.claim("controller", data / JOURNAL_FILE):
        clock = SystemClock()
        keeper = SiteKeeper(data, clock)
        try:
            return _run(data, runtime, clock, keeper)
        except GatewayError as error:
            keeper.failed(str(error))
            raise


def _run(data: Path, runtime: RuntimeDirectory, clock: SystemClock, keeper: SiteKeeper) -> bool:
    running = keeper.begin()
    profile = load_profile(running.site.site.board)
    notifier = Notifier()
    with assembled(running.site, profile, data, runtime, clock, site_keeper=keeper) as controller:
        stop = _Stop(controller.inbox)
        sweep_left()
        if running.origin is Origin.FILE:
            _keep_copy(data, running.text)
        keep_plan(data, running.site, profile)
        keeper.ready()
        log.info("controller ready", board=profile.title, site=running.origin.value)
        notifier.ready("controller")
        if controller.ended_uncleanly:
            _check_later(data / JOURNAL_FILE, controller.inbox)
        while not (stop.asked or keeper.restart_due()):
            controller.turn()
        notifier.stopping()
    return not stop.asked


def _check_later(path: Path, inbox: Inbox[Item]) -> None:
    """Check a database file in a thread, while doors work."""

    def check() -> None:
        what = damage(path)
        if what is not None:
            inbox.post(DamageFound(path.name, what))

    threading.Thread(target=check, name="check", daemon=True).start()


def _keep_copy(data: Path, text: str) -> None:
    """Keep a copy of the site file that a controller started with."""
    try:
        keep_last_good(data, text)
    except OSError as error:
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

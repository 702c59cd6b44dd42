"""Takes a change of the network back when nobody confirms it in time."""

from __future__ import annotations

import threading

import structlog

from gateway.commands.context import CommandContext
from gateway.commands.network_trial import take_back_if_due
from gateway.errors import GatewayError

CHECK_S = 0.5

log = structlog.get_logger("network")


class NetworkTrial:
    """Looks twice a second, in a thread of its own."""

    def __init__(self, context: CommandContext) -> None:
        self._context = context
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="network trial", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(CHECK_S):
            try:
                take_back_if_due(self._context)
            except GatewayError as error:
                log.warning("a change of the network cannot be taken back yet", why=str(error))

"""Takes a change of the network back when nobody confirms it in time."""

from __future__ import annotations

import structlog

from gateway.commands.context import CommandContext
from gateway.commands.network_trial import take_back_if_due
from gateway.errors import GatewayError
from gateway.threads import WokenThread

CHECK_S = 0.5

log = structlog.get_logger("network")


class NetworkTrial(WokenThread):
    """Looks twice a second."""

    close_s = None

    def __init__(self, context: CommandContext) -> None:
        super().__init__("network trial")
        self._context = context

    def work(self) -> float:
        try:
            take_back_if_due(self._context)
        except GatewayError as error:
            log.warning("a change of the network cannot be taken back yet", why=str(error))
        return CHECK_S

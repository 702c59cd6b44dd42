"""Keeps the api on the site file that the controller works with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from gateway.errors import SettingsError
from gateway.link.messages import ControllerStatus
from gateway.settings import RunningSite, running_site

log = structlog.get_logger("api")


class SiteFollower:
    """Starts the api anew when the controller has gone over to another site file."""

    def __init__(
        self, data: Path, running: RunningSite, request_restart: Callable[[], None]
    ) -> None:
        """`running` is the site file of this process."""
        self._data = data
        self._own = running.digest
        self._request_restart = request_restart
        self._seen = running.digest

    def heard(self, status: ControllerStatus) -> None:
        """Take the controller's status.

        A site file that was edited while the controller runs is in force after its next start: a
        start of the api alone would not bring the two together.
        """
        digest = status.site.digest if status.site else self._own
        if digest == self._seen:
            return
        self._seen = digest
        with suppress(SettingsError):
            if digest != self._own and running_site(self._data).digest == digest:
                log.info("the controller has another site file; the api starts anew")
                self._request_restart()

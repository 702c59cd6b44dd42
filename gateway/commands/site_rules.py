"""What commands may know of boards without touching hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from typing_extensions import TypedDict

from gateway.settings import SiteFile


class BoardShown(TypedDict):
    """A board that a site file may name."""

    name: str
    title: str
    simulated: bool
    this: bool
    """It is the board that this program runs on."""
    pins: list[int]
    """GPIO numbers that a site may use."""


class SiteRules(Protocol):
    """Checks of a site against its board. Both raise SettingsError for a board without profile."""

    def problems(self, site: SiteFile) -> Sequence[str]:
        """Why the board cannot carry `site`; each begins with the place in the file."""

    def warnings(self, site: SiteFile) -> Sequence[str]:
        """What works and is better mended."""

    def boards(self) -> Sequence[BoardShown]:
        """Every board with a profile."""

    def places(self) -> Mapping[str, Sequence[str]]:
        """Names of what is plugged in, by the key of a reader: `port`, `device`, `reader`."""


class NoSiteRules:
    """For a process that knows no boards: the controller refuses what does not fit."""

    def problems(self, site: SiteFile) -> Sequence[str]:
        del site
        return ()

    def warnings(self, site: SiteFile) -> Sequence[str]:
        del site
        return ()

    def boards(self) -> Sequence[BoardShown]:
        return ()

    def places(self) -> Mapping[str, Sequence[str]]:
        return {}

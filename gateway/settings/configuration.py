"""The API's configuration, as the database holds it."""

from __future__ import annotations

from collections.abc import Mapping

Configuration = Mapping[tuple[str, str], str]
"""(module, key) -> value, for every key that the device knows."""


def is_on(configuration: Configuration, module: str, key: str) -> bool:
    """Whether a switch of the configuration is on."""
    return configuration[module, key] == "1"

"""The configuration that a site begins with: what is wired is enabled."""

from __future__ import annotations

from gateway.settings.doors import Door
from gateway.settings.site import SiteFile
from gateway.settings.wires import Pull


def door_configuration(door: Door) -> dict[str, str | int | bool]:
    """The keys of `general` that enable the wired inputs of a door."""
    keys: dict[str, str | int | bool] = {}
    for name, wired in (("door_sensor", door.sensor), ("buttonhole", door.rex)):
        if wired:
            keys[f"{name}{door.id}_enabled"] = 1
            keys[f"{name}{door.id}_idle"] = 0 if wired.pull is Pull.DOWN else 1
    return keys


def initial_configuration(site: SiteFile) -> dict[str, dict[str, str | int | bool]]:
    """Enables what is wired; the `initial` tables of the site file override it."""
    general: dict[str, str | int | bool] = {}
    for door in site.door:
        general |= door_configuration(door)
    configuration: dict[str, dict[str, str | int | bool]] = {"general": general}
    if site.bell:
        general["bell_enabled"] = 1
    if site.siren:
        configuration["alarm"] = {"siren_enabled": 1}
    for module, values in site.initial.items():
        configuration.setdefault(module, {}).update(values)
    return {module: values for module, values in configuration.items() if values}

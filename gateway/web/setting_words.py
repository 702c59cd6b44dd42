"""Configuration keys in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.objects.configuration import VALUE_MAX, ConfigurationKey, Kind
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.settings import SiteFile
from gateway.web.languages import gettext as _


@dataclass(frozen=True, slots=True)
class Title:
    """The heading over settings that belong together."""

    words: str
    meta: str = ""
    """What the heading is a name of: the number of a door, the index of a reader."""


def title(key: ConfigurationKey, site: SiteFile) -> Title:
    """The door or the reader by its name, else the part of the device."""
    if key.door:
        name = next((it.shown for it in site.door if it.id == key.door), "")
        return Title(name, _("Door %(number)s", number=key.door))
    if key.reader:
        name = next((it.shown for it in site.reader if it.index == key.reader), "")
        return Title(name, _("Reader %(number)s", number=key.reader))
    return Title(_(key.effect))


def address(module: str, key: str) -> str:
    """Where a person changes a setting; the index for one that is only stored."""
    found = CONFIGURATION.find(module, key)
    if found is None or not found.live:
        return "/settings"
    return f"/settings/{found.group.slug}#{found.name}"


def label(module: str, key: str) -> str:
    """What a person calls a setting; its name if it is only stored."""
    found = CONFIGURATION.find(module, key)
    return _(found.label) if found and found.live else f"{module}.{key}"


def default_words(key: ConfigurationKey) -> str:
    """The value of a new device."""
    if key.choices:
        return _(key.choices[key.default]) if key.choices[key.default] else key.default
    if key.kind is Kind.FLAG:
        return _("on") if key.default == "1" else _("off")
    if not key.default:
        return _("empty")
    return f"{key.default} {_(key.unit)}" if key.unit else key.default


def allowed(key: ConfigurationKey) -> str:
    """What may be typed; empty where every choice is shown."""
    match key.kind:
        case Kind.INT | Kind.DECIMAL:
            unit = _(key.unit) if key.unit else ""
            text = _(
                "%(low)s to %(high)s %(unit)s", low=key.minimum, high=key.maximum, unit=unit
            ).strip()
            return text if key.default else _("%(allowed)s, or empty", allowed=text)
        case Kind.VERSION:
            return _("Numbers with dots between, such as 6.11.2")
        case Kind.SERVER:
            return _("A name or an address, such as https://server.example:8443/path")
        case Kind.PATH:
            return _("A path without spaces, # and backslashes")
        case Kind.TEXT:
            return _("At most %(count)s characters", count=VALUE_MAX)
        case _:
            return ""

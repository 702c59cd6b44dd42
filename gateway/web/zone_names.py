"""Alarm zones by name."""

from __future__ import annotations

from gateway.settings.alarms import AnyZone
from gateway.web.languages import gettext as _


def zone_name(zone: AnyZone) -> str:
    """The title of the site file, else the number, in the language of the visit."""
    return zone.title or _("Zone %(number)s", number=zone.number)

"""Names of time zones, and suggestions for wrong ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated
from unicodedata import normalize
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator

from gateway.settings.refusals import closest

_BERLIN, _SAO_PAULO = "Europe/Berlin", "America/Sao_Paulo"
_ABBREVIATIONS = MappingProxyType(
    {
        "ACST": ("Australia/Adelaide",),
        "AEST": ("Australia/Sydney", "Australia/Brisbane"),
        "AMT": ("America/Manaus",),
        "ART": ("America/Argentina/Buenos_Aires",),
        "AST": ("America/Halifax", "America/Puerto_Rico"),
        "BRASILIA": (_SAO_PAULO,),
        "BRST": (_SAO_PAULO,),
        "BRT": (_SAO_PAULO,),
        "BST": ("Europe/London",),
        "CDT": ("America/Chicago", "America/Mexico_City"),
        "CEST": (_BERLIN, "Europe/Paris"),
        "CLT": ("America/Santiago",),
        "COT": ("America/Bogota",),
        "CST": ("America/Chicago", "America/Mexico_City", "Asia/Shanghai"),
        "E. SOUTH AMERICA STANDARD TIME": (_SAO_PAULO,),
        "EASTERN STANDARD TIME": ("America/New_York",),
        "EDT": ("America/New_York",),
        "EEST": ("Europe/Helsinki", "Europe/Athens"),
        "GMT STANDARD TIME": ("Europe/London",),
        "HNEC": ("Europe/Paris",),
        "HORA DE BRASILIA": (_SAO_PAULO,),
        "IST": ("Asia/Kolkata",),
        "JST": ("Asia/Tokyo",),
        "MDT": ("America/Denver",),
        "MESZ": (_BERLIN, "Europe/Vienna", "Europe/Zurich"),
        "MEZ": (_BERLIN, "Europe/Vienna", "Europe/Zurich"),
        "MSK": ("Europe/Moscow",),
        "NZST": ("Pacific/Auckland",),
        "PACIFIC STANDARD TIME": ("America/Los_Angeles",),
        "PDT": ("America/Los_Angeles",),
        "PET": ("America/Lima",),
        "PST": ("America/Los_Angeles",),
        "ROMANCE STANDARD TIME": ("Europe/Paris", "Europe/Madrid"),
        "SAST": ("Africa/Johannesburg",),
        "W. EUROPE STANDARD TIME": (_BERLIN, "Europe/Amsterdam"),
        "WEST": ("Europe/Lisbon",),
    }
)
"""Names that clocks, telephones and Windows use -> IANA names."""
_LARGE = (
    _SAO_PAULO, "America/Argentina/Buenos_Aires", "America/New_York", "America/Chicago",
    "America/Denver", "America/Los_Angeles", "America/Bogota", "America/Manaus", "Europe/London",
    "Europe/Lisbon", _BERLIN, "Europe/Paris", "Europe/Athens", "Europe/Moscow", "Asia/Dubai",
    "Asia/Karachi", "Asia/Kolkata", "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo",
    "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip
"""Zones suggested for an offset."""
_OFFSET = re.compile(r"(?i)(?:UTC|GMT|Z)?\s*([+-])\s*(\d{1,2})(?::?(\d\d))?")
_MOST = 3


def _checked_zone(name: str) -> str:
    """Check that `name` is a time zone's. Raises ValueError with suggestions."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = " or ".join(map(repr, _suggestions(name))) or repr(_SAO_PAULO)
        raise ValueError(f"an IANA time zone's name is needed, such as {near}") from None
    return name


ZoneName = Annotated[str, AfterValidator(_checked_zone)]
"""An IANA name."""


def _suggestions(name: str) -> Sequence[str]:
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().strip().upper()
    known = _ABBREVIATIONS.get(plain)
    if known:
        return known
    offset = _OFFSET.fullmatch(plain)
    if offset:
        return tuple(_zones_at(offset))[:_MOST]
    zones = sorted(available_timezones())
    by_city = {zone.rpartition("/")[2]: zone for zone in zones if "/" in zone}
    requested = plain.replace(" ", "_")
    near = closest(requested, zones) or by_city.get(closest(requested, by_city) or "")
    return (near,) if near else ()


def _zones_at(offset: re.Match[str]) -> Iterator[str]:
    sign, hours, minutes = offset.groups()
    away = timedelta(hours=int(hours), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    now = datetime.now(UTC)
    return (zone for zone in _LARGE if now.astimezone(ZoneInfo(zone)).utcoffset() == away)

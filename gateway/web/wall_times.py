"""Values of time columns as the site's clock shows them, and as forms have them."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.errors import worded
from gateway.objects.fields import invalid_value
from gateway.web.visit import Visit


def stamp_typed(visit: Visit, name: str) -> int:
    """The value of a time column that the form's field `name` stands for; 0 for nothing.

    Raises InvalidRequest for what is no time of the site's clock.
    """
    typed = visit.form.get(name, "").strip()
    if not typed:
        return 0
    try:
        wall = datetime.fromisoformat(typed).replace(tzinfo=UTC)
        instants = visit.context.device_time.instants(wall)
    except (ValueError, OverflowError):
        instants = ()
    if not instants:
        raise invalid_value(name, worded("it must be a time that the site's clock shows"))
    return visit.context.device_time.stamp(instants[0])


def wall_time(visit: Visit, stamp: int) -> datetime:
    """The wall time of a value of a time column."""
    now = visit.context.device_time.moment(visit.context.clock.utc())
    at = datetime.fromtimestamp(stamp, UTC)
    if now.stamp != now.local:
        at = visit.context.device_time.wall(at)
    return at.replace(tzinfo=None)


def moment(visit: Visit, stamp: int | None) -> datetime | None:
    """As `wall_time`; None for a column that says nothing."""
    return wall_time(visit, stamp) if stamp else None


def form_time(visit: Visit, stamp: int | None) -> str:
    """The same as the value of a form's field."""
    found = moment(visit, stamp)
    return found.isoformat(timespec="minutes") if found else ""

"""How the page writes times."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup


def instant(at: datetime) -> Markup:
    """The element `time` of an instant in the site's zone."""
    return _time(at, "")


def ago(at: datetime) -> Markup:
    """As `instant`; the page's script shows how long ago it was."""
    return _time(at, " data-ago")


def _time(at: datetime, marks: str) -> Markup:
    shown = at.strftime("%Y-%m-%d %H:%M:%S")
    exact = at.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}"{}>{}</time>').format(exact, Markup(marks), shown)  # noqa: S704


FILTERS = {"ago": ago, "instant": instant}

"""How the page writes times."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup


def instant(at: datetime) -> Markup:
    """The element `time` of an instant in the site's zone."""
    return Markup('<time datetime="{}">{}</time>').format(*_exact_and_shown(at))


def ago(at: datetime) -> Markup:
    """As `instant`; the page's script shows how long ago it was."""
    return Markup('<time datetime="{}" data-ago>{}</time>').format(*_exact_and_shown(at))


def _exact_and_shown(at: datetime) -> tuple[str, str]:
    return at.astimezone(UTC).isoformat(timespec="seconds"), at.strftime("%Y-%m-%d %H:%M:%S")


FILTERS = {"ago": ago, "instant": instant}

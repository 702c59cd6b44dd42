"""The views of the page, one module for each area."""

from __future__ import annotations

from gateway.web.views import account, doors, live, log, more
from gateway.web.visit import View

VIEWS: tuple[View, ...] = tuple(
    view for area in (account, doors, live, log, more) for view in area.VIEWS
)
"""Each area's module declares its own."""

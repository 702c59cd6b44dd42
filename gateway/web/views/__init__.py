"""The views of the page, one module for each area."""

from __future__ import annotations

from gateway.web.views import (
    account,
    certificate,
    clock,
    configuration,
    demo,
    doors,
    gestures,
    inside,
    live,
    log,
    logins,
    more,
    network,
    osdp,
    people,
    people_import,
    row_forms,
    rules,
    servers,
    settings,
    setup,
    site,
    threat,
    triggers,
    update,
    upkeep,
    wiring,
    zone_sets,
)
from gateway.web.visit import View

_AREAS = (
    account,
    certificate,
    clock,
    configuration,
    demo,
    doors,
    inside,
    gestures,
    live,
    log,
    logins,
    more,
    network,
    osdp,
    people,
    people_import,
    row_forms,
    servers,
    settings,
    setup,
    site,
    threat,
    update,
    upkeep,
    triggers,
    wiring,
    zone_sets,
    rules,
)

VIEWS: tuple[View, ...] = tuple(view for area in _AREAS for view in area.VIEWS)
"""Each area's module declares its own."""

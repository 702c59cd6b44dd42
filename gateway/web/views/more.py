"""What does not fit the bar at the bottom."""

from __future__ import annotations

import json

from flask import Response

from gateway.commands.rights import Right, may
from gateway.host.platform import SIMULATED
from gateway.web import assets
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

PLACES: tuple[tuple[str, str, Right], ...] = (
    ("/rules", noted("Rules"), Right.ANY_SESSION),
    ("/inside", noted("Who is inside"), Right.ANY_SESSION),
    ("/threat-levels", noted("Threat levels"), Right.ANY_SESSION),
    ("/triggers", noted("Triggers"), Right.ADMINISTRATOR),
    ("/demo", noted("At the simulated door"), Right.ADMINISTRATOR),
    ("/wiring", noted("Wiring bench"), Right.ADMINISTRATOR),
    ("/osdp", noted("OSDP readers"), Right.ADMINISTRATOR),
    ("/settings", noted("Settings"), Right.ADMINISTRATOR),
    ("/setup", noted("First start"), Right.OWNER),
)
"""Address, name (marked by `noted`) and right of what is not in the bar."""


def more(visit: Visit) -> Response:
    """Links to everything else, the language, and the way out."""
    has_osdp = any(it.kind == "osdp" for it in visit.context.site.reader)
    absent = {"/demo": visit.context.platform is not SIMULATED, "/osdp": not has_osdp}
    places = [
        (path, _(label))
        for path, label, right in PLACES
        if may(visit.caller, right) and not absent.get(path)
    ]
    return visit.page("account/more.html", places=places)


def manifest(visit: Visit) -> Response:
    """What a phone needs to keep the page on its home screen."""
    icon = {"src": assets.address("icons/door.svg"), "sizes": "any", "type": "image/svg+xml"}
    answer = {
        "name": visit.context.site.site.name,
        "short_name": visit.context.site.site.name[:12],
        "start_url": "/",
        "display": "standalone",
        "icons": [icon],
    }
    return Response(json.dumps(answer), content_type="application/manifest+json")


VIEWS = (View("/more", more), View("/manifest.webmanifest", manifest, Right.NONE))

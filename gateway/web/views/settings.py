"""The settings: an index of all of them."""

from __future__ import annotations

from flask import Response

from gateway.commands.rights import Right, may
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

PLACES: tuple[tuple[str, str, str, Right], ...] = (
    (
        "/settings/site",
        noted("The site file"),
        noted("Which readers, locks and inputs exist, and their wires."),
        Right.OWNER,
    ),
)
"""Address, name, sentence (both marked by `noted`) and right of each place under `/settings`."""


def settings(visit: Visit) -> Response:
    """Where what is set."""
    places = [
        (path, _(name), _(about)) for path, name, about, right in PLACES if may(visit.caller, right)
    ]
    return visit.page("settings/index.html", places=places)


VIEWS = (View("/settings", settings, Right.ADMINISTRATOR),)

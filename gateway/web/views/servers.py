"""The servers that this device sends to: how each fares, and a test of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, InvalidRequest, NotFound, TooBusy
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

PATH = "/settings/servers"
SERVERS = {
    "monitor": (noted("Monitor"), noted("Is told of everything that happens.")),
    "online": (noted("Online server"), noted("Decides in the online modes who may pass.")),
    "push": (noted("Push server"), noted("Has commands for this device, which asks for them.")),
    "mqtt": (noted("MQTT broker"), noted("Home automation: states, events and commands.")),
    "minop": (noted("Minop listener"), noted("Is told of each person who was identified.")),
}
"""Name and sentence of each server of `test_destination`."""


def servers(visit: Visit) -> Response:
    """The state of each."""
    return visit.page("admin/servers.html", servers=_servers(visit))


def part(visit: Visit) -> Response:
    """The states alone, for a page that is open."""
    return visit.page("admin/_servers.html", servers=_servers(visit))


def test(visit: Visit, name: str) -> Response:
    """Whether a server can be reached now."""
    if name not in SERVERS:
        raise NotFound(_("There is no such server."))
    try:
        result: Mapping[str, Any] = visit.run("test_destination", name=name)
    except (NotFound, InvalidRequest, TooBusy, DeviceUnavailable) as error:
        result = {"success": False, "reason": str(error)}
    template = "admin/_tested.html" if visit.in_part else "admin/tested.html"
    return visit.page(template, result=result, label=_(SERVERS[name][0]))


def _servers(visit: Visit) -> list[dict[str, Any]]:
    answer = visit.run("outbox_state")
    states = {it["name"]: it for it in answer["destinations"]}
    asked = answer.get("online")
    shown = []
    for name, (label, about) in SERVERS.items():
        state = states.get(name)
        found: dict[str, Any] = {
            "name": name,
            "label": _(label),
            "about": _(about),
            "settings": "/settings/site" if name == "mqtt" else "/settings/online",
            "state": state,
            "asked": asked if name == "online" else None,
        }
        for member in ("last_success_utc", "last_error_utc", "failing_since_utc"):
            found[member.removesuffix("_utc")] = _at(visit, state or found["asked"], member)
        shown.append(found)
    return shown


def _at(visit: Visit, state: Mapping[str, Any] | None, member: str) -> datetime | None:
    utc_s = (state or {}).get(member, 0)
    return visit.local(utc_s) if utc_s else None


_TECHNICIAN = Right.ADMINISTRATOR

VIEWS = (
    View(PATH, servers, _TECHNICIAN),
    View(f"{PATH}/parts/states", part, _TECHNICIAN),
    View(f"{PATH}/<name>/test", test, _TECHNICIAN, "POST"),
)

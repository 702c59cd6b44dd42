"""Addresses, host name and ports of the device; a change goes back unless it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import InvalidRequest, worded
from gateway.web import form_labels
from gateway.web.addresses import new_address
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit

PATH = "/settings/network"
CONFIRM_WITHIN_S = 60
_ADDRESSES = {
    "ip": "ip",
    "netmask": "netmask",
    "gateway": "gateway",
    "dns_primary": "primary_dns",
    "dns_secondary": "secondary_dns",
}
"""Member of `set_system_network` and of `system_information`."""


def network(visit: Visit) -> Response:
    """What is so, the change that waits, and the form of another one."""
    trial = visit.run("system_network_trial")
    places = (("http", trial["listen"]), ("https", trial["tls"]))
    return visit.page(
        "admin/network.html",
        now=visit.run("system_information")["network"],
        trial=trial,
        listens=[f"{scheme}://{place}" for scheme, place in places if place],
        real=visit.context.platform.real,
        within_s=CONFIRM_WITHIN_S,
    )


def change(visit: Visit) -> Response:
    """Try what the form changes, and name the address where it is to be confirmed."""
    form = visit.form
    asked = _changes(visit, visit.run("system_information")["network"])
    within_s = number_typed("confirm_within_s", form.get("confirm_within_s", ""))
    visit.run("set_system_network", **asked, confirm_within_s=within_s)
    trial = visit.run("system_network_trial")
    dhcp = bool(asked.get("dhcp_enabled"))
    moved = new_address(
        visit.context.site.http, trial["listen"], trial["tls"], PATH, str(asked.get("ip", ""))
    )
    template = "admin/_moved.html" if visit.in_part else "admin/moved.html"
    return visit.page(template, moved=moved, dhcp=dhcp, within_s=within_s)


def confirm(visit: Visit) -> Response:
    """Keep the change that waits."""
    visit.run("confirm_system_network")
    return visit.to(PATH)


def take_back(visit: Visit) -> Response:
    """Go back to what was before."""
    before = visit.context.site.http
    visit.run("take_back_system_network")
    return visit.page("admin/taken_back.html", before=before)


def _changes(visit: Visit, now: Mapping[str, Any]) -> dict[str, object]:
    """The members of `set_system_network` that differ from what is so."""
    form = visit.form
    asked: dict[str, object] = {}
    port = number_typed("web_server_port", form.get("web_server_port", ""))
    if port != now["web_server_port"]:
        asked["web_server_port"] = port
    if ("ssl_enabled" in form) != now["ssl_enabled"]:
        asked["ssl_enabled"] = "ssl_enabled" in form
    if visit.context.platform.real:
        asked |= _addressing(visit, now)
        name = form.get("device_hostname", "").strip()
        if name != now["device_hostname"]:
            asked |= {"custom_hostname_enabled": bool(name), "device_hostname": name}
    if not asked:
        raise InvalidRequest("nothing was changed", why=worded("nothing was changed"))
    return asked


def _addressing(visit: Visit, now: Mapping[str, Any]) -> dict[str, object]:
    form = visit.form
    if form.get("addressing") == "dhcp":
        return {} if now["dhcp_enabled"] else {"dhcp_enabled": True}
    fixed = {member: form.get(member, "").strip() for member in _ADDRESSES}
    same = all(now[shown] == (fixed[it] or "0.0.0.0") for it, shown in _ADDRESSES.items())  # noqa: S104 - as shown
    return {} if same and not now["dhcp_enabled"] else {**fixed, "dhcp_enabled": False}


_TECHNICIAN = Right.ADMINISTRATOR

VIEWS = (
    View(PATH, network, _TECHNICIAN),
    View(PATH, change, _TECHNICIAN, "POST", labels=form_labels.NETWORK),
    View(f"{PATH}/confirm", confirm, _TECHNICIAN, "POST"),
    View(f"{PATH}/take-back", take_back, _TECHNICIAN, "POST"),
)

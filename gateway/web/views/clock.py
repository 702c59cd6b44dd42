"""The device's clock: whether it is trusted and why, network time, and setting it by hand."""

from __future__ import annotations

from datetime import datetime

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import NotSupportedHere, worded
from gateway.objects.fields import invalid_value
from gateway.web import form_labels
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

PATH = "/settings/time"
VERDICTS = {
    "set_by_hand": noted("A person set it since the device started."),
    "network_time": noted("A time server sets it."),
    "battery_clock": noted("A clock with a battery keeps it."),
    "simulated": noted("The board is simulated: this computer keeps the time."),
    "before_release": noted("It is earlier than this software: it has lost its time. Set it."),
    "beyond_ceiling": noted("It is years ahead. Set it."),
    "behind_floor": noted("It is behind the last event that was logged. Set it."),
    "no_source": noted("Nothing has set it since the device started. Set it."),
}
"""By the verdict of `system_clock`."""


def clock(visit: Visit) -> Response:
    """The clock, and the forms to set it."""
    shown = visit.run("system_clock")
    try:
        servers = visit.run("get_ntp_server")
    except NotSupportedHere:
        servers = {"server1": "", "server2": ""}
    verdict = VERDICTS.get(shown["verdict"], "")
    return visit.page(
        "admin/clock.html",
        clock=shown,
        now=visit.local(shown["utc"] + shown["shift_s"]),
        floor=visit.local(shown["floor_utc"]) if shown["floor_utc"] else None,
        why=_(verdict) if verdict else "",
        servers=servers,
    )


def set_clock(visit: Visit) -> Response:
    """Set it to a time of the site's zone."""
    text = visit.form.get("at", "")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid_value("at", worded("it must be a date and a time")) from None
    visit.run(
        "set_system_time",
        day=at.day,
        month=at.month,
        year=at.year,
        hour=at.hour,
        minute=at.minute,
        second=at.second,
    )
    return visit.to(PATH)


def network_time(visit: Visit) -> Response:
    """Follow time servers, or stop."""
    form = visit.form
    enabled = "enabled" in form
    visit.run("set_configuration", ntp={"enabled": "1" if enabled else "0"})
    first = form.get("server1", "").strip()
    if enabled and first:
        visit.run("set_ntp_server", server1=first, server2=form.get("server2", "").strip())
    return visit.to(PATH)


_TECHNICIAN = Right.ADMINISTRATOR

VIEWS = (
    View(PATH, clock, _TECHNICIAN),
    View(PATH, set_clock, _TECHNICIAN, "POST", labels=form_labels.CLOCK),
    View(f"{PATH}/network", network_time, _TECHNICIAN, "POST", labels=form_labels.TIME_SERVERS),
)

"""At the simulated door: what a person would do with hands, cards and cables. On no other board."""

from __future__ import annotations

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import NotSupportedHere
from gateway.web.door_state import site_state
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

_VERBS = {
    "wiegand": (("swipe", noted("Swipe card")), ("key", noted("Type keys"))),
    "osdp": (("swipe", noted("Swipe card")), ("key", noted("Type keys"))),
    "serial_qr": (("qr", noted("Show code")),),
    "serial_card": (("swipe", noted("Swipe card")),),
    "serial_uhf": (("tag", noted("Hold tag (hexadecimal)")),),
    "hid": (("type", noted("Type text")),),
    "pcsc": (("present", noted("Put card on (hexadecimal)")),),
}
"""What one does at a reader of each kind."""
_PRESS_S = "0.3"


def demo(visit: Visit) -> Response:
    """The panel."""
    state = site_state(visit.run("live_state"))
    if not state.simulated:
        raise NotSupportedHere("this board is real: go to the door")
    site = visit.context.site
    readers = [
        (it.name, it.shown, [(verb, _(label)) for verb, label in _VERBS.get(it.kind, ())])
        for it in site.reader
    ]
    return visit.page(
        "demo/demo.html",
        readers=readers,
        doors=[(it.name, it.shown) for it in site.door],
        zones=[it.number for it in site.zone],
        press_s=_PRESS_S,
    )


def act(visit: Visit) -> Response:
    """Do it, and say so."""
    asked: dict[str, object] = {}
    for name in ("verb", "reader", "door", "value"):
        if text := visit.form.get(name, "").strip():
            asked[name] = text
    zone = visit.form.get("zone", "")
    if zone.isdecimal() and zone.isascii():
        asked["zone"] = int(zone[:3])
    visit.run("simulate", **asked)
    return visit.page("demo/_done.html")


VIEWS = (
    View("/demo", demo, Right.ADMINISTRATOR),
    View("/demo", act, Right.ADMINISTRATOR, "POST"),
)

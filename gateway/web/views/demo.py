"""At the simulated door: what a person would do with hands, cards and cables. On no other board."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import NotSupportedHere
from gateway.settings import OsdpReader, Reader
from gateway.settings.addresses import SIMULATED_PORT
from gateway.settings.edit import with_reader
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
        (
            it.name,
            it.shown,
            [(verb, _(label)) for verb, label in _VERBS.get(it.kind, ())],
            list(_further(it)),
        )
        for it in site.reader
    ]
    return visit.page(
        "demo/demo.html",
        readers=readers,
        doors=[(it.name, it.shown) for it in site.door],
        zones=[it.number for it in site.zone],
        has_osdp=any(isinstance(it, OsdpReader) for it in site.reader),
        has_library=find_spec("osdp_sys") is not None,
        press_s=_PRESS_S,
    )


def fit_osdp(visit: Visit) -> Response:
    """Put an OSDP reader into the site file, on trial."""
    if not site_state(visit.run("live_state")).simulated:
        raise NotSupportedHere("this board is real: go to the door")
    readers = visit.context.site.reader
    table = {
        "name": _free("osdp", {it.name for it in readers}),
        "index": max((it.index for it in readers), default=0) + 1,
        "kind": "osdp",
        "portal": visit.context.site.door[-1].id,
        "port": SIMULATED_PORT,
    }
    text = with_reader(str(visit.run("site_file")["text"]), table)
    visit.run("apply_site_file", text=text)
    return visit.to("/demo/osdp")


def fitted(visit: Visit) -> Response:
    """How far the trial with the OSDP reader has come."""
    return visit.page("demo/osdp.html", site=visit.run("site_file"))


def fitted_part(visit: Visit) -> Response:
    """The same, asked while the processes start anew."""
    return visit.page("setup/_trial.html", site=visit.run("site_file"), back="/osdp")


def _free(name: str, taken: set[str]) -> str:
    return next(it for it in (name, *(f"{name}{n}" for n in range(2, 100))) if it not in taken)


def _further(reader: Reader) -> Iterator[tuple[str, dict[str, str]]]:
    """What else one does at a reader: label, values."""
    on_bus = isinstance(reader, OsdpReader)
    if on_bus or reader.tamper is not None:
        yield _("Take it off its wall"), {"verb": "tamper", "value": "on"}
        yield _("Put it back"), {"verb": "tamper", "value": "off"}
    if on_bus:
        yield _("Reset it: it waits to be paired"), {"verb": "osdp", "value": "reset"}
        yield _("Give it another key"), {"verb": "osdp", "value": "wrong-key"}


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
    View("/demo/osdp", fitted, Right.OWNER),
    View("/demo/osdp", fit_osdp, Right.OWNER, "POST"),
    View("/demo/osdp/trial", fitted_part, Right.OWNER),
)

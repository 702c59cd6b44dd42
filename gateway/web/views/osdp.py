"""OSDP readers: their health, and keys of their own. No key is ever shown."""

from __future__ import annotations

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, InvalidRequest, NotFound
from gateway.web.languages import gettext as _
from gateway.web.osdp_words import ShownReader, osdp_readers
from gateway.web.visit import View, Visit


def readers(visit: Visit) -> Response:
    """All of them."""
    return visit.page("osdp/osdp.html", readers=osdp_readers(visit), setup="setup" in visit.query)


def part(visit: Visit) -> Response:
    """What changes, for a page that is open."""
    return visit.page("osdp/_readers.html", readers=osdp_readers(visit))


def before_pairing(visit: Visit) -> Response:
    """What to do at the reader, and a warning, before a pairing begins."""
    return visit.page("osdp/_pair.html", reader=_reader(visit, visit.query.get("reader", "")))


def change(visit: Visit) -> Response:
    """Pair a reader, call that off, rotate its key, or try it now."""
    reader = _reader(visit, visit.form.get("reader", ""))
    said = ""
    try:
        visit.run("osdp_key", reader=reader.name, action=visit.form.get("action", ""))
    except DeviceUnavailable:
        said = _("The port of %(reader)s cannot be used now.", reader=reader.shown)
    return visit.page("osdp/_readers.html", readers=osdp_readers(visit), said=said)


def _reader(visit: Visit, name: str) -> ShownReader:
    if not name:
        raise InvalidRequest("reader: a name is needed")
    found = next((it for it in osdp_readers(visit) if it.name == name), None)
    if found is None:
        raise NotFound(_("This site has no OSDP reader %(name)s.", name=name))
    return found


VIEWS = (
    View("/osdp", readers, Right.ADMINISTRATOR),
    View("/osdp/part", part, Right.ADMINISTRATOR),
    View("/osdp/pair", before_pairing, Right.OWNER),
    View("/osdp", change, Right.OWNER, "POST"),
)

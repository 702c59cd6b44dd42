"""The settings: an index of all of them."""

from __future__ import annotations

from flask import Response

from gateway.commands.rights import Right, may
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.row_forms import ROW_FORMS
from gateway.web.views.configuration import GROUPS, found, settable
from gateway.web.visit import View, Visit

PLACES: tuple[tuple[str, str, str, Right], ...] = (
    (
        "/settings/site",
        noted("The site file"),
        noted("Which readers, locks and inputs exist, and their wires."),
        Right.OWNER,
    ),
    (
        "/settings/network",
        noted("Network"),
        noted("Addresses, host name and ports."),
        Right.ADMINISTRATOR,
    ),
    (
        "/settings/time",
        noted("Time"),
        noted("The clock, whether it is trusted, and time servers."),
        Right.ADMINISTRATOR,
    ),
    (
        "/settings/certificate",
        noted("Certificate"),
        noted("What HTTPS shows, and its fingerprint."),
        Right.ADMINISTRATOR,
    ),
    (
        "/settings/logins",
        noted("Logins and tokens"),
        noted("Who may sign in, and which programs."),
        Right.OWNER,
    ),
    (
        "/settings/gestures",
        noted("Gestures at readers"),
        noted("Second cards that hold a door, cards and keys that arm."),
        Right.ADMINISTRATOR,
    ),
    (
        "/settings/zone-sets",
        noted("Sets of alarm zones"),
        noted("Which zones are armed together, and what chimes."),
        Right.ADMINISTRATOR,
    ),
    (
        "/settings/servers",
        noted("Servers"),
        noted("Where events go and commands come from, with a test of each."),
        Right.ADMINISTRATOR,
    ),
    (
        "/settings/backup",
        noted("Backup and restore"),
        noted("Everything in one file, and back."),
        Right.OWNER,
    ),
    (
        "/settings/update",
        noted("Update"),
        noted("Install a signed file, and see how the last one went."),
        Right.OWNER,
    ),
    (
        "/settings/restart",
        noted("Restart and reset"),
        noted("Start the machine anew, or delete everything."),
        Right.OWNER,
    ),
    (
        "/settings/diagnostics",
        noted("File for support"),
        noted("What the device knows of itself, without secrets."),
        Right.OWNER,
    ),
    (
        "/settings/about",
        noted("About this device"),
        noted("Version, update, licences."),
        Right.ANY_SESSION,
    ),
)
"""Address, name, sentence (both marked by `noted`) and right of each place under `/settings`."""


ELSEWHERE: tuple[tuple[str, str, str, Right], ...] = (
    (
        "/rules",
        noted("Rules"),
        noted("Who may pass where and when: rules, schedules, holidays, groups."),
        Right.ANY_SESSION,
    ),
    (
        "/rules/factors",
        noted("What portals ask for"),
        noted("Card, PIN or both, by portal and schedule."),
        Right.ANY_SESSION,
    ),
    (
        "/inside",
        noted("Who is inside"),
        noted("Muster list, limits of areas, escorts of visitors."),
        Right.ANY_SESSION,
    ),
    (
        "/threat-levels",
        noted("Threat levels"),
        noted("Who passes, and with what, while one is in force."),
        Right.ANY_SESSION,
    ),
    (
        "/triggers",
        noted("Triggers"),
        noted("What an event or a time sets off: outputs, messages, the siren, modes."),
        Right.ADMINISTRATOR,
    ),
    (
        "/wiring",
        noted("Wiring bench"),
        noted("What readers send and inputs show, and a test of each output."),
        Right.ADMINISTRATOR,
    ),
    (
        "/osdp",
        noted("OSDP readers"),
        noted("Their health, pairing and keys."),
        Right.ADMINISTRATOR,
    ),
)
"""The same of what is set under More: found here, but not listed."""


def settings(visit: Visit) -> Response:
    """Where what is set, or the settings that match a search; for a script these alone."""
    groups = [
        (f"/settings/{slug}", _(group.title), _(group.about))
        for slug, group in GROUPS.items()
        if settable(group, visit.context.site)
    ]
    groups += [
        (f"/settings/doors/{form.slug}", _(form.title), _(form.about))
        for form in ROW_FORMS
        if form.fits(visit.context.site)
    ]
    text = visit.query.get("q", "").strip()[:100]
    places = [
        (path, _(name), _(about))
        for path, name, about, right in (*PLACES, *(ELSEWHERE if text else ()))
        if may(visit.caller, right)
    ]
    return visit.page(
        "settings/_found.html" if visit.in_part else "settings/index.html",
        places=[it for it in groups + places if _matches(it, text)],
        text=text,
        found=found(visit, text),
    )


def _matches(place: tuple[str, str, str], text: str) -> bool:
    """Whether each word of a search is in the name of a place or in what is said about it."""
    told = " ".join(place[1:]).casefold()
    return all(word in told for word in text.casefold().split())


VIEWS = (View("/settings", settings, Right.ADMINISTRATOR),)

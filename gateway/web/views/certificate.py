"""The certificate that HTTPS shows."""

from __future__ import annotations

from flask import Response, request

from gateway.commands.rights import Right
from gateway.errors import NotFound
from gateway.web.visit import View, Visit

PATH = "/settings/certificate"
_PAIR = 2
"""Digits of a byte, as browsers part a fingerprint."""


def certificate(visit: Visit) -> Response:
    """What it says, and the form for another one."""
    try:
        shown = visit.run("ssl_certificate_information")
    except NotFound:
        return visit.page("admin/certificate.html", certificate=None)
    digits = shown["fingerprint"]
    return visit.page(
        "admin/certificate.html",
        certificate=shown,
        pairs=[digits[at : at + _PAIR] for at in range(0, len(digits), _PAIR)],
        begins=visit.local(shown["not_before_utc"]),
        ends=visit.local(shown["not_after_utc"]),
        expired=visit.local(shown["not_after_utc"]) <= visit.local_now,
    )


def replace(visit: Visit) -> Response:
    """Serve the certificate and key that were chosen."""
    files = (request.files.get(name) for name in ("key", "certificate"))
    body = b"\n".join(file.read() for file in files if file is not None)
    visit.run("ssl_certificate_change", body=body)
    return visit.to(PATH)


def make(visit: Visit) -> Response:
    """Go back to a certificate of the device's own."""
    visit.run("set_system_network", self_signed_certificate=True)
    return visit.to(PATH)


VIEWS = (
    View(PATH, certificate, Right.ADMINISTRATOR),
    View(PATH, replace, Right.OWNER, "POST"),
    View(f"{PATH}/make", make, Right.ADMINISTRATOR, "POST"),
)

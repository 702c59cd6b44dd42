"""Signing in and out, and the language."""

from __future__ import annotations

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import InvalidRequest, NotAuthenticated
from gateway.web.cookies import forget_session, keep_language, keep_session
from gateway.web.languages import LANGUAGES
from gateway.web.languages import gettext as _
from gateway.web.visit import View, Visit

_LONGEST_NEXT = 500


def sign_in(visit: Visit) -> Response:
    """The form for login and password."""
    if visit.caller.role is not None and "over" not in visit.query:
        return visit.to(_own_path(visit.query.get("next", "")))
    said = _("Your session is over. Sign in to go on.") if "over" in visit.query else ""
    return _form(visit, 200, said)


def signed_in(visit: Visit) -> Response:
    """Open a session for a login and its password."""
    form = visit.form
    try:
        answer = visit.run("login", login=form.get("login", ""), password=form.get("password", ""))
    except NotAuthenticated:
        return _form(visit, 401, _("Wrong login or password."))
    except InvalidRequest:
        return _form(visit, 400, _("Enter a login and a password."))
    response = visit.to(_own_path(form.get("next", "")))
    keep_session(response, str(answer["session"]))
    return response


def signed_out(visit: Visit) -> Response:
    """End the session."""
    visit.run("logout")
    response = visit.to("/sign-in")
    forget_session(response)
    return response


def language(visit: Visit) -> Response:
    """Remember the language in this browser."""
    wanted = visit.form.get("language", "")
    if wanted not in LANGUAGES:
        raise InvalidRequest(f"language: must be one of {', '.join(LANGUAGES)} (found {wanted!r})")
    response = visit.to(_own_path(visit.form.get("next", "")))
    keep_language(response, wanted)
    return response


def _form(visit: Visit, status: int, said: str) -> Response:
    # A password belongs to the device: nothing typed comes back in the page.
    values = visit.form or visit.query
    back = _own_path(values.get("next", ""))
    return visit.page("account/sign_in.html", status, said=said, next=back)


def _own_path(path: str) -> str:
    """`path` if it is one of this device's, else the first page."""
    own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if own and len(path) <= _LONGEST_NEXT else "/"


VIEWS = (
    View("/sign-in", sign_in, Right.NONE),
    View("/sign-in", signed_in, Right.NONE, "POST"),
    View("/sign-out", signed_out, Right.SESSION_ONLY, "POST"),
    View("/language", language, Right.NONE, "POST"),
)

"""Who may sign in, and the tokens of programs."""

from __future__ import annotations

from datetime import datetime

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import worded
from gateway.objects.fields import invalid_value
from gateway.web import form_labels
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

PATH = "/settings/logins"
ROLES = {
    "administrator": noted("Technician: everything"),
    "operator": noted("Operator: doors, people and log"),
    "door_opener": noted("Another device: opens doors"),
    "door_reader": noted("Another device: sees doors"),
}


def logins(visit: Visit) -> Response:
    """The logins and tokens there are."""
    return _page(visit, "")


def create(visit: Visit) -> Response:
    """Add a login."""
    role = visit.form.get("role", "")
    visit.run("create_login", login=_login(visit), password=_password(visit), role=role)
    return visit.to(PATH)


def change_role(visit: Visit) -> Response:
    """Give a login another role."""
    visit.run("modify_login", login=_login(visit), role=visit.form.get("role", ""))
    return visit.to(PATH)


def change_password(visit: Visit) -> Response:
    """Set a password; whoever sets the own one stays signed in."""
    login = _login(visit)
    command = "change_login" if login == visit.caller.login else "modify_login"
    visit.run(command, login=login, password=_password(visit))
    return visit.to(PATH)


def end_sessions(visit: Visit) -> Response:
    """Sign a login out everywhere but here."""
    visit.run("end_login_sessions", login=_login(visit))
    return visit.to(PATH)


def delete(visit: Visit) -> Response:
    """Delete a login."""
    visit.run("delete_login", login=_login(visit))
    return visit.to(PATH)


def create_token(visit: Visit) -> Response:
    """Make a token, and show it this once."""
    made = visit.run("create_token", name=visit.form.get("name", "").strip())
    return _page(visit, str(made["token"]))


def revoke_token(visit: Visit) -> Response:
    """Revoke a token."""
    visit.run("revoke_token", name=visit.form.get("name", ""))
    return visit.to(PATH)


def _page(visit: Visit, token: str) -> Response:
    tokens = [
        {**it, "created": visit.local(datetime.fromisoformat(it["created"]).timestamp())}
        for it in visit.run("list_tokens")["tokens"]
    ]
    return visit.page(
        "admin/logins.html",
        logins=visit.run("list_logins")["logins"],
        roles={role: _(words) for role, words in ROLES.items()},
        tokens=tokens,
        token=token,
    )


def _login(visit: Visit) -> str:
    # Not in the address: a login may have any sign.
    return visit.form.get("login", "")


def _password(visit: Visit) -> str:
    form = visit.form
    if form.get("password") != form.get("again"):
        raise invalid_value("again", worded("the two passwords differ"))
    return form.get("password", "")


_OWNER = Right.OWNER

VIEWS = (
    View(PATH, logins, _OWNER),
    View(PATH, create, _OWNER, "POST", labels=form_labels.LOGIN),
    View(f"{PATH}/role", change_role, _OWNER, "POST", labels=form_labels.LOGIN),
    View(f"{PATH}/password", change_password, _OWNER, "POST", labels=form_labels.LOGIN),
    View(f"{PATH}/end-sessions", end_sessions, _OWNER, "POST"),
    View(f"{PATH}/delete", delete, _OWNER, "POST"),
    View("/settings/tokens", create_token, _OWNER, "POST", labels=form_labels.TOKEN),
    View("/settings/tokens/revoke", revoke_token, _OWNER, "POST"),
)

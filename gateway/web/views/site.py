"""The site file: what is wrong in it, and another one on trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import InvalidRequest
from gateway.settings.problems import read_problems
from gateway.web.addresses import new_address
from gateway.web.visit import View, Visit


def site(visit: Visit) -> Response:
    """The file, its problems, and the trial if one runs."""
    shown = visit.run("site_file")
    return _page(visit, str(shown["text"]), None)


def change(visit: Visit) -> Response:
    """Check the text, or try it."""
    text = visit.form.get("text", "").replace("\r\n", "\n")
    checked = visit.run("check_site_file", text=text)
    if visit.form.get("do") != "try" or checked["problems"]:
        return _page(visit, text, checked)
    try:
        visit.run("apply_site_file", text=text, accept_missing="accept_missing" in visit.form)
    except InvalidRequest:
        return _page(visit, text, checked)
    return visit.to("/settings/site")


def confirm(visit: Visit) -> Response:
    """Keep the file on trial."""
    visit.run("confirm_site_file", digest=visit.form.get("digest", ""))
    return visit.to(_back(visit))


def take_back(visit: Visit) -> Response:
    """End the trial."""
    visit.run("take_back_site_file", digest=visit.form.get("digest", ""))
    return visit.to(_back(visit))


def trial_part(visit: Visit) -> Response:
    """How far the trial has come."""
    shown = visit.run("site_file")
    return visit.page("setup/_trial.html", site=shown, back="/settings/site")


def _page(visit: Visit, text: str, checked: Mapping[str, Any] | None) -> Response:
    shown: Any = visit.run("site_file")
    trial = shown["trial"]
    runs = trial and trial["state"] != "taken_back" and trial["digest"] != shown["api"]
    moved = _address(visit, trial["text"]) if runs else ""
    return visit.page(
        "setup/site.html",
        site=shown,
        text=text,
        checked=checked,
        lines=text.split("\n"),
        moved=moved,
        back="/settings/site",
    )


def _address(visit: Visit, text: str) -> str:
    """Where this page is once `text` is in force; empty if it stays where it is."""
    proposed, _problems = read_problems(text)
    if proposed is None:
        return ""
    after = proposed.http
    return new_address(visit.context.site.http, after.plain_address, after.tls, "/settings/site")


def _back(visit: Visit) -> str:
    back = visit.form.get("back", "")
    return back if back in {"/setup", "/osdp", "/settings/site"} else "/settings/site"


_OWNER = Right.OWNER

VIEWS = (
    View("/settings/site", site, _OWNER),
    View("/settings/site", change, _OWNER, "POST"),
    View("/settings/site/confirm", confirm, _OWNER, "POST"),
    View("/settings/site/take-back", take_back, _OWNER, "POST"),
    View("/settings/site/parts/trial", trial_part, _OWNER),
)

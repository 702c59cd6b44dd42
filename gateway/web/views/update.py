"""Signed updates: sending one, what it is, installing it, and how the last one went."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from gateway.api.reading import upload
from gateway.commands.rights import Right
from gateway.errors import (
    DeviceUnavailable,
    InvalidRequest,
    NotFound,
    NotSupportedHere,
    StorageError,
)
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

PATH = "/settings/update"
STEPS = {
    "": noted("The update was checked again"),
    "keep": noted("The former version is kept"),
    "stop": noted("The services stop"),
    "back_up": noted("Both databases are backed up"),
    "start": noted("The new version starts"),
}
"""In their order; `go_back` comes only when the last of them fails."""
OUTCOMES = {
    "runs": noted("Version %(version)s is being installed."),
    "done": noted("Version %(version)s was installed; before it was %(former)s."),
    "went_back": noted("Version %(version)s did not start: the device went back to %(former)s."),
    "failed": noted("Version %(version)s was not installed. %(former)s was there before."),
}
_REFUSALS = (InvalidRequest, NotSupportedHere, DeviceUnavailable, NotFound, StorageError)


def update(visit: Visit) -> Response:
    """Send an update, and how the last one went."""
    last = visit.run("update_state")["last"]
    return visit.page(
        "upkeep/update.html",
        last=last,
        outcome=OUTCOMES[last["outcome"]] if last else "",
        at=visit.local(last["at_utc"]) if last else None,
    )


def sent(visit: Visit, name: str) -> Response:
    """What the sent update is, or why it is refused."""
    try:
        found = visit.run(name, **upload(request.environ["wsgi.input"]))
    except _REFUSALS as error:
        return visit.page("upkeep/_update_refused.html", 400, why=str(error))
    return visit.page("upkeep/_update.html", found=found)


def install(visit: Visit) -> Response:
    """Have the update installed that was sent."""
    try:
        visit.run("install_update")
    except _REFUSALS as error:
        return visit.page("upkeep/updating.html", 400, why=str(error))
    return visit.to(f"{PATH}/progress")


def progress(visit: Visit) -> Response:
    """How far the installation has come; it follows by itself, also past the restart."""
    return visit.page("upkeep/updating.html", why="", **_progress(visit))


def progress_part(visit: Visit) -> Response:
    """The same, as a part of that page."""
    return visit.page("upkeep/_updating.html", **_progress(visit))


def _progress(visit: Visit) -> dict[str, Any]:
    last = visit.run("update_state")["last"]
    names = list(STEPS)
    step = last["step"] if last else ""
    return {
        "last": last,
        "outcome": OUTCOMES[last["outcome"]] if last else "",
        "steps": list(STEPS.values()),
        "now": names.index(step) if step in names else len(names),
        "goes_back": step == "go_back",
    }


VIEWS = (
    View(PATH, update, Right.OWNER),
    View(f"{PATH}/send", sent, Right.OWNER, "POST", body_of="upload_update"),
    View(f"{PATH}/install", install, Right.OWNER, "POST"),
    View(f"{PATH}/progress", progress, Right.OWNER),
    View(f"{PATH}/parts/progress", progress_part, Right.OWNER),
)

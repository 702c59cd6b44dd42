"""Backup and restore, restart, factory reset, the file for support, and what this program is."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import metadata
from urllib.parse import unquote

from flask import Response, request

from gateway.api.reading import upload
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, InvalidRequest, NotSupportedHere
from gateway.objects.catalogue import REGISTRY
from gateway.store.backup_secrets import SHORTEST_PASSPHRASE
from gateway.web import form_labels
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.vendored import VENDORED
from gateway.web.visit import View, Visit

CONTENTS = {
    "versions.json": noted("versions of the program, its packages and the system"),
    "doctor.txt": noted("what is not well, and its cures"),
    "units.txt": noted("states of the services"),
    "configuration.json": noted("settings, without the secret ones"),
    "site.json": noted("the site: doors, readers, pins, without the file's comments"),
    "state.json": noted("doors and who set a mode, readers and their health, faults, clock"),
    "journal.json": noted("how many entries of each kind the journal has, not the entries"),
    "rows.json": noted("how many people, cards and rules there are, not which"),
    "sizes.json": noted("sizes of the files, free disk and memory"),
    "log.txt": noted("the newest 500 lines of the program that serves this page"),
}
"""What is in each part of the file for support."""
_FIRST = {
    "users": noted("People"),
    "cards": noted("Cards"),
    "pins": noted("PINs"),
    "groups": noted("Groups"),
    "access_rules": noted("Rules"),
    "time_zones": noted("Schedules"),
    "portals": noted("Portals"),
    "user_photos": noted("Photos"),
    "access_logs": noted("Accesses"),
}
"""Objects that a person knows, which a preview shows first."""


def backup(visit: Visit) -> Response:
    """Save a backup, or choose one to restore."""
    return visit.page("upkeep/backup.html", why="")


def backup_file(visit: Visit) -> Response:
    """The backup."""
    passphrase = visit.form.get("passphrase", "")
    why = ""
    if passphrase != visit.form.get("again", ""):
        why = _("The two passphrases differ.")
    elif passphrase and len(passphrase) < SHORTEST_PASSPHRASE:
        why = _("A passphrase has at least %(num)s characters.", num=SHORTEST_PASSPHRASE)
    if why:
        return visit.page("upkeep/backup.html", 400, why=why)
    return visit.download("backup_objects", passphrase=passphrase)


def preview(visit: Visit, name: str) -> Response:
    """What the sent file would change, or why it is refused."""
    try:
        found = visit.run(name, **_sent())
    except InvalidRequest as error:
        return visit.page("upkeep/_refused.html", 400, why=str(error))
    tables = {row["object"]: row for row in found["objects"]}
    known = [{**tables.pop(it), "title": words} for it, words in _FIRST.items() if it in tables]
    logs = {declared.name for declared in REGISTRY if declared.log}
    return visit.page(
        "upkeep/_preview.html",
        found=found,
        created=_moment(visit, found["created"]),
        known=known,
        others=[row for row in tables.values() if row["present"] or row["after"]],
        logs=logs,
    )


def restore(visit: Visit, name: str) -> Response:
    """Restore the sent file."""
    try:
        found = visit.run(name, **_sent())
    except InvalidRequest as error:
        return visit.page("upkeep/_refused.html", 400, why=str(error))
    return visit.page("upkeep/_restored.html", created=_moment(visit, found["created"]))


def _sent() -> dict[str, object]:
    """The file, and what the form says of its secrets."""
    return {
        **upload(request.environ["wsgi.input"]),
        "passphrase": unquote(request.headers.get("Backup-Passphrase", "")),
        "without_secrets": request.args.get("without_secrets") == "1",
    }


def _moment(visit: Visit, iso: str) -> datetime | None:
    """When a backup was made; None for what a foreign file says instead."""
    try:
        return visit.local(datetime.fromisoformat(iso).timestamp())
    except (ValueError, OverflowError, OSError):
        return None


def restart(visit: Visit) -> Response:
    """Restart the machine, or reset the device."""
    return visit.page("upkeep/restart.html", why="", wrong=False)


def restarted(visit: Visit) -> Response:
    """Restart; the page leads to the sign-in once the device is back."""
    try:
        visit.run("reboot")
    except (NotSupportedHere, DeviceUnavailable) as error:
        return visit.page("upkeep/restart.html", 400, why=str(error), wrong=False)
    return visit.page("upkeep/restarting.html")


def reset(visit: Visit) -> Response:
    """Delete people, rules and logs, after the name of the site was typed."""
    if visit.form.get("name", "").strip() != visit.context.site.site.name.strip():
        return visit.page("upkeep/restart.html", 400, why="", wrong=True)
    visit.run("reset_to_factory_default")
    return visit.page("upkeep/was_reset.html")


def diagnostics(visit: Visit) -> Response:
    """What the file for support holds, and the file."""
    return visit.page("upkeep/diagnostics.html", contents=CONTENTS)


def diagnostics_file(visit: Visit) -> Response:
    """The file for support."""
    return visit.download("diagnostics")


def about(visit: Visit) -> Response:
    """Version, how it is updated, licences."""
    licence = metadata("gateway")["License-Expression"]
    return visit.page("upkeep/about.html", parts=VENDORED, licence=licence)


_OWNER = Right.OWNER

VIEWS = (
    View("/settings/backup", backup, _OWNER),
    View("/settings/backup/file", backup_file, _OWNER, "POST", labels=form_labels.BACKUP),
    View("/settings/backup/preview", preview, _OWNER, "POST", body_of="preview_restore"),
    View("/settings/backup/restore", restore, _OWNER, "POST", body_of="restore_objects"),
    View("/settings/restart", restart, _OWNER),
    View("/settings/restart", restarted, _OWNER, "POST"),
    View("/settings/reset", reset, _OWNER, "POST", labels=form_labels.RESET),
    View("/settings/diagnostics", diagnostics, _OWNER),
    View("/settings/diagnostics/file", diagnostics_file, _OWNER),
    View("/settings/about", about),
)

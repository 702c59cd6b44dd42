"""People from a spreadsheet and to one: dry run, import, progress, undo, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from gateway.commands.sheets import ENCODINGS
from gateway.errors import InvalidRequest
from gateway.web.languages import ENGLISH, noted
from gateway.web.languages import gettext as _
from gateway.web.visit import View, Visit

_SHOWN = 5
"""First rows of each action that a dry run shows."""
_OBJECTS = {
    "users": noted("People"),
    "cards": noted("Cards"),
    "pins": noted("PINs"),
    "groups": noted("Groups"),
    "user_groups": noted("Memberships in groups"),
    "qrcodes": noted("QR codes"),
}
_ACTIONS = {
    "added": noted("added"),
    "changed": noted("changed"),
    "removed": noted("removed"),
    "refused": noted("refused"),
}
_EXPORTED = ("groups", "users", "user_groups", "cards")


@dataclass(frozen=True, slots=True)
class _FirstRows:
    """What happens to some rows of one object."""

    title: str
    action: str
    rows: tuple[str, ...]


def importing(visit: Visit) -> Response:
    """The form, and what the last import did."""
    return visit.page("people/import.html", encodings=ENCODINGS, **_state(visit), undone=False)


def check(visit: Visit, name: str) -> Response:
    """What the file would do; nothing changes."""
    answer = visit.run(name, **_members(visit), dry_run=True)
    return visit.page(
        "people/_checked.html",
        counts=_counts(answer["changes"]),
        refused=answer["refused"],
        sections=list(_sections(answer["rows"])),
        notes=answer.get("notes", []),
        removed=answer["changes"].get("users", {}).get("removed", 0),
    )


def carry_out(visit: Visit, name: str) -> Response:
    """Import the file, all rows or none."""
    visit.run(name, **_members(visit))
    return visit.page("people/_last.html", **_state(visit), undone=False)


def progress(visit: Visit) -> Response:
    """How far the running import is."""
    return visit.page("people/_progress.html", state=visit.run("import_state"))


def undo(visit: Visit) -> Response:
    """Undo the last import."""
    visit.run("undo_import")
    return visit.page("people/_last.html", **_state(visit), undone=True)


def export(visit: Visit) -> Response:
    """People, cards and groups as a spreadsheet, which can be imported again."""
    return visit.download(
        "export_objects",
        objects=[{"object": name} for name in _EXPORTED],
        delimiter="," if visit.language == ENGLISH else ";",
        bom=True,
        cards="facility,number",
    )


def _members(visit: Visit) -> dict[str, object]:
    form, file = visit.form, request.files.get("file")
    if file is None or not file.filename:
        raise InvalidRequest("Choose a file.", why=_("Choose a file."))
    members: dict[str, object] = {
        "data": file.read(),
        "object": "users",
        "resolution": form.get("resolution", "fail"),
    }
    if form.get("remove") == "1":
        members["remove_missing"] = ["users"]
    for name in ("encoding", "card_number"):
        if form.get(name):
            members[name] = form[name]
    return members


def _state(visit: Visit) -> dict[str, Any]:
    last = visit.run("import_state").get("last")
    counts = _counts(last["objects"]) if last else []
    return {"last": last, "counts": counts}


def _counts(changes: Mapping[str, Mapping[str, int]]) -> list[dict[str, object]]:
    known = [name for name in _OBJECTS if name in changes]
    others = [name for name in changes if name not in _OBJECTS]
    return [{"title": _title(name), **changes[name]} for name in (*known, *others)]


def _title(name: str) -> str:
    return _(_OBJECTS[name]) if name in _OBJECTS else name


def _sections(rows: list[Mapping[str, Any]]) -> Iterator[_FirstRows]:
    for action, words in _ACTIONS.items():
        chosen = [row for row in rows if row["action"] == action]
        for name in dict.fromkeys(row["object"] for row in chosen):
            some = [row for row in chosen if row["object"] == name][:_SHOWN]
            yield _FirstRows(_title(name), _(words), tuple(map(_line, some)))


def _line(row: Mapping[str, Any]) -> str:
    if "error" in row:
        return str(row["error"])
    shown = row.get("values") or {}
    parts = [f"{name} {value}" for name, value in shown.items() if value not in {"", 0, None}]
    parts += [f"{name} {old} → {new}" for name, (old, new) in (row.get("changes") or {}).items()]
    text = ", ".join(parts)
    return _("row %(number)s: %(text)s", number=row["row"], text=text) if "row" in row else text


VIEWS = (
    View("/people/import", importing),
    View("/people/import/check", check, method="POST", body_of="import_objects"),
    View("/people/import", carry_out, method="POST", body_of="import_objects"),
    View("/people/import/progress", progress),
    View("/people/import/undo", undo, method="POST"),
    View("/people/export", export),
)

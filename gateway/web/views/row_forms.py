"""Rows of objects that belong to doors, as forms."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.web.row_forms import AS_ALL, ROW_FORMS, RowForm
from gateway.web.visit import View, Visit


def show(form: RowForm, visit: Visit) -> Response:
    """A form for each door."""
    return _page(form, visit)


def save(form: RowForm, visit: Visit, door: int) -> Response:
    """Store the row of a door, or the refusal in its form."""
    values = {field.name: _typed(form, visit, field.name) for field in form.fields}
    try:
        row = {**values, "door_id": door}
        visit.run("create_or_modify_objects", object=form.object_name, values=[row])
    except InvalidRequest as error:
        return _page(form, visit, door, values, str(error))
    return _page(form, visit, saved=door)


def clear(form: RowForm, visit: Visit, door: int) -> Response:
    """Delete the row of a door: it has what all doors have."""
    where = {form.object_name: {"door_id": door}}
    visit.run("destroy_objects", object=form.object_name, where=where)
    return visit.to(f"/settings/doors/{form.slug}")


def _typed(form: RowForm, visit: Visit, name: str) -> int | str:
    text = visit.form.get(name, "").strip()
    match form.kind(name):
        case "flag":
            return int(text == "1")
        case "text":
            return text
    if not text and form.may_be_empty(name):
        return AS_ALL
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise InvalidRequest(f"{name}: must be a number (found {text[:20]!r})")
    return int(text)


def _page(
    form: RowForm,
    visit: Visit,
    wrong: int = 0,
    typed: dict[str, Any] | None = None,
    refused: str = "",
    *,
    saved: int = 0,
) -> Response:
    stored = {row["door_id"]: row for row in visit.rows(form.object_name)}
    new = {field.name: field.default for field in REGISTRY[form.object_name].fields}
    doors = [
        (number, shown, stored.get(number, new) if number != wrong else typed, number in stored)
        for number, shown in form.doors(visit.context.site)
    ]
    return visit.page(
        "settings/rows.html",
        422 if refused else 200,
        form=form,
        doors=doors,
        wrong=wrong,
        refused=refused,
        saved=saved,
        as_all=AS_ALL,
    )


VIEWS = tuple(
    view
    for form in ROW_FORMS
    for view in (
        View(f"/settings/doors/{form.slug}", partial(show, form), Right.ADMINISTRATOR),
        View(
            f"/settings/doors/{form.slug}/<int:door>",
            partial(save, form),
            Right.ADMINISTRATOR,
            "POST",
        ),
        View(
            f"/settings/doors/{form.slug}/<int:door>/clear",
            partial(clear, form),
            Right.ADMINISTRATOR,
            "POST",
        ),
    )
)

"""Rows of objects that belong to doors, as forms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.web.row_forms import AS_ALL, ROW_FORMS, RowForm, RowLink
from gateway.web.visit import View, Visit

NEW = 0
"""In the place of the key of a row that is not there yet."""


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row in its form."""

    number: int
    title: str
    values: dict[str, Any]
    is_stored: bool
    ticked: dict[str, set[int]]
    """By object that ties something to it."""


def show(form: RowForm, visit: Visit) -> Response:
    """A form for each row."""
    return _page(form, visit)


def save(form: RowForm, visit: Visit, row: int) -> Response:
    """Store a row, or show the refusal in its form."""
    try:
        values = {field.name: _typed(form, visit, field.name) for field in form.fields}
        number = _stored(form, visit, row, values)
        for link in form.links:
            _tie(form, link, visit, number)
    except InvalidRequest as error:
        return _page(form, visit, row, str(error))
    return _page(form, visit, saved=number)


def clear(form: RowForm, visit: Visit, row: int) -> Response:
    """Delete a row."""
    where = {form.object_name: {form.key: row}}
    visit.run("destroy_objects", object=form.object_name, where=where)
    return visit.to(f"/settings/doors/{form.slug}")


def _stored(form: RowForm, visit: Visit, row: int, values: dict[str, Any]) -> int:
    """The number of the row, which is stored now."""
    name = form.object_name
    if form.key == "id" and row != NEW:
        visit.run("modify_objects", object=name, values=values, where={name: {"id": row}})
        return row
    if form.key == "id":
        return int(visit.run("create_objects", object=name, values=[values])["ids"][0])
    row_of_door = {**values, form.key: row}
    visit.run("create_or_modify_objects", object=name, values=[row_of_door])
    return row


def _tie(form: RowForm, link: RowLink, visit: Visit, number: int) -> None:
    """Tie to the row what is ticked, and nothing else."""
    wanted = {_number(link.field, text) for text in visit.form.getlist(link.object_name)}
    present = _ticked(form, link, visit).get(number, set())
    name = link.object_name
    if new := sorted(wanted - present):
        rows = [{form.tie: number, link.field: it} for it in new]
        visit.run("create_objects", object=name, values=rows)
    if gone := sorted(present - wanted):
        where = {name: {form.tie: number, link.field: gone}}
        visit.run("destroy_objects", object=name, where=where)


def _ticked(form: RowForm, link: RowLink, visit: Visit) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for row in visit.rows(link.object_name):
        found.setdefault(row[form.tie], set()).add(row[link.field])
    return found


def _typed(form: RowForm, visit: Visit, name: str) -> int | str:
    kind = form.kind(name)
    if kind == "text":
        entered = ",".join(filter(None, (it.strip() for it in visit.form.getlist(name))))
        if form.named and name == "name" and not entered:
            raise InvalidRequest("name: must not be empty")
        return entered
    text = visit.form.get(name, "").strip()
    if kind == "flag":
        return int(text == "1")
    if not text and form.may_be_empty(name):
        return AS_ALL
    return _number(name, text)


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidRequest(f"{name}: must be a number (found {text[:20]!r})")
    return int(text)


def _names(refused: str, field: str) -> bool:
    """Whether a refusal is about a field: it has the field's name as a word."""
    return field in re.split(r"\W+", refused)


def _page(
    form: RowForm, visit: Visit, wrong: int = -1, refused: str = "", *, saved: int = -1
) -> Response:
    rows = _rows(form, visit)
    if refused:
        rows = [_as_typed(form, visit, it) if it.number == wrong else it for it in rows]
    choices = {link.object_name: _choices(link, visit) for link in form.links}
    return visit.page(
        "settings/rows.html",
        422 if refused else 200,
        form=form,
        rows=rows,
        choices=choices,
        wrong=wrong,
        refused=refused,
        refused_label=next((it.label for it in form.fields if _names(refused, it.name)), ""),
        saved=saved,
        as_all=AS_ALL,
        targets={
            field.name: visit.rows(form.target(field.name), fields=["id", "name"], order=["name"])
            for field in form.fields
            if form.kind(field.name) == "row"
        },
        doors=[(door.id, door.shown) for door in visit.context.site.doors()],
    )


def _rows(form: RowForm, visit: Visit) -> list[ShownRow]:
    fields = [field.name for field in REGISTRY[form.object_name].fields]
    stored = {row[form.key]: dict(row) for row in visit.rows(form.object_name, fields=fields)}
    ticked = {link.object_name: _ticked(form, link, visit) for link in form.links}
    new = {field.name: field.default for field in REGISTRY[form.object_name].fields}
    if form.named:
        places = [(number, str(row["name"])) for number, row in stored.items()] + [(NEW, "")]
    else:
        places = form.doors(visit.context.site)
    return [
        ShownRow(
            number,
            title,
            stored.get(number, new),
            number in stored,
            {name: by_row.get(number, set()) for name, by_row in ticked.items()},
        )
        for number, title in places
        if number in stored or not form.kept
    ]


def _as_typed(form: RowForm, visit: Visit, shown: ShownRow) -> ShownRow:
    """The row with what was typed, where that is more than nothing."""
    typed: dict[str, Any] = {
        field.name: ",".join(visit.form.getlist(field.name))
        if form.kind(field.name) == "text"
        else visit.form.get(field.name, "0" if form.kind(field.name) == "flag" else "")
        for field in form.fields
    }
    values = {
        name: int(text) if text.isdecimal() and form.kind(name) != "text" else text
        for name, text in typed.items()
    }
    ticked = {
        link.object_name: {int(it) for it in visit.form.getlist(link.object_name) if it.isdecimal()}
        for link in form.links
    }
    return ShownRow(shown.number, shown.title, {**shown.values, **values}, shown.is_stored, ticked)


def _choices(link: RowLink, visit: Visit) -> list[tuple[int, str]]:
    site = visit.context.site
    if link.choices == "doors":
        return [(door.id, door.shown) for door in site.doors()]
    if link.choices == "readers":
        return [(reader.index, reader.shown) for reader in site.reader]
    rows = visit.rows(link.choices, fields=["id", "name"], order=["name"])
    return [(row["id"], str(row["name"])) for row in rows]


def _views(form: RowForm) -> tuple[View, ...]:
    at, needs = f"/settings/doors/{form.slug}", Right.ADMINISTRATOR
    views = (
        View(at, partial(show, form), needs),
        View(f"{at}/<int:row>", partial(save, form), needs, "POST"),
    )
    if form.kept:
        return views
    return (*views, View(f"{at}/<int:row>/clear", partial(clear, form), needs, "POST"))


VIEWS = tuple(view for form in ROW_FORMS for view in _views(form))

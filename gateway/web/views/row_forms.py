"""Rows of objects that belong to doors, as forms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import InvalidRequest, worded
from gateway.objects.catalogue import REGISTRY
from gateway.objects.fields import invalid_value
from gateway.store.policy.topology import Topology
from gateway.web.languages import gettext as _
from gateway.web.refusals import FormRefusal, form_refusal
from gateway.web.row_forms import AS_ALL, ROW_FORMS, RowField, RowForm, RowLink
from gateway.web.tied_rows import TieTable, ticked, tie, tied_rows
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit

NEW = 0
"""In the place of the key of a row that is not there yet."""

Choices = list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row in its form."""

    number: int
    title: str
    fields: tuple[RowField, ...]
    values: dict[str, Any]
    is_stored: bool
    ticked: dict[str, set[int]]
    """By object that ties something to it."""
    choices: dict[str, Choices]
    """What may be tied, by the same."""


def show(form: RowForm, visit: Visit) -> Response:
    """A form for each row."""
    return _page(form, visit)


def save(form: RowForm, visit: Visit, row: int) -> Response:
    """Store a row with what is tied to it, or show the refusal in its form."""
    try:
        values: dict[str, int | str] = {}
        for field in _fields(form, visit, row):
            values |= _typed(form, visit, field)
        wanted = [ticked(visit, link.object_name) for link in form.links]
        present = [tied_rows(visit, _table(form, link)).get(row, set()) for link in form.links]
        with visit.together():
            number = _stored(form, visit, row, values)
            for link, new, old in zip(form.links, wanted, present, strict=True):
                tie(visit, _table(form, link), number, new, old)
    except InvalidRequest as error:
        refusal = form_refusal(error, form.labels)
        first = {it.beside: it.name for it in form.fields if it.beside}
        refusal = replace(refusal, field=first.get(refusal.field, refusal.field))
        return _page(form, visit, row, refusal)
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


def _table(form: RowForm, link: RowLink) -> TieTable:
    return TieTable(link.object_name, form.tie, link.field)


def _fields(form: RowForm, visit: Visit, row: int) -> tuple[RowField, ...]:
    door = next((it for it in visit.context.site.doors() if it.id == row), None)
    return form.of_door(None if form.named else door)


def _typed(form: RowForm, visit: Visit, field: RowField) -> dict[str, int | str]:
    """The values of a field; two of one that is chosen together with another."""
    name, kind = field.name, form.kind(field.name)
    if kind == "text":
        entered = ",".join(filter(None, (it.strip() for it in visit.form.getlist(name))))
        if form.named and name == "name" and not entered:
            raise invalid_value("name", worded("it is missing"))
        return {name: entered}
    text = visit.form.get(name, "").strip()
    if kind == "flag":
        return {name: int(text == "1")}
    if kind == "floor":
        lift, _dot, floor = text.partition(".")
        return {name: number_typed(name, lift), field.beside: number_typed(name, floor)}
    if not text and form.may_be_empty(name):
        return {name: AS_ALL}
    number = number_typed(name, text)
    if kind == "number":
        low, high = form.bounds(name)
        if not low <= number <= high:
            why = worded("allowed: %(low)s to %(high)s", low=low, high=high)
            raise invalid_value(name, why)
    return {name: number}


def _page(
    form: RowForm,
    visit: Visit,
    wrong: int = -1,
    refusal: FormRefusal | None = None,
    *,
    saved: int = -1,
) -> Response:
    rows = _rows(form, visit)
    if refusal:
        rows = [_as_typed(form, visit, it) if it.number == wrong else it for it in rows]
    return visit.page(
        "settings/rows.html",
        422 if refusal else 200,
        form=form,
        rows=rows,
        wrong=wrong,
        refusal=refusal,
        saved=saved,
        as_all=AS_ALL,
        targets={
            field.name: visit.rows(form.target(field.name), fields=["id", "name"], order=["name"])
            for field in form.fields
            if form.kind(field.name) == "row"
        },
        doors=[(door.id, door.shown) for door in visit.context.site.doors()],
        floors=[
            (
                f"{lift.id}.{floor.number}",
                _("%(lift)s, floor %(floor)s", lift=lift.shown, floor=floor.number),
            )
            for lift in visit.context.site.elevator
            for floor in lift.floor
        ],
    )


def _rows(form: RowForm, visit: Visit) -> list[ShownRow]:
    names = [field.name for field in REGISTRY[form.object_name].fields]
    stored = {row[form.key]: dict(row) for row in visit.rows(form.object_name, fields=names)}
    tied = {link.object_name: tied_rows(visit, _table(form, link)) for link in form.links}
    new = {field.name: field.default for field in REGISTRY[form.object_name].fields}
    if form.named:
        places = [(number, str(row["name"])) for number, row in stored.items()] + [(NEW, "")]
    else:
        places = form.doors(visit.context.site)
    offered = {link.object_name: _Offers(link, visit) for link in form.links}
    return [
        ShownRow(
            number,
            title,
            _fields(form, visit, number),
            stored.get(number, new),
            number in stored,
            {name: by_row.get(number, set()) for name, by_row in tied.items()},
            {
                name: offers.of(number, tied[name].get(number, set()))
                for name, offers in offered.items()
            },
        )
        for number, title in places
        if number in stored or not form.kept
    ]


def _as_typed(form: RowForm, visit: Visit, shown: ShownRow) -> ShownRow:
    """The row with what was typed, where that is more than nothing."""
    values = dict(shown.values)
    for field in shown.fields:
        name, kind = field.name, form.kind(field.name)
        if kind == "text":
            values[name] = ",".join(visit.form.getlist(name))
            continue
        text = visit.form.get(name, "0" if kind == "flag" else "")
        if kind == "floor":
            lift, _dot, floor = text.partition(".")
            values |= {name: lift, field.beside: floor}
        else:
            values[name] = int(text) if text.isdecimal() else text
    ticks = {
        link.object_name: {int(it) for it in visit.form.getlist(link.object_name) if it.isdecimal()}
        for link in form.links
    }
    return ShownRow(
        shown.number, shown.title, shown.fields, values, shown.is_stored, ticks, shown.choices
    )


class _Offers:
    """What may be tied to the rows of a form."""

    def __init__(self, link: RowLink, visit: Visit) -> None:
        site = visit.context.site
        self._readers = _readers_of_doors(visit) if link.choices == "readers" else None
        if link.choices == "doors":
            self._all: Choices = [(door.id, door.shown) for door in site.doors()]
        elif link.choices == "readers":
            self._all = [(reader.index, reader.shown) for reader in site.reader]
        else:
            rows = visit.rows(link.choices, fields=["id", "name"], order=["name"])
            self._all = [(row["id"], str(row["name"])) for row in rows]

    def of(self, row: int, tied: set[int]) -> Choices:
        """The choices of one row; what is tied can be untied, whatever it is."""
        if self._readers is None:
            return self._all
        there = self._readers.get(row, set()) | tied
        return [it for it in self._all if it[0] in there]


def _readers_of_doors(visit: Visit) -> dict[int, set[int]]:
    """The indices of the readers whose portal opens a door, by door."""
    context = visit.context
    rules = context.rules_cache.newest(context.store.reader(), context.store.models)
    topology = Topology(context.site, rules.snapshot)
    found: dict[int, set[int]] = {}
    for reader in context.site.reader:
        doors, _sides = topology.opened_by_reader(reader.index)
        for door in doors:
            found.setdefault(door, set()).add(reader.index)
    return found


def _views(form: RowForm) -> tuple[View, ...]:
    at, needs = f"/settings/doors/{form.slug}", Right.ADMINISTRATOR
    views = (
        View(at, partial(show, form), needs),
        View(f"{at}/<int:row>", partial(save, form), needs, "POST", labels=form.labels),
    )
    if form.kept:
        return views
    return (*views, View(f"{at}/<int:row>/clear", partial(clear, form), needs, "POST"))


VIEWS = tuple(view for form in ROW_FORMS for view in _views(form))

"""The page of the objects."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Choice, Extension, Field, Flag, Id, Int, Ref, Text

from .markdown import code, table
from .names import ABSENT_OBJECTS, OBJECTS, of_sections

ABOUT = """\
# Objects

Every object (table) that the Control iD Access API names, and what this device does with it. `make
docs` generates this page from `gateway/objects`. For every object
`tests/unit/api/test_every_object.py` proves create, read, modify and destroy over a real
socket, with values at the limits of the fields, and each refusal. The page says that the device
stores and returns rows, not that it acts on them: rows for parts that it lacks, such as
`timed_alarms` without a bell, have no effect.

If a request names no fields, a row shows all of these except those marked *when named*, which
clients do not expect.

A field in **bold** is required in a new row, *italics* are for administrators only, and `field →
object` refers to that object's rows.
"""

_ALL = "create, read, modify, destroy"


def page() -> str:
    """The whole page."""
    lines = [ABOUT]
    for title, names in of_sections(OBJECTS).items():
        there = [REGISTRY[name] for name in names if name in REGISTRY]
        lines += [f"## {title}", "", *table(("object", "works", "fields"), map(_row, there)), ""]
        absent = [name for name in names if name not in REGISTRY]
        if absent:
            rows = [(code(name), ABSENT_OBJECTS[name]) for name in absent]
            lines += [*table(("not there", "why"), rows), ""]
    return "\n".join(lines)


def _row(declared: ObjectType) -> tuple[str, str, str]:
    return code(declared.name), _works(declared), ", ".join(_fields(declared))


def _works(declared: ObjectType) -> str:
    if declared.secret:
        works = "read, by administrators; only the device writes it"
    elif declared.read_only:
        works = "read; only the device writes it"
    elif declared.made_by:
        works = f"read and rename; {declared.made_by} add and remove rows"
    elif declared.log:
        works = "read; modify and destroy for administrators; only the device adds rows"
    else:
        works = _ALL
    if declared.ring:
        works += f"; the newest {declared.ring:,} rows are kept"
    unique = [" + ".join(pair) for pair in declared.pairs_unique]
    if unique:
        works += f"; once each: {', '.join(map(code, unique))}"
    return works


def _fields(declared: ObjectType) -> Iterator[str]:
    for field in declared.fields:
        name = code(f"{field.name} → {field.target}" if isinstance(field, Ref) else field.name)
        if field.required:
            name = f"**{name}**"
        if field.secret:
            name = f"*{name}*"
        yield f"{name} {_kind(field)}".strip()


def _kind(field: Field) -> str:
    """What the field takes, where its type alone does not say it."""
    notes = []
    match field:
        case Flag():
            notes.append("0/1")
        case Choice():
            notes.append("/".join(map(str, field.choices)))
        case Text():
            notes.append("text")
        case Id() | Ref():
            pass
        case Int() if (field.minimum, field.maximum) != (Int("x").minimum, Int("x").maximum):
            notes.append(_range(field))
    if field.unique:
        notes.append("unique")
    if field.extension is Extension.OURS:
        notes.append("*when named*")
    elif field.extension:
        notes.append(f"*when named*, or with a {field.extension}")
    if field.derived:
        notes.append("kept by the device")
    return f"({', '.join(notes)})" if notes else ""


def _range(field: Int) -> str:
    if field.maximum == Int("x").maximum:
        return f"from {field.minimum}"
    return f"{field.minimum} to {field.maximum}"
